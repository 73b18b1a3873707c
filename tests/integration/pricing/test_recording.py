"""What pricing writes down, on a real PostgreSQL: last prices, candles, fixed prices, announcements."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from cambista.kernel.callers import Caller, Role, RoleDenied
from cambista.kernel.market import Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import USD, USDT
from cambista.pricing import (
    Candle,
    ConfiguredPriceInvalid,
    IntervalUnknown,
    NoPrice,
    Offer,
    PeriodInvalid,
    Pricing,
    PricingSettings,
    Rung,
    Signer,
)
from cambista.runtime import DatabaseAway, Runtime
from tests.databases import ManualClock
from tests.unit.pricing.markets import BTC_COP, USDT_COP, USDT_USD, ads, book, market_of_the_day, wish

HUNDRED = Amount.of("100", USDT)
OPERATOR = Caller(UUID(int=1), Role.OPERATOR)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock(runtime: Runtime) -> ManualClock:
    assert isinstance(runtime.clock, ManualClock)
    return runtime.clock


@pytest.fixture
def started(runtime: Runtime) -> Callable[[], Pricing]:
    """Starts a pricing process on the test's database: as many as the test wants, one after another."""
    return lambda: Pricing(runtime, PricingSettings(), Signer.generate())


@pytest.fixture
async def pricing(started: Callable[[], Pricing]) -> Pricing:
    service = started()
    await service.load()
    return service


async def offer_of(pricing: Pricing, side: Side = Side.BUY) -> Offer:
    (answer,) = await pricing.offers([wish(USDT_COP, side, HUNDRED)])
    assert isinstance(answer, Offer), answer
    return answer


async def price_at(pricing: Pricing, clock: ManualClock, price: str) -> None:
    mid = Decimal(price)
    pricing.observe(
        [
            ads(USDT_COP, mid - 5, mid + 5, at=clock.now()),
            book(USDT_USD, "0.9996", "0.9998", source="kraken", at=clock.now()),
        ]
    )
    await pricing.tick()


async def announced(runtime: Runtime, name: str = "PriceUpdated", pair: str = "USDT/COP") -> list[str]:
    async with runtime.db.read() as reader:
        rows = await reader.all(
            "SELECT data ->> 'mid' AS mid FROM runtime.outbox WHERE name = $1 AND subject = $2 ORDER BY position",
            name,
            f"pair:{pair}",
        )
    return [row["mid"] for row in rows]


async def test_a_restarted_house_quotes_from_the_last_recorded_price_until_it_is_a_quarter_of_an_hour_old(
    started: Callable[[], Pricing], pricing: Pricing, clock: ManualClock
) -> None:
    pricing.observe(list(market_of_the_day(clock.now())))
    await pricing.tick()
    live = await offer_of(pricing)
    clock.advance(600)
    restarted = started()
    await restarted.load()
    offer = await offer_of(restarted)
    assert offer.rung is Rung.LAST_RECORDED
    assert offer.price.value > live.price.value
    assert restarted.explain(offer.receipt).matches
    clock.advance(301)
    (refused,) = await restarted.offers([wish(USDT_COP, Side.BUY, HUNDRED)])
    assert isinstance(refused, NoPrice)


async def test_the_dollar_rate_survives_a_restart_as_last_known_however_old(
    started: Callable[[], Pricing], pricing: Pricing, clock: ManualClock
) -> None:
    pricing.observe(list(market_of_the_day(clock.now())))
    await pricing.tick()
    clock.advance(86_400)
    restarted = started()
    await restarted.load()
    restarted.observe([ads(USDT_COP, "3360", "3372", at=clock.now())])
    offer = await offer_of(restarted)
    assert offer.notional == Amount.of("99.97", USD)
    assert b'"last_known"' in offer.receipt.content


async def test_a_price_recorded_by_a_clock_that_was_ahead_bears_no_rung_after_a_restart_either(
    started: Callable[[], Pricing], pricing: Pricing, clock: ManualClock
) -> None:
    await price_at(pricing, clock, "3366")
    clock.advance(-7200)
    behind = started()
    await behind.load()
    assert (await behind.rungs())[USDT_COP] is None
    await behind.tick()
    clock.advance(7200)
    caught_up = started()
    await caught_up.load()
    assert (await caught_up.rungs())[USDT_COP] is None


async def test_prices_are_recorded_announced_and_reloaded_though_the_clock_went_back(
    runtime: Runtime, started: Callable[[], Pricing], pricing: Pricing, clock: ManualClock
) -> None:
    await price_at(pricing, clock, "3366")
    other = started()
    await other.load()
    await other.set_configured(
        USDT_COP, bid=Decimal(3300), ask=Decimal(3400), expires_at=clock.now() + timedelta(hours=1), caller=OPERATOR
    )
    clock.advance(-7200)
    await price_at(pricing, clock, "3400")
    assert await announced(runtime) == ["3366", "3400"]
    restarted = started()
    await restarted.load()
    clock.advance(121)
    assert (await offer_of(restarted)).rung is Rung.CACHED
    clock.advance(1000)
    assert (await offer_of(pricing)).rung is Rung.CONFIGURED


async def test_an_operators_price_is_the_last_rung_is_journaled_and_ends_when_it_expires(
    runtime: Runtime, pricing: Pricing, clock: ManualClock
) -> None:
    pricing.observe([book(USDT_USD, "0.9996", "0.9998", at=clock.now())])
    await pricing.set_configured(
        USDT_COP, bid=Decimal(3300), ask=Decimal(3400), expires_at=clock.now() + timedelta(hours=1), caller=OPERATOR
    )
    buy, sell = await offer_of(pricing), await offer_of(pricing, Side.SELL)
    assert buy.rung is sell.rung is Rung.CONFIGURED
    assert sell.price.value < 3300
    assert buy.price.value > 3400
    async with runtime.db.read() as reader:
        assert (
            await reader.value("SELECT subject FROM runtime.journal WHERE name = 'configured_price_set'")
            == "pair:USDT/COP"
        )
    clock.advance(3600)
    assert (await pricing.rungs())[USDT_COP] is None


async def test_another_process_hears_of_an_operators_price_and_of_its_withdrawal(
    started: Callable[[], Pricing], pricing: Pricing, clock: ManualClock
) -> None:
    other = started()
    await other.load()
    expires_at = clock.now() + timedelta(hours=1)
    await pricing.set_configured(USDT_COP, bid=Decimal(3300), ask=Decimal(3400), expires_at=expires_at, caller=OPERATOR)
    clock.advance(10)
    await other.tick()
    assert (await other.rungs())[USDT_COP] is Rung.CONFIGURED
    await pricing.withdraw_configured(USDT_COP, caller=OPERATOR)
    assert (await pricing.rungs())[USDT_COP] is None
    clock.advance(10)
    await other.tick()
    assert (await other.rungs())[USDT_COP] is None


@pytest.mark.parametrize(
    ("bid", "ask", "hours"),
    [
        ("3400", "3300", 1),
        ("0", "3400", 1),
        ("NaN", "3400", 1),
        ("3300", "Infinity", 1),
        ("3300", "3400", 25),
        ("3300", "3400", 0),
        ("1", "1.1", 1),
    ],
)
async def test_an_operators_price_that_cannot_be_meant_is_refused(
    pricing: Pricing, clock: ManualClock, bid: str, ask: str, hours: int
) -> None:
    pricing.observe(list(market_of_the_day(clock.now())))
    await pricing.tick()
    with pytest.raises(ConfiguredPriceInvalid):
        await pricing.set_configured(
            USDT_COP,
            bid=Decimal(bid),
            ask=Decimal(ask),
            expires_at=clock.now() + timedelta(hours=hours),
            caller=OPERATOR,
        )


async def test_only_an_operator_or_admin_sets_a_price(pricing: Pricing, clock: ManualClock) -> None:
    with pytest.raises(RoleDenied):
        await pricing.set_configured(
            USDT_COP,
            bid=Decimal(3300),
            ask=Decimal(3400),
            expires_at=clock.now() + timedelta(hours=1),
            caller=Caller(UUID(int=2), Role.CUSTOMER),
        )


async def history(pricing: Pricing, clock: ManualClock, interval: str = "1m") -> list[Candle]:
    end = clock.now() + MINUTE
    return await pricing.history(USDT_COP, interval, start=end - timedelta(days=60), end=end)


async def test_minutes_show_open_high_low_and_close_of_the_fair_price(pricing: Pricing, clock: ManualClock) -> None:
    opened = clock.now()
    for price in ("3366", "3370", "3360", "3365"):
        await price_at(pricing, clock, price)
        clock.advance(15)
    await price_at(pricing, clock, "3400")
    assert await history(pricing, clock) == [
        Candle(USDT_COP, opened, Decimal(3366), Decimal(3370), Decimal(3360), Decimal(3365), 4),
        Candle(USDT_COP, opened + MINUTE, Decimal(3400), Decimal(3400), Decimal(3400), Decimal(3400), 1),
    ]


async def test_a_restart_within_a_minute_goes_on_with_its_candle(
    started: Callable[[], Pricing], pricing: Pricing, clock: ManualClock
) -> None:
    await price_at(pricing, clock, "3366")
    clock.advance(20)
    restarted = started()
    await restarted.load()
    await price_at(restarted, clock, "3350")
    (candle,) = await history(restarted, clock)
    assert (candle.open, candle.low, candle.close, candle.samples) == (Decimal(3366), Decimal(3350), Decimal(3350), 2)


async def test_a_remembered_price_is_no_sample(pricing: Pricing, clock: ManualClock) -> None:
    await price_at(pricing, clock, "3366")
    clock.advance(200)
    await pricing.tick()
    assert len(await history(pricing, clock)) == 1


async def test_a_tick_that_could_not_be_written_is_written_with_the_next(
    runtime: Runtime, pricing: Pricing, clock: ManualClock
) -> None:
    def away(point: str) -> None:
        if point == "before_commit":
            raise DatabaseAway

    runtime.db.fault = away
    with pytest.raises(DatabaseAway):
        await price_at(pricing, clock, "3366")
    runtime.db.fault = lambda point: None
    clock.advance(1)
    await price_at(pricing, clock, "3370")
    (candle,) = await history(pricing, clock)
    assert (candle.open, candle.close, candle.samples) == (Decimal(3366), Decimal(3370), 2)
    assert await announced(runtime) == ["3370"]


async def test_hours_and_days_read_the_same_before_and_after_they_are_rolled_up(
    pricing: Pricing, clock: ManualClock
) -> None:
    for step in range(60):
        await price_at(pricing, clock, str(3300 + step * 7 % 50))
        clock.advance(1800)
    before = {width: await history(pricing, clock, width) for width in ("1h", "1d")}
    assert len(before["1h"]) == 30
    await pricing.roll_up()
    await pricing.roll_up()
    assert {width: await history(pricing, clock, width) for width in ("1h", "1d")} == before
    clock.advance(31 * 86_400)
    await pricing.roll_up()
    assert await history(pricing, clock, "1m") == []
    assert {width: await history(pricing, clock, width) for width in ("1h", "1d")} == before


async def test_five_minutes_are_gathered_from_minutes_and_the_newest_are_given(
    pricing: Pricing, clock: ManualClock
) -> None:
    for step in range(12):
        await price_at(pricing, clock, str(3300 + step))
        clock.advance(60)
    candles = await history(pricing, clock, "5m")
    assert [f"{candle.open}-{candle.close}" for candle in candles] == ["3300-3304", "3305-3309", "3310-3311"]
    end = clock.now() + MINUTE
    newest = await pricing.history(USDT_COP, "5m", start=end - timedelta(days=1), end=end, limit=2)
    assert newest == candles[1:]


@pytest.mark.parametrize(("limit", "hours"), [(0, 1), (1501, 1), (10, 0)])
async def test_history_is_bounded(pricing: Pricing, clock: ManualClock, limit: int, hours: int) -> None:
    end = clock.now()
    with pytest.raises(PeriodInvalid):
        await pricing.history(USDT_COP, "1m", start=end - timedelta(hours=hours), end=end, limit=limit)
    with pytest.raises(IntervalUnknown):
        await pricing.history(USDT_COP, "2m", start=end - timedelta(hours=1), end=end)


async def test_a_price_is_announced_when_it_changes_and_at_most_once_a_second(
    runtime: Runtime, pricing: Pricing, clock: ManualClock
) -> None:
    await price_at(pricing, clock, "3366")
    clock.advance(0.4)
    await price_at(pricing, clock, "3400")
    assert await announced(runtime) == ["3366"]
    clock.advance(0.7)
    await price_at(pricing, clock, "3400")
    assert await announced(runtime) == ["3366", "3400"]
    clock.advance(2)
    await price_at(pricing, clock, "3400")
    assert await announced(runtime) == ["3366", "3400"]


async def test_a_gap_between_direct_price_and_cross_is_announced_once_a_minute(
    runtime: Runtime, pricing: Pricing, clock: ManualClock
) -> None:
    async def gaps() -> int:
        return len(await announced(runtime, "PriceGapFound", "BTC/COP"))

    for expected in (1, 1):
        pricing.observe([*market_of_the_day(clock.now()), book(BTC_COP, "265000000", "265100000", at=clock.now())])
        await pricing.tick()
        assert await gaps() == expected
        clock.advance(5)
    clock.advance(60)
    pricing.observe([*market_of_the_day(clock.now()), book(BTC_COP, "265000000", "265100000", at=clock.now())])
    await pricing.tick()
    assert await gaps() == 2


async def test_two_houses_fed_the_same_write_the_same(
    runtime: Runtime, started: Callable[[], Pricing], clock: ManualClock
) -> None:
    receipts = []
    for service in (started(), started()):
        service.observe(list(market_of_the_day(clock.now())))
        receipts.append((await offer_of(service)).receipt.content)
    assert receipts[0] == receipts[1]


@pytest.mark.parametrize("table", ["rate", "configured_price"])
@pytest.mark.parametrize(
    "statement", ["UPDATE pricing.{} SET id = DEFAULT", "DELETE FROM pricing.{}", "TRUNCATE pricing.{}"]
)
async def test_the_application_cannot_rewrite_the_rate_book_nor_the_operators_prices(
    runtime: Runtime, table: str, statement: str
) -> None:
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)):
        async with runtime.db.transaction() as tx:
            await tx.execute(statement.format(table))


async def test_a_year_of_prices_is_dated_by_the_clock(pricing: Pricing, clock: ManualClock) -> None:
    await price_at(pricing, clock, "3366")
    (candle,) = await history(pricing, clock)
    assert isinstance(candle.opened_at, datetime)
    assert candle.opened_at <= clock.now() < candle.opened_at + MINUTE
