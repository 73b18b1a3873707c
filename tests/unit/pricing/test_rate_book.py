"""The rate book's judgement: absurd and stuck publications are caught, honest ones not; corrections find quotes."""

import csv
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from cambista.kernel.market import Pair, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import ARS, BTC, COP, USD
from cambista.pricing import RateRecord, RateVerdict
from cambista.pricing.rules.rate_book import affected_receipts, judge_publications
from cambista.venues import RateName, ReferenceRate
from tests.unit.pricing.markets import NOW, USD_COP, World, market_of_the_day, published

USD_BTC, USD_ARS = Pair(USD, BTC), Pair(USD, ARS)
ACCEPTED, STUCK, ABSURD = RateVerdict.ACCEPTED, RateVerdict.STUCK, RateVerdict.ABSURD


def rate(
    value: str, day: int, *, source: str = "a", pair: Pair = USD_COP, name: RateName = RateName.MARKET
) -> ReferenceRate:
    on = date(2026, 1, 1) + timedelta(days=day)
    return ReferenceRate(source, name, pair, Decimal(value), on, on, datetime.combine(on, time(), UTC))


def verdicts(*rates: ReferenceRate, known: tuple[ReferenceRate, ...] = ()) -> list[RateVerdict]:
    ordered = sorted(rates, key=lambda each: (each.valid_from, each.source))
    before = [RateRecord(each, ACCEPTED) for each in known]
    judged = judge_publications(ordered, before, absurd_factor=Decimal(2), stuck_after=5)
    return [record.verdict for record in judged]


def test_a_sudden_one_is_absurd_and_never_becomes_the_measure_of_the_next() -> None:
    assert verdicts(rate("1100", 0), rate("1", 1), rate("1", 2), rate("1105", 3)) == [
        ACCEPTED,
        ABSURD,
        ABSURD,
        ACCEPTED,
    ]


def test_peers_outvote_a_sources_own_history() -> None:
    peers = (rate("4000", 4, source="b"), rate("4010", 4, source="c"))
    assert verdicts(rate("4005", 5), known=(rate("1000", 4), *peers)) == [ACCEPTED]
    assert verdicts(rate("1001", 5), known=(rate("1000", 4), *peers)) == [ABSURD]


def test_rates_of_different_names_are_no_peers() -> None:
    parallel = rate("80", 4, source="street", name=RateName.PARALLEL)
    assert verdicts(rate("36", 5, name=RateName.OFFICIAL), known=(parallel,)) == [ACCEPTED]


def test_a_value_that_stands_still_while_its_peers_move_is_stuck() -> None:
    moving = tuple(rate(str(100 + day), day, source="b") for day in range(6))
    still = tuple(rate("109", day) for day in range(4))
    assert verdicts(rate("109", 4), known=(*moving, *still)) == [STUCK]


def test_a_value_that_stands_still_with_its_peers_is_fine() -> None:
    calm = tuple(rate("100", day, source="b") for day in range(6))
    still = tuple(rate("100", day) for day in range(4))
    assert verdicts(rate("100", 4), known=(*calm, *still)) == [ACCEPTED]


def test_what_is_known_already_is_not_entered_again_and_a_correction_is() -> None:
    assert verdicts(rate("4000", 1), known=(rate("4000", 1),)) == []
    assert verdicts(rate("4001", 1), known=(rate("4000", 1),)) == [ACCEPTED]


def test_a_measure_older_than_two_months_measures_nothing() -> None:
    assert verdicts(rate("9000", 100), known=(rate("4000", 1),)) == [ACCEPTED]


def test_the_corrupt_published_day_of_bitcoin_is_absurd_and_its_neighbours_are_not(shared_data: Path) -> None:
    with (shared_data / "market/fx/currency_api_monthly.csv").open() as file:
        rows = [(date.fromisoformat(row["date"]), row["usd_btc"]) for row in csv.DictReader(file) if row["usd_btc"]]
    rates = [
        ReferenceRate("api", RateName.MARKET, USD_BTC, Decimal(value), on, on, datetime.combine(on, time(), UTC))
        for on, value in rows
    ]
    judged = judge_publications(rates, [], absurd_factor=Decimal(2), stuck_after=5)
    assert [record.rate.valid_from for record in judged if record.verdict is not ACCEPTED] == [date(2025, 12, 6)]


def test_years_of_published_peso_rates_are_not_called_absurd(shared_data: Path) -> None:
    with (shared_data / "market/fx/usd_ars_daily_by_rate.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["casa"] == "blue" and Decimal(row["venta"] or 0) > 0]
    rates = [
        ReferenceRate(
            "api", RateName.PARALLEL, USD_ARS, Decimal(row["venta"]), on, on, datetime.combine(on, time(), UTC)
        )
        for row in rows
        for on in [date.fromisoformat(row["fecha"])]
    ]
    judged = judge_publications(rates, [], absurd_factor=Decimal(2), stuck_after=5)
    doubted = [record for record in judged if record.verdict is not ACCEPTED]
    assert len(judged) > 2000
    assert doubted == []


async def test_a_correction_lists_the_quotes_that_used_the_wrong_value_and_no_other() -> None:
    world = World()
    world.observe(*market_of_the_day())
    other = await world.ask(Pair(USD, COP), Side.BUY, Amount.of("100", USD))
    trm = published(USD_COP, "3368.96", source="trm", days=3)
    quiet = World()
    quiet.pricing._board.set_rates([trm])
    used = await quiet.ask(Pair(USD, COP), Side.BUY, Amount.of("100", USD))
    receipts = [other.receipt, used.receipt]
    corrected = published(USD_COP, "3371.00", source="trm", days=3)
    quote_id = ["00000000-0000-0000-0000-000000000001"]
    assert world.pricing.corrections_affecting(corrected, [used.receipt]) == quote_id
    assert affected_receipts(corrected, [other.receipt]) == []
    assert affected_receipts(trm, receipts) == []
    another_day = published(USD_COP, "3371.00", source="trm", at=NOW + timedelta(days=5))
    assert affected_receipts(another_day, receipts) == []
