"""Values the console's tests show."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from cambista.analytics import Day
from cambista.console.exposure import Till
from cambista.console.snapshot import PriceLine, Snapshot
from cambista.kernel.ids import CustomerId, QuoteId, TradeId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import ASSETS, COP, PAIRS, USD, USDT
from cambista.ledger import TrialBalance, TrialBalanceLine
from cambista.pricing import CurrentPrice, Rung
from cambista.trading import Quote, QuoteKind, Terms, Trade
from cambista.venues import VenueHealth, VenueState

NOW = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
PAIR = PAIRS["USDT/COP"].pair
TERMS = Terms(
    PAIR,
    Side.BUY,
    Price(Decimal("4020.10"), PAIR),
    Amount.of("1250", USDT),
    Amount.of("5025125", COP),
    Amount.of("5025.12", COP),
    Amount.of("0", COP),
    Amount.of("12000", COP),
    Amount.of("1250.40", USD),
    Rung.LIVE,
)


def trade(number: int, *, quote: int = 0) -> Trade:
    return Trade(TradeId(UUID(int=number)), QuoteId(UUID(int=quote or number)), CustomerId(UUID(int=9)), TERMS, NOW)


def quote(number: int, kind: QuoteKind = QuoteKind.FIRM, *, left_s: int = 10) -> Quote:
    expires_at = NOW + timedelta(seconds=left_s)
    return Quote(QuoteId(UUID(int=number)), CustomerId(UUID(int=9)), kind, TERMS, NOW, expires_at)


def line(name: str = "USDT/COP", *, mid: str = "4016.20", rung: Rung = Rung.LIVE, source: str = "paper") -> PriceLine:
    value = Decimal(mid)
    current = CurrentPrice(
        PAIRS[name].pair, value - 4, value + 4, value, rung, NOW - timedelta(seconds=3), (source, "other")
    )
    return PriceLine(current, [value - 2, value], 1)


def books(*, off: str | None = None) -> TrialBalance:
    lines = [TrialBalanceLine(ASSETS[code], 1 if code == off else 0, 3) for code in ("COP", "USDT")]
    return TrialBalance(NOW, lines)


def snapshot(**changes: object) -> Snapshot:
    full = Snapshot(
        at=NOW,
        branch="main",
        prices=(line(),),
        trades=[trade(1), trade(2)],
        quotes=[quote(3), quote(1)],
        tills=(Till(Amount.of("3000", USDT), Amount.of("300", USDT), Decimal(3000), Decimal(2000)),),
        day=Day(date(2026, 11, 24), ()),
        books=books(),
        venues=[VenueHealth("paper", VenueState.LIVE, NOW, 1234)],
    )
    return replace(full, **changes)  # type: ignore[arg-type]
