"""The latest trades and quotes."""

from zoneinfo import ZoneInfo

from cambista.console import formats
from cambista.console.panels.markup import empty, esc, panel, rung_dot
from cambista.console.snapshot import Snapshot
from cambista.console.texts import Language, Texts, texts
from cambista.kernel.market import Side
from cambista.trading import Quote, QuoteKind, Terms, Trade

BOGOTA = ZoneInfo("America/Bogota")
ROWS = 14


def trades(snapshot: Snapshot, language: Language) -> str:
    """The newest trades, the newest first."""
    words = texts(language)
    if not snapshot.trades:
        return panel(words.latest_trades, empty(words.no_trades))
    rows = "".join(_trade(each, language) for each in snapshot.trades[:ROWS])
    head = _head(words.time, words.pair, words.side, words.amount, words.price, words.usd)
    return panel(words.latest_trades, f'<div class="table"><table>{head}<tbody>{rows}</tbody></table></div>')


def quotes(snapshot: Snapshot, language: Language) -> str:
    """The newest quotes, the newest first, with what became of them."""
    words = texts(language)
    if not snapshot.quotes:
        return panel(words.latest_quotes, empty(words.no_quotes))
    taken = {trade.quote_id for trade in snapshot.trades}
    rows = "".join(_quote(each, snapshot, language, taken=each.id in taken) for each in snapshot.quotes[:ROWS])
    head = _head(words.time, words.pair, words.side, words.amount, words.price, words.state)
    return panel(words.latest_quotes, f'<div class="table"><table>{head}<tbody>{rows}</tbody></table></div>')


def _head(*names: str) -> str:
    kinds = ("time", "pair-head", "side-cell", "num", "num", "num")
    cells = "".join(f'<th scope="col" class="{kind}">{esc(name)}</th>' for kind, name in zip(kinds, names, strict=True))
    return f"<thead><tr>{cells}</tr></thead>"


def _terms(terms: Terms, words: Texts, language: Language) -> str:
    side = words.buy if terms.side is Side.BUY else words.sell
    return (
        f'<td class="pair-cell">{rung_dot(terms.rung, words)}{esc(terms.pair)}</td>'
        f'<td class="side-cell {terms.side.value}">{side}</td>'
        f'<td class="num amount {terms.side.value}" title="{side}">{formats.amount(terms.base, language)}</td>'
        f'<td class="num">{formats.price(terms.price.value, terms.pair, language)}</td>'
    )


def _trade(trade: Trade, language: Language) -> str:
    words = texts(language)
    return (
        f'<tr data-key="{trade.id}" class="new"><td class="time">{formats.clock(trade.executed_at, BOGOTA)}</td>'
        f"{_terms(trade.terms, words, language)}"
        f'<td class="num strong">{formats.amount(trade.terms.notional, language)}</td></tr>'
    )


def _quote(quote: Quote, snapshot: Snapshot, language: Language, *, taken: bool) -> str:
    words = texts(language)
    state, name = _state(quote, snapshot, words, taken=taken)
    return (
        f'<tr data-key="{quote.id}" class="new"><td class="time">{formats.clock(quote.created_at, BOGOTA)}</td>'
        f"{_terms(quote.terms, words, language)}"
        f'<td class="num"><span class="state {state}">{esc(name)}</span></td></tr>'
    )


def _state(quote: Quote, snapshot: Snapshot, words: Texts, *, taken: bool) -> tuple[str, str]:
    if taken or quote.kind is QuoteKind.DIRECT:
        return "taken", words.quote_taken
    if quote.kind is QuoteKind.REFERENCE:
        return "reference", words.quote_reference
    left = quote.expires_at - snapshot.at
    if left.total_seconds() <= 0:
        return "expired", words.quote_expired
    return "open", f"{words.quote_open} {formats.age(left)}"
