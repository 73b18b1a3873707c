"""Smart order routing, pure: split a quantity over markets by all-in cost, exactly for the books as they stand."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from itertools import combinations

from cambista.kernel.market import Level, Side

_ZERO = Decimal(0)
_ONE = Decimal(1)
_BPS = Decimal(10_000)
MARKETS_MAX = 12


@dataclass(frozen=True, slots=True)
class Market:
    """One place to trade, as the router sees it. Quantities in base, amounts in the quote asset.

    `levels` are the side to be taken, best first. The four `_bps` are added to each price: the taker's fee, what a
    price moves while the order travels, what is expected to be gone or fake in the book, and the risk of leaving
    money there. Orders are whole `lot`s worth at least `minimum`; `cap` is the most the house's exposure allows.
    """

    name: str
    levels: Sequence[Level]
    fee_bps: Decimal = _ZERO
    latency_bps: Decimal = _ZERO
    slippage_bps: Decimal = _ZERO
    risk_bps: Decimal = _ZERO
    lot: Decimal = Decimal("0.00000001")
    minimum: Decimal = _ZERO
    cap: Decimal | None = None

    @property
    def cost_bps(self) -> Decimal:
        return self.fee_bps + self.latency_bps + self.slippage_bps + self.risk_bps


@dataclass(frozen=True, slots=True)
class Leg:
    """What to send to one market: `limit` is the worst price it needs, `all_in` the expected cost (or proceeds)."""

    market: str
    quantity: Decimal
    limit: Decimal
    notional: Decimal
    all_in: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to trade how much, what stays unrouted, and why each market got what it got."""

    legs: Sequence[Leg]
    unrouted: Decimal
    all_in: Decimal
    why: Mapping[str, str]


def route(side: Side, quantity: Decimal, markets: Sequence[Market], *, limit: Decimal | None = None) -> Plan:
    """The plan that routes most of `quantity`, and of those the cheapest (a sale's: the dearest).

    Within one set of markets the cost is separable and convex, so taking the next best lot wherever it is, after each
    market's least order, is exact (Federgruen and Groenevelt 1986). Which markets to use at all is tried out, but only
    where a market's least order stands in the way of the plain answer. No leg needs a price beyond `limit`.
    """
    assert len(markets) <= MARKETS_MAX
    usable = [_Priced(side, market, limit) for market in markets]
    plain = _allot(usable, quantity, forced=frozenset())
    if not _short(plain):
        return _plan(side, quantity, usable, plain)
    picky = frozenset(each.market.name for each in usable if each.market.minimum)
    best: list[_Taken] = []
    for count in range(len(picky) + 1):
        for left_out in combinations(sorted(picky), count):
            kept = [each for each in usable if each.market.name not in left_out]
            tried = _allot(kept, quantity, forced=picky.difference(left_out))
            if tried and not _short(tried) and (not best or _better(side, tried, best)):
                best = tried
    return _plan(side, quantity, usable, best)


class _Priced:
    """A market with the next lots' all-in prices, signed so that the smallest is the best."""

    __slots__ = ("depth", "factor", "market", "sign")

    def __init__(self, side: Side, market: Market, limit: Decimal | None) -> None:
        self.sign = _ONE if side is Side.BUY else -_ONE
        self.market = market
        self.factor = _ONE + self.sign * market.cost_bps / _BPS
        self.depth = _within(market, limit, self.sign)

    def steps(self) -> Iterator[tuple[Decimal, Decimal, Decimal]]:
        """Signed all-in price, price and whole lots; a lot that spans two levels has the worse one's price."""
        lot, cap = self.market.lot, self.market.cap
        room = self.depth if cap is None else min(self.depth, cap)
        room -= room % lot
        seen = given = _ZERO
        for level in self.market.levels:
            if given >= room:
                return
            seen += level.quantity
            whole = min(seen, room) - min(seen, room) % lot
            if whole > given:
                yield level.price * self.factor * self.sign, level.price, whole - given
                given = whole


def _within(market: Market, limit: Decimal | None, sign: Decimal) -> Decimal:
    levels = (level for level in market.levels if limit is None or level.price * sign <= limit * sign)
    return sum((level.quantity for level in levels), _ZERO)


class _Taken:
    """What one market gets."""

    __slots__ = ("all_in", "limit", "notional", "priced", "quantity")

    def __init__(self, priced: _Priced) -> None:
        self.priced = priced
        self.quantity = self.notional = self.all_in = self.limit = _ZERO

    def take(self, price: Decimal, quantity: Decimal) -> None:
        self.quantity += quantity
        self.notional += price * quantity
        self.all_in += price * self.priced.factor * quantity
        self.limit = price

    @property
    def is_short(self) -> bool:
        return bool(self.quantity) and self.notional < self.priced.market.minimum


def _allot(markets: Sequence[_Priced], quantity: Decimal, *, forced: frozenset[str]) -> list[_Taken]:
    """Each forced market's least order, then the best next lot wherever it is."""
    taken = [_Taken(each) for each in markets]
    queue: list[tuple[Decimal, int, Decimal, Decimal, Iterator[tuple[Decimal, Decimal, Decimal]]]] = []
    left = quantity
    for index, each in enumerate(taken):
        steps = each.priced.steps()
        if each.priced.market.name in forced:
            left, rest = _least(each, steps, left)
        else:
            rest = next(steps, None)
        if rest is not None:
            heapq.heappush(queue, (rest[0], index, rest[1], rest[2], steps))
    while queue and left > 0:
        _, index, price, offered, steps = heapq.heappop(queue)
        each = taken[index]
        lot = each.priced.market.lot
        wanted = min(offered, left - left % lot)
        if wanted > 0:
            each.take(price, wanted)
            left -= wanted
        if wanted == offered and (step := next(steps, None)) is not None:
            heapq.heappush(queue, (step[0], index, step[1], step[2], steps))
    return [each for each in taken if each.quantity]


def _least(
    each: _Taken, steps: Iterator[tuple[Decimal, Decimal, Decimal]], left: Decimal
) -> tuple[Decimal, tuple[Decimal, Decimal, Decimal] | None]:
    """Take a market's least order; what is left to route, and the rest of the level it ended in."""
    lot, minimum = each.priced.market.lot, each.priced.market.minimum
    for signed, price, offered in steps:
        missing = max(_ZERO, minimum - each.notional) / price
        lots = (missing / lot).to_integral_value(ROUND_CEILING) * lot
        wanted = min(offered, lots, left - left % lot)
        if wanted:
            each.take(price, wanted)
            left -= wanted
        if each.notional >= minimum or wanted < min(offered, lots):
            return left, (signed, price, offered - wanted) if offered > wanted else next(steps, None)
    return left, None


def _short(taken: Sequence[_Taken]) -> bool:
    return any(each.is_short for each in taken)


def _better(side: Side, one: Sequence[_Taken], other: Sequence[_Taken]) -> bool:
    sign = _ONE if side is Side.BUY else -_ONE
    quantities = [sum((each.quantity for each in taken), _ZERO) for taken in (one, other)]
    costs = [sum((each.all_in for each in taken), _ZERO) * sign for taken in (one, other)]
    return (-quantities[0], costs[0]) < (-quantities[1], costs[1])


def _plan(side: Side, quantity: Decimal, markets: Sequence[_Priced], taken: Sequence[_Taken]) -> Plan:
    legs = [Leg(each.priced.market.name, each.quantity, each.limit, each.notional, each.all_in) for each in taken]
    routed = sum((leg.quantity for leg in legs), _ZERO)
    by_name = {leg.market: leg for leg in legs}
    why = {each.market.name: _reason(each, by_name.get(each.market.name)) for each in markets}
    return Plan(tuple(legs), quantity - routed, sum((leg.all_in for leg in legs), _ZERO), why)


def _reason(priced: _Priced, leg: Leg | None) -> str:
    market = priced.market
    if leg is not None:
        full = market.cap is not None and leg.quantity + market.lot > market.cap
        cost = f"{leg.all_in / leg.quantity:.8f} all in"
        return f"{cost}, up to its exposure cap" if full else cost
    if not market.levels or not priced.depth:
        return "nothing offered within the limit"
    if market.cap is not None and market.cap < market.lot:
        return "exposure cap reached"
    return f"dearer: first lot {market.levels[0].price * priced.factor:.8f} all in, or less than its least order"
