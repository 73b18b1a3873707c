"""What the rate book makes of a publication: absurd, stuck or accepted; and whose quotes a correction would change."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from cambista.kernel.market import Pair
from cambista.pricing.rules.decimals import ONE, exact, median, text
from cambista.pricing.types import RateRecord, RateVerdict, Receipt
from cambista.venues import RateName, ReferenceRate

WITNESS_FOR = timedelta(days=62)
_MOVED = Decimal("0.0005")


@exact
def judge_rate(
    rate: ReferenceRate,
    before: Sequence[Decimal],
    peers: Sequence[Sequence[Decimal]],
    *,
    absurd_factor: Decimal,
    stuck_after: int,
) -> RateVerdict:
    """`before` is the source's own series, newest first; `peers` the series of other sources of that rate and pair.

    Absurd: not a positive number, or off by `absurd_factor` or more from the peers' median or, without peers, from its
    own last value. Stuck: the same value for `stuck_after` publications in a row while the median peer moved.
    """
    value = rate.value
    if not value.is_finite() or value <= 0:
        return RateVerdict.ABSURD
    latest = [series[0] for series in peers if series]
    witness = median(latest) if latest else (before[0] if before else None)
    if witness is not None and not ONE / absurd_factor < value / witness < absurd_factor:
        return RateVerdict.ABSURD
    run = list(before[: stuck_after - 1])
    if len(run) == stuck_after - 1 and all(each == value for each in run) and _peers_moved(peers, stuck_after):
        return RateVerdict.STUCK
    return RateVerdict.ACCEPTED


def _peers_moved(peers: Sequence[Sequence[Decimal]], publications: int) -> bool:
    moves = [abs(series[0] / series[publications - 1] - ONE) for series in peers if len(series) >= publications]
    return bool(moves) and median(moves) > _MOVED


def affected_receipts(corrected: ReferenceRate, receipts: Iterable[Receipt]) -> list[str]:
    """Quote ids whose evidence used that source's rate for those days at another value."""
    found = []
    for receipt in receipts:
        content = json.loads(receipt.content)
        if any(_differs(corrected, leg) for leg in content["market"]["legs"]):
            found.append(str(content["request"]["quote_id"]))
    return found


def _differs(corrected: ReferenceRate, leg: Mapping[str, object]) -> bool:
    rows = leg["sources"]
    assert isinstance(rows, list)
    if leg["pair"] != str(corrected.pair):
        return False
    days = [corrected.valid_from.isoformat(), corrected.valid_to.isoformat()]
    return any(
        row[0] == corrected.source
        and row[2] == corrected.rate.value
        and row[9] in ("used", "witness")
        and len(row) > 10
        and row[10] <= days[1]
        and row[11] >= days[0]
        and row[3] != text(corrected.value)
        for row in rows
    )


def judge_publications(
    rates: Sequence[ReferenceRate], known: Sequence[RateRecord], *, absurd_factor: Decimal, stuck_after: int
) -> list[RateRecord]:
    """Judge publications in the order given (oldest day first) against what is known; those already known are left out.

    Witnesses are the accepted values of the last two months: the source's own, and those of other sources of the
    same rate name and pair. Absurd values never become witnesses.
    """
    book = _Book(stuck_after)
    waiting = sorted(known, key=lambda record: record.rate.valid_from)
    place = 0
    entered = []
    for rate in rates:
        while place < len(waiting) and waiting[place].rate.valid_from <= rate.valid_from:
            book.enter(waiting[place])
            place += 1
        if book.holds(rate):
            continue
        before, peers = book.witnesses(rate)
        verdict = judge_rate(rate, before, peers, absurd_factor=absurd_factor, stuck_after=stuck_after)
        record = RateRecord(rate, verdict)
        entered.append(record)
        book.enter(record)
    return entered


class _Book:
    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._latest: dict[tuple[str, RateName, Pair, date], ReferenceRate] = {}
        self._series: dict[tuple[RateName, Pair], dict[str, list[ReferenceRate]]] = {}

    def holds(self, rate: ReferenceRate) -> bool:
        known = self._latest.get((rate.source, rate.rate, rate.pair, rate.valid_from))
        return known is not None and (known.value, known.valid_to) == (rate.value, rate.valid_to)

    def enter(self, record: RateRecord) -> None:
        rate = record.rate
        self._latest[(rate.source, rate.rate, rate.pair, rate.valid_from)] = rate
        if record.verdict is RateVerdict.ABSURD:
            return
        series = self._series.setdefault((rate.rate, rate.pair), {}).setdefault(rate.source, [])
        series[:] = [each for each in series if each.valid_from != rate.valid_from]
        series.insert(0, rate)
        series.sort(key=lambda each: each.valid_from, reverse=True)
        del series[self._depth :]

    def witnesses(self, rate: ReferenceRate) -> tuple[list[Decimal], list[list[Decimal]]]:
        recent: dict[str, list[Decimal]] = {}
        for source, series in self._series.get((rate.rate, rate.pair), {}).items():
            recent[source] = [
                each.value
                for each in series
                if each.valid_from != rate.valid_from or source != rate.source
                if abs(rate.valid_from - each.valid_from) <= WITNESS_FOR
            ]
        own = recent.pop(rate.source, [])
        return own, [series for series in recent.values() if series]
