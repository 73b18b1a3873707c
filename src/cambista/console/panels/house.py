"""How the house itself stands: the day's figures, tills and exposure, trial balance, venues."""

from decimal import Decimal

from cambista.console import formats
from cambista.console.exposure import Till, total_usd
from cambista.console.panels.markup import empty, esc, panel
from cambista.console.snapshot import Snapshot
from cambista.console.texts import Language, Texts, texts
from cambista.ledger import TrialBalanceLine
from cambista.venues import VenueHealth

BAR_FULL = Decimal("2.5")
_ZERO = Decimal(0)


def figures(snapshot: Snapshot, language: Language) -> str:
    """The day in six figures, the last of them whether the books balance."""
    words, day = texts(language), snapshot.day
    shown = (
        (words.trades_today, "" if day is None else formats.number(Decimal(day.trades), 0, language), ""),
        (words.volume_today, "" if day is None else formats.number(day.notional_usd, 0, language), "USD"),
        (words.spread_today, "" if day is None else formats.number(day.spread_usd, 2, language), "USD"),
        (words.fees_today, "" if day is None else formats.number(day.fees_usd, 2, language), "USD"),
        (words.inventory, formats.number(total_usd(snapshot.tills), 0, language) if snapshot.tills else "", "USD"),
    )
    cells = "".join(_figure(name, value, unit) for name, value, unit in shown)
    return f'<div class="figures">{cells}{_balance_sign(snapshot, words)}</div>'


def tills(snapshot: Snapshot, language: Language) -> str:
    """Each till: what it holds, its value, and a bar with a mark at its target."""
    words = texts(language)
    if not snapshot.tills:
        return panel(words.tills, empty(words.no_tills))
    largest = max((till.usd or _ZERO for till in snapshot.tills), default=_ZERO)
    rows = "".join(_till(till, largest, words, language) for till in snapshot.tills)
    total = f"USD {formats.number(total_usd(snapshot.tills), 0, language)}"
    return panel(words.tills, f'<ul class="holdings">{rows}</ul>', aside=total)


def books(snapshot: Snapshot, language: Language) -> str:
    """The trial balance: the sum of all balances of each asset, zero when the books balance."""
    words, trial = texts(language), snapshot.books
    if trial is None:
        return panel(words.trial_balance, empty(words.not_counted))
    accounts = words.accounts.format(count=formats.number(Decimal(sum(i.accounts for i in trial.items)), 0, language))
    cells = "".join(_total(line, language) for line in trial.items)
    return panel(words.trial_balance, f'<ul class="totals">{cells}</ul>', aside=esc(accounts))


def venues(snapshot: Snapshot, language: Language) -> str:
    """How each venue is doing."""
    words = texts(language)
    if not snapshot.venues:
        return panel(words.venues, empty(words.no_venues))
    rows = "".join(_venue(venue, snapshot, words, language) for venue in snapshot.venues)
    return panel(words.venues, f'<ul class="markets">{rows}</ul>')


def _figure(name: str, value: str, unit: str) -> str:
    unit = f"<i>{unit}</i>" if unit and value else ""
    return f'<div class="figure"><h3>{esc(name)}</h3><p data-tick>{unit}{value or "—"}</p></div>'


def _balance_sign(snapshot: Snapshot, words: Texts) -> str:
    state, sign, text = "waiting", "…", words.not_counted
    if snapshot.books is not None:
        balanced = snapshot.books.balanced
        state, sign, text = ("yes", "✓", words.balanced) if balanced else ("no", "✗", words.not_balanced)
    return (
        f'<div class="figure balance {state}"><h3>{esc(words.trial_balance)}</h3>'
        f'<p><span class="sign" aria-hidden="true">{sign}</span>{esc(text)}</p></div>'
    )


def _till(till: Till, largest: Decimal, words: Texts, language: Language) -> str:
    code = esc(till.posted.asset.code)
    value = "—" if till.usd is None else formats.number(till.usd, 0, language)
    share = till.fullness / BAR_FULL if till.fullness is not None else (till.usd or _ZERO) / (largest or Decimal(1))
    held = till.held.decimal / till.posted.decimal if till.posted.units > 0 else _ZERO
    mark = '<span class="mark"></span>' if till.target else ""
    return (
        f'<li data-key="{code}" title="{esc(_till_title(till, words, language))}"><b>{code}</b>'
        f'<span class="bar"><span class="fill {_fill(till)}" style="width:{_width(share)}%">'
        f'<span class="held" style="width:{_width(held)}%"></span></span>{mark}</span>'
        f'<span class="holding">{formats.brief(till.posted.decimal, language)}</span>'
        f'<span class="worth">{value}</span></li>'
    )


def _till_title(till: Till, words: Texts, language: Language) -> str:
    parts = [f"{formats.amount(till.posted, language)} {till.posted.asset.code}"]
    if till.held.units:
        parts.append(f"{words.held}: {formats.amount(till.held, language)}")
    if till.fullness is not None:
        parts.append(words.of_target.format(percent=formats.number(till.fullness * 100, 0, language)))
    return " · ".join(parts)


def _fill(till: Till) -> str:
    fullness = till.fullness
    if fullness is None:
        return "free"
    return "short" if fullness < Decimal("0.5") else "long" if fullness > Decimal("2.25") else "fit"


def _width(share: Decimal) -> str:
    return f"{min(max(share, _ZERO), Decimal(1)) * 100:.1f}"


def _total(line: TrialBalanceLine, language: Language) -> str:
    code = esc(line.asset.code)
    total = formats.number(Decimal(line.total).scaleb(-line.asset.scale), line.asset.scale, language)
    state, sign = ("yes", "✓") if line.total == 0 else ("no", "✗")
    return f'<li data-key="{code}" class="{state}"><b>{code}</b><span>{total}</span><i>{sign}</i></li>'


def _venue(venue: VenueHealth, snapshot: Snapshot, words: Texts, language: Language) -> str:
    name = str(getattr(words, f"venue_{venue.state.value}"))
    age = "" if venue.last_observation_at is None else formats.age(snapshot.at - venue.last_observation_at)
    count = formats.number(Decimal(venue.observations), 0, language)
    return (
        f'<li data-key="{esc(venue.name)}" title="{esc(venue.last_error)}">'
        f'<span class="dot {venue.state.value}"></span><b>{esc(venue.name)}</b>'
        f'<span class="state {venue.state.value}">{esc(name)}</span>'
        f'<span class="seen">{age}</span><span class="seen">{count}</span></li>'
    )
