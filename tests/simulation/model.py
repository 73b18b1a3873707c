"""The reference model: what the house must answer to each request, and what must stand in its books afterwards.

Written apart from the house: plain dictionaries, one request at a time, no SQL, no batches, no code of `cambista`.
Amounts are whole units. What only the house knows (the exact price) is taken from its answer and checked afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.simulation import operations as ops
from tests.simulation.books import Name, ReferenceBooks
from tests.simulation.funding_model import FundingModel
from tests.simulation.verdicts import Judgement, Violation, expect, judgement

BOGOTA = timezone(timedelta(hours=-5))
OPEN_QUOTES_MAX = 6
QUOTE_TTL = timedelta(seconds=15)
TRADE_MAX, DAY_MAX = 50_000_00, 200_000_00
ROUGHLY = Decimal("1.15")

Legs = list[tuple[Name, Name, int]]


@dataclass
class Terms:
    """A quote as the house's answer named it."""

    customer: UUID
    kind: str
    base_asset: str
    quote_asset: str
    side: str
    base: int
    quote: int
    fee: int
    spread: int
    notional: int
    expires_at: datetime
    traded: bool = False


@dataclass
class Model:
    """`worth` says roughly what a whole unit of an asset is worth in USD, `scales` how many digits each asset has,
    `sizes` the least and most base units of a pair, `heard` whether somebody in the market speaks about a pair."""

    worth: Callable[[str], Decimal]
    scales: dict[str, int]
    sizes: dict[str, tuple[int, int]]
    heard: Callable[[str], bool]
    books: ReferenceBooks = field(default_factory=ReferenceBooks)
    quotes: dict[UUID, Terms] = field(default_factory=dict)
    trades: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    limits: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    used: dict[tuple[UUID, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.funding = FundingModel(self.books)

    # ------------------------------------------------------------------------------------------------ judging
    def judge(self, operation: ops.Operation, now: datetime) -> Judgement:
        """What the house may answer to `operation` at `now`."""
        match operation:
            case ops.RequestQuote():
                return self._judge_quote(operation, now)
            case ops.AcceptQuote():
                return self._judge_acceptance(operation, now)
            case ops.DirectTrade():
                return self._judge_direct(operation, now)
            case ops.Reverse():
                return self._judge_reversal(operation)
            case _:
                return self.funding.judge(operation, now)

    def _judge_quote(self, asked: ops.RequestQuote, now: datetime) -> Judgement:
        base, quote = asked.pair.split("/")
        firm = asked.kind == "firm"
        own = [q for q in self.quotes.values() if q.customer == asked.customer and q.kind == "firm"]
        is_open = [q for q in own if not q.traded and q.expires_at > now]
        till = ("till", "", base if asked.side == "buy" else quote)
        need = self._rough(asked.amount_asset, asked.units, till[2])
        rough = self._rough(asked.amount_asset, asked.units, base)
        doubts = self._price_doubts(asked.pair, rough / ROUGHLY, rough * ROUGHLY)
        if asked.amount_asset == base:
            doubts = self._price_doubts(asked.pair, rough, rough)
        return judgement(
            {
                "amount_too_small": rough * ROUGHLY < self.sizes[asked.pair][0],
                "open_quotes_exceeded": firm and len(is_open) >= OPEN_QUOTES_MAX,
                "account_frozen": firm and self.books.frozen(till),
            },
            {"till_short": firm and self.books.available(till) < need * ROUGHLY, **doubts},
        )

    def _judge_acceptance(self, asked: ops.AcceptQuote, now: datetime) -> Judgement:
        terms = self.quotes.get(asked.quote)
        if terms is None or terms.customer != asked.customer:
            return judgement({"quote_not_found": True})
        if terms.kind == "reference":
            return judgement({"quote_not_firm": True})
        if terms.traded or terms.kind == "direct":
            # Both are true of a taken quote that would not fit either.
            over = self._over_limit(asked.customer, terms.notional, now)
            return judgement({"quote_taken": True}, {"limit_exceeded": over})
        legs = trade_legs(terms)
        hold = self.books.holds[asked.quote]
        lacking = self.books.short(legs, asked.quote)
        return judgement(
            {
                "quote_expired": hold.status != "open" or terms.expires_at <= now,
                "limit_exceeded": self._over_limit(asked.customer, terms.notional, now),
                "account_frozen": self.books.frozen(*names(legs)),
                "insufficient_funds": any(name[0] == "customer" for name in lacking),
                "till_short": any(name[0] == "till" for name in lacking),
            },
        )

    def _judge_direct(self, asked: ops.DirectTrade, now: datetime) -> Judgement:
        base, quote = asked.pair.split("/")
        gives, gets = (quote, base) if asked.side == "buy" else (base, quote)
        own = [("customer", str(asked.customer), asset) for asset in (base, quote)]
        need = self._rough(base, asked.units, gives) * (ROUGHLY if gives == quote else 1)
        notional = int(self._rough(base, asked.units, "USD") * ROUGHLY)
        frozen = self.books.frozen(*own)
        has = self.books.available(("customer", str(asked.customer), gives))
        return judgement(
            {
                "price_moved": not asked.reachable,
                "account_frozen": frozen,
                "insufficient_funds": gives == base and has < asked.units,
            },
            {
                **self._price_doubts(asked.pair, Decimal(asked.units), Decimal(asked.units)),
                "insufficient_funds": has < need,
                "limit_exceeded": self._over_limit(asked.customer, notional, now),
                "till_short": self.books.available(("till", "", gets)) < self._rough(base, asked.units, gets) * ROUGHLY,
            },
        )

    def _judge_reversal(self, asked: ops.Reverse) -> Judgement:
        moved = self.books.transfers.get(asked.transfer)
        if moved is None:
            return judgement({"transfer_not_found": True})
        if moved.undone_by == asked.new_transfer:
            return judgement({})
        legs = [(destination, source, units) for source, destination, units in reversed(moved.legs)]
        return judgement(
            {
                "transfer_reversed": moved.undone_by is not None,
                "account_frozen": self.books.frozen(*names(legs)),
                "insufficient_funds": bool(self.books.short(legs)),
            }
        )

    # ----------------------------------------------------------------------------------------------- applying
    def apply(self, operation: ops.Operation, fields: dict[str, Any], now: datetime) -> None:
        """Take in what the house has acknowledged; raises Violation where it should not have."""
        match operation:
            case ops.RequestQuote():
                self._apply_quote(operation, fields)
            case ops.AcceptQuote():
                self._apply_trade(operation.quote, fields, now)
            case ops.DirectTrade():
                self._apply_direct(operation, fields, now)
            case ops.ExpireHolds():
                self.books.expire(now)
            case ops.Reverse():
                self._apply_reversal(operation, fields)
            case ops.Freeze():
                name = ("customer", str(operation.customer), operation.asset)
                self.books.account(name).frozen = operation.frozen
            case ops.SetLimits():
                self.limits[operation.customer] = (operation.trade_max, operation.day_max)
            case _:
                self.funding.apply(operation, fields, now)

    def _apply_reversal(self, asked: ops.Reverse, fields: dict[str, Any]) -> None:
        moved = self.books.transfers[asked.transfer]
        if moved.undone_by == asked.new_transfer:
            return
        legs = [(destination, source, units) for source, destination, units in reversed(moved.legs)]
        self.books.move(asked.new_transfer, legs, datetime.fromisoformat(fields["booked_at"]))
        moved.undone_by = self.books.transfers[asked.new_transfer].undone_by = asked.new_transfer

    def _apply_quote(self, asked: ops.RequestQuote, fields: dict[str, Any]) -> None:
        terms = _terms(fields)
        amount = terms.base if asked.amount_asset == terms.base_asset else terms.quote
        answers = (terms.customer, terms.kind, fields["pair"], terms.side, amount)
        asks = (asked.customer, asked.kind, asked.pair, asked.side, asked.units)
        expect(answers == asks, "quote_answers_what_was_asked", f"{answers} for {asks}")
        self._remember(UUID(fields["id"]), terms)
        if terms.kind == "firm":
            till, units = reserved(terms)
            expect(self.books.available(till) >= units, "no_account_below_its_floor", f"{till} reserves {units}")
            self.books.hold(UUID(fields["id"]), till, units, terms.expires_at)

    def _apply_trade(self, quote: UUID, fields: dict[str, Any], now: datetime) -> None:
        terms = self.quotes[quote]
        expect(_same_terms(terms, _terms(fields)), "trade_has_its_quotes_terms", fields)
        expect(not terms.traded, "quote_traded_at_most_once", quote)
        self._settle(quote, terms, fields, now)

    def _apply_direct(self, asked: ops.DirectTrade, fields: dict[str, Any], now: datetime) -> None:
        terms = _terms(fields)
        terms.kind = "direct"
        price, limit = Decimal(fields["price"]), Decimal(asked.limit)
        kept = price <= limit if asked.side == "buy" else price >= limit
        expect(kept, "direct_trade_keeps_its_limit", f"{price} against {limit}")
        answers = (terms.customer, fields["pair"], terms.side, terms.base)
        asks = (asked.customer, asked.pair, asked.side, asked.units)
        expect(answers == asks, "trade_answers_what_was_asked", f"{answers} for {asks}")
        expect(not self.books.short(trade_legs(terms)), "no_account_below_its_floor", fields)
        expect(
            not self._over_limit(asked.customer, terms.notional, datetime.fromisoformat(fields["executed_at"])),
            "limits_hold",
            fields,
        )
        self._remember(UUID(fields["quote_id"]), terms)
        self._settle(UUID(fields["quote_id"]), terms, fields, now)

    def _settle(self, quote: UUID, terms: Terms, fields: dict[str, Any], now: datetime) -> None:
        terms.traded = True
        executed = datetime.fromisoformat(fields["executed_at"])
        hold = quote if terms.kind == "firm" else None
        self.books.move(UUID(fields["id"]), trade_legs(terms), executed, hold)
        self.trades[UUID(fields["id"])] = {"quote_id": str(quote), **fields}
        day = (terms.customer, _day(executed))
        self.used[day] = self.used.get(day, 0) + terms.notional

    def _remember(self, id: UUID, terms: Terms) -> None:
        expect(id not in self.quotes, "ids_are_new", id)
        self.quotes[id] = terms

    # ------------------------------------------------------------------------------------------------ helping
    def _over_limit(self, customer: UUID, notional: int, now: datetime) -> bool:
        trade_max, day_max = self.limits.get(customer, (TRADE_MAX, DAY_MAX))
        return notional > trade_max or self.used.get((customer, _day(now)), 0) + notional > day_max

    def _price_doubts(self, pair: str, least: Decimal, most: Decimal) -> dict[str, bool]:
        """Refusals of pricing that may come for a base amount between these; the lowest rung takes a twentieth."""
        minimum, maximum = self.sizes[pair]
        return {
            "no_price": not self.heard(pair),
            "amount_too_small": least < minimum,
            "amount_too_large": most > (maximum if self.heard(pair) else maximum // 20),
        }

    def _rough(self, asset: str, units: int, other: str) -> Decimal:
        """About how many units of `other` these units of `asset` are worth."""
        whole = Decimal(units).scaleb(-self.scales[asset])
        return (whole * self.worth(asset) / self.worth(other)).scaleb(self.scales[other])


def names(legs: Legs) -> list[Name]:
    return [name for leg in legs for name in leg[:2]]


def reserved(terms: Terms) -> tuple[Name, int]:
    """What a firm quote sets aside: all that would leave the till."""
    if terms.side == "buy":
        return ("till", "", terms.base_asset), terms.base
    return ("till", "", terms.quote_asset), terms.quote + terms.fee + max(terms.spread, 0)


def trade_legs(terms: Terms) -> Legs:
    """What a trade moves: the customer's two sides against the till, the fee to fees, the gain to spread."""
    own_base = ("customer", str(terms.customer), terms.base_asset)
    own_quote = ("customer", str(terms.customer), terms.quote_asset)
    till_base, till_quote = ("till", "", terms.base_asset), ("till", "", terms.quote_asset)
    fees, spread = ("fees", "", terms.quote_asset), ("spread", "", terms.quote_asset)
    if terms.side == "buy":
        legs: Legs = [(till_base, own_base, terms.base)]
        legs.append((own_quote, till_quote, terms.quote - terms.fee - max(terms.spread, 0)))
        earner = own_quote
    else:
        legs = [(own_base, till_base, terms.base), (till_quote, own_quote, terms.quote)]
        earner = till_quote
    legs.append((earner, fees, terms.fee))
    legs.append((earner, spread, terms.spread) if terms.spread > 0 else (spread, till_quote, -terms.spread))
    return [leg for leg in legs if leg[2] > 0]


def _terms(fields: dict[str, Any]) -> Terms:
    base, quote = fields["pair"].split("/")
    return Terms(
        UUID(fields["customer_id"]), fields.get("kind", ""), base, quote, fields["side"],
        fields["base"], fields["quote"], fields["fee"], fields["spread"], fields["notional"],
        datetime.fromisoformat(fields.get("expires_at") or fields["executed_at"]),
    )  # fmt: skip


def _same_terms(one: Terms, other: Terms) -> bool:
    kept = ("customer", "base_asset", "quote_asset", "side", "base", "quote", "fee", "spread", "notional")
    return all(getattr(one, name) == getattr(other, name) for name in kept)


def _day(moment: datetime) -> str:
    """A trading day is a calendar day in Bogotá (UTC-5 all the year)."""
    return moment.astimezone(UTC).astimezone(BOGOTA).date().isoformat()


__all__ = ["Model", "Terms", "Violation", "trade_legs"]
