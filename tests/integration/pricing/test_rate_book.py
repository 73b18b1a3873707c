"""The rate book on a real PostgreSQL: what was in force on a day, as known at a moment; corrections; restarts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from cambista.kernel.market import Pair
from cambista.kernel.registry import USD, VES
from cambista.pricing import Pricing, PricingSettings, RateNotKnown, RateVerdict, Rung, Signer
from cambista.runtime import Runtime
from cambista.venues import RateName, ReferenceRate
from tests.databases import ManualClock
from tests.unit.pricing.markets import USD_COP

USD_VES = Pair(USD, VES)
FRIDAY = date(2026, 9, 25)
KNOWN = datetime(2026, 9, 25, 22, 0, tzinfo=UTC)


@pytest.fixture
async def pricing(runtime: Runtime) -> Pricing:
    return Pricing(runtime, PricingSettings(), Signer.generate())


def rate(
    value: str,
    *,
    source: str = "bcv",
    name: RateName = RateName.OFFICIAL,
    pair: Pair = USD_VES,
    on: date = FRIDAY,
    days: int = 1,
    known_at: datetime = KNOWN,
) -> ReferenceRate:
    return ReferenceRate(source, name, pair, Decimal(value), on, on + timedelta(days=days - 1), known_at)


async def test_one_rate_covers_the_weekend_it_was_published_for(pricing: Pricing) -> None:
    await pricing.record_rates([rate("852.40", days=3)])
    for day in range(3):
        found = await pricing.rate(RateName.OFFICIAL, USD_VES, on=FRIDAY + timedelta(days=day))
        assert found.rate.value == Decimal("852.40")
    with pytest.raises(RateNotKnown):
        await pricing.rate(RateName.OFFICIAL, USD_VES, on=FRIDAY + timedelta(days=3))


async def test_a_correction_adds_a_row_and_yesterdays_knowledge_can_still_be_asked_for(pricing: Pricing) -> None:
    corrected_at = KNOWN + timedelta(hours=10)
    await pricing.record_rates([rate("494.11")])
    entered = await pricing.record_rates([rate("493.37", known_at=corrected_at)])
    assert [record.rate.value for record in entered] == [Decimal("493.37")]

    async def known_by(moment: datetime) -> Decimal:
        return (await pricing.rate(RateName.OFFICIAL, USD_VES, on=FRIDAY, known_by=moment)).rate.value

    assert await known_by(corrected_at) == Decimal("493.37")
    assert await known_by(corrected_at - timedelta(seconds=1)) == Decimal("494.11")
    with pytest.raises(RateNotKnown):
        await known_by(KNOWN - timedelta(seconds=1))


async def test_a_repeat_enters_nothing(runtime: Runtime, pricing: Pricing) -> None:
    await pricing.record_rates([rate("494.11")])
    assert await pricing.record_rates([rate("494.11", known_at=KNOWN + timedelta(hours=1)), rate("494.11")]) == []
    async with runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM pricing.rate") == 1


async def test_rates_of_different_names_are_never_mixed(pricing: Pricing) -> None:
    await pricing.record_rates([rate("852.40"), rate("1150", source="street", name=RateName.PARALLEL)])
    official = await pricing.rate(RateName.OFFICIAL, USD_VES, on=FRIDAY)
    parallel = await pricing.rate(RateName.PARALLEL, USD_VES, on=FRIDAY)
    assert (official.rate.source, parallel.rate.source) == ("bcv", "street")
    with pytest.raises(RateNotKnown):
        await pricing.rate(RateName.MARKET, USD_VES, on=FRIDAY)


async def test_an_absurd_publication_is_kept_as_evidence_and_never_given_out(
    runtime: Runtime, pricing: Pricing
) -> None:
    await pricing.record_rates([rate("852.40", on=FRIDAY - timedelta(days=1))])
    (entered,) = await pricing.record_rates([rate("1")])
    assert entered.verdict is RateVerdict.ABSURD
    with pytest.raises(RateNotKnown):
        await pricing.rate(RateName.OFFICIAL, USD_VES, on=FRIDAY)
    async with runtime.db.read() as reader:
        assert await reader.value("SELECT verdict FROM pricing.rate WHERE value = 1") == "absurd"


async def test_years_of_rates_enter_in_one_call_each_once(pricing: Pricing) -> None:
    rates = [
        rate(f"{3000 + day % 90}", source="trm", pair=USD_COP, on=date(2021, 1, 1) + timedelta(days=day))
        for day in range(2500)
    ]
    assert len(await pricing.record_rates(rates)) == 2500
    assert await pricing.record_rates(rates) == []


async def test_an_allowed_official_rate_in_force_prices_its_pair_after_a_restart_and_not_once_it_has_run_out(
    runtime: Runtime, pricing: Pricing
) -> None:
    clock = runtime.clock
    assert isinstance(clock, ManualClock)
    today = clock.now().date()
    trm = rate("3368.96", source="trm", pair=USD_COP, on=today, known_at=clock.now() - timedelta(hours=9))
    await pricing.record_rates([trm])
    restarted = Pricing(runtime, PricingSettings(), Signer.generate())
    await restarted.load()
    (shown,) = await restarted.current([USD_COP])
    assert (shown.mid, shown.rung, shown.sources) == (Decimal("3368.96"), Rung.LAST_RECORDED, ("trm",))
    clock.advance(86_400)
    assert (await restarted.rungs())[USD_COP] is None
