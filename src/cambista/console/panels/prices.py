"""The price board: a card for every pair, and the chosen pair in large above its chart."""

from decimal import Decimal

from cambista.console import formats
from cambista.console.board import INTERVALS
from cambista.console.chart import LIVE
from cambista.console.panels.markup import direction, empty, esc, panel, rung_badge, rung_dot, sparkline
from cambista.console.snapshot import PriceLine, Snapshot
from cambista.console.texts import Language, Texts, texts
from cambista.kernel.registry import PAIRS


def price_board(snapshot: Snapshot, language: Language, *, chosen: str) -> str:
    """A card a pair, those without a price last: never a zero, never an old number without its age."""
    words = texts(language)
    cards = [_card(line, snapshot, language, chosen=str(line.pair) == chosen) for line in snapshot.prices]
    priced = {str(line.pair) for line in snapshot.prices}
    cards += [_bare_card(name, words) for name, spec in PAIRS.items() if spec.enabled and name not in priced]
    count = f'<span class="count">{len(priced)}/{len(cards)}</span>'
    return panel(words.prices, f'<div class="cards">{"".join(cards)}</div>', aside=count)


def focus(snapshot: Snapshot, language: Language, *, chosen: str, interval: str) -> str:
    """The chosen pair in large: bid and ask, mid, spread, rung and sources; under it the chart's intervals."""
    words = texts(language)
    line = snapshot.line(chosen)
    if line is None:
        return f'<div class="focus"><h1>{_name(chosen)}</h1>{empty(words.no_price)}</div>{_intervals(interval, words)}'
    now, pair = line.current, line.pair
    sources = ", ".join(now.sources)
    return (
        f'<div class="focus"><div class="focus-name"><h1>{_name(chosen)}</h1>'
        f'<p class="focus-rung">{rung_badge(now.rung, words)}'
        f'<span class="age">{formats.age(snapshot.at - now.observed_at)}</span>'
        f'<span class="sources" title="{esc(sources)}">{esc(sources)}</span></p></div>'
        f'<dl class="two-way"><div class="bid"><dt>{words.bid}</dt>'
        f"<dd>{_price(now.bid, line, language)}</dd></div>"
        f'<div class="mid {direction(line.moved)}"><dt>{words.mid}</dt><dd>'
        f"{formats.price(now.mid, pair, language)}</dd></div>"
        f'<div class="ask"><dt>{words.ask}</dt><dd>{_price(now.ask, line, language)}</dd></div>'
        f'<div class="bps"><dt>{words.spread}</dt>'
        f"<dd>{formats.number(line.spread_bps, 1, language)} <i>bps</i></dd></div>"
        f'<div class="bps"><dt>{words.change}</dt><dd>{_change(line, language)}</dd></div></dl></div>'
        f"{_intervals(interval, words)}"
    )


def _intervals(chosen: str, words: Texts) -> str:
    buttons = "".join(
        f'<button type="button" data-act="interval" data-value="{each}" aria-pressed="{str(each == chosen).lower()}">'
        f"{words.interval_live if each == LIVE else each}</button>"
        for each in (LIVE, *INTERVALS)
    )
    return f'<div class="intervals" role="group">{buttons}</div>'


def _card(line: PriceLine, snapshot: Snapshot, language: Language, *, chosen: bool) -> str:
    words, now, pair = texts(language), line.current, line.pair
    count = len(now.sources)
    sources = (words.source_one if count == 1 else words.source_many).format(count=count)
    return (
        f'<button type="button" class="card{" chosen" if chosen else ""}" data-key="{esc(pair)}" data-act="pair" '
        f'data-value="{esc(pair)}" aria-pressed="{str(chosen).lower()}">'
        f'<span class="name">{rung_dot(now.rung, words)}{_name(str(pair))}</span>{sparkline(line.trail)}'
        f'<span class="mid {direction(line.moved)}" data-tick>{formats.price(now.mid, pair, language)}</span>'
        f'<span class="sides"><b class="bid" title="{words.bid}">{formats.price(now.bid, pair, language)}</b>'
        f'<b class="ask" title="{words.ask}">{formats.price(now.ask, pair, language)}</b></span>'
        f'<span class="foot"><span class="age" title="{esc(sources)}: {esc(", ".join(now.sources))}">'
        f"{formats.age(snapshot.at - now.observed_at)} · {count}</span>{_change(line, language)}</span></button>"
    )


def _bare_card(name: str, words: Texts) -> str:
    return (
        f'<div class="card bare" data-key="{esc(name)}"><span class="name"><span class="dot"></span>'
        f'{_name(name)}</span><span class="mid">{words.no_price}</span></div>'
    )


def _name(pair: str) -> str:
    base, _, quote = pair.partition("/")
    return f'<span class="pair"><strong>{esc(base)}</strong><i>/{esc(quote)}</i></span>'


def _price(value: Decimal, line: PriceLine, language: Language) -> str:
    """A price with its last digits, the ones that move, set apart."""
    text = formats.price(value, line.pair, language)
    cut = max(len(text) - 2, 0)
    return f"{text[:cut]}<em>{text[cut:]}</em>"


def _change(line: PriceLine, language: Language) -> str:
    change = line.change
    if change is None:
        return '<span class="change flat">—</span>'
    return f'<span class="change {direction(change)}">{formats.percent(change, language)}</span>'
