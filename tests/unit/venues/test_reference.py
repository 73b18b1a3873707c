"""Publishers' files as they come: what is read, in which direction and name, and what is refused."""

import itertools
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.venues import FolderRates, RateName, RatesUnavailable
from cambista.venues.reference import currency_api, ecb, trm
from cambista.venues.reference.reading import BODY_MAX
from tests.unit.venues.worlds import START, SteppingClock

TRM = b"valid_from,valid_to,valor_cop_per_usd\n2025-08-23,2025-08-25,4008.7\n2025-08-22,2025-08-22,4018.41\n"


def test_a_trm_is_official_and_in_force_over_its_range_of_days() -> None:
    friday, weekend = trm.parse(TRM, START)
    assert (str(friday.pair), friday.value, friday.rate) == ("USD/COP", Decimal("4018.41"), RateName.OFFICIAL)
    assert (weekend.valid_from, weekend.valid_to) == (date(2025, 8, 23), date(2025, 8, 25))
    assert weekend.known_at == START


def test_the_open_data_portals_own_columns_are_read_too() -> None:
    body = (
        "\ufeffVALOR,UNIDAD,VIGENCIADESDE,VIGENCIAHASTA\n4008.7,COP,2025-08-23T00:00:00.000,2025-08-25T00:00:00.000\n"
    )
    (rate,) = trm.parse(body.encode(), START)
    assert (rate.value, rate.valid_to) == (Decimal("4008.7"), date(2025, 8, 25))


def test_rows_without_a_value_a_date_or_a_sensible_range_are_left_out() -> None:
    rows = b"x,2025-01-01,1\n2025-01-02,2025-01-01,4000\n2025-01-01,2025-01-01,0\n\n"
    body = b"valid_from,valid_to,valor_cop_per_usd\n" + rows
    assert trm.parse(body, START) == []


def test_an_ecb_row_holds_until_the_next_one_and_the_newest_over_the_weekend() -> None:
    rates = ecb.parse(b"Date, USD, JPY, BRL\n2026-10-30,1.1172,180.1,N/A\n2026-10-28,1.12,181,6.01\n", START)
    found = [(str(rate.pair), rate.value, rate.valid_from, rate.valid_to) for rate in rates]
    assert found == [
        ("EUR/USD", Decimal("1.12"), date(2026, 10, 28), date(2026, 10, 29)),
        ("EUR/BRL", Decimal("6.01"), date(2026, 10, 28), date(2026, 10, 29)),
        ("EUR/USD", Decimal("1.1172"), date(2026, 10, 30), date(2026, 11, 1)),
    ]


def test_currency_api_gives_the_houses_direction_and_names_central_bank_rates_official() -> None:
    body = b'{"date":"2026-09-29","usd":{"cop":3368.96109648,"ves":856.79508184,"btc":1.2017405e-05,"usd":1,"xyz":2}}'
    found = {str(rate.pair): rate for rate in currency_api.parse(body, START)}
    assert set(found) == {"USD/COP", "USD/VES", "BTC/USD"}
    assert found["USD/COP"].value == Decimal("3368.96109648")
    assert found["USD/COP"].rate is RateName.MARKET
    assert found["USD/VES"].rate is RateName.OFFICIAL
    assert found["BTC/USD"].value == Decimal("83212.6403329")
    assert found["BTC/USD"].valid_from == found["BTC/USD"].valid_to == date(2026, 9, 29)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"usd":{"cop":1}}',
        b'{"date":"x","usd":{}}',
        b'{"date":"2026-09-29"}',
        b'{"date":"2026-09-29","zzz":{"cop":1}}',
        b'{"date":"2026-09-29","usd":{"cop":1},"eur":{"cop":1}}',
        b'{"date":"2026-09-29","usd":{"cop":"\xff"}}',
        b" " * (BODY_MAX + 1),
    ],
)
def test_another_form_of_answer_is_refused(body: bytes) -> None:
    with pytest.raises(RatesUnavailable):
        currency_api.parse(body, START)


@pytest.mark.parametrize("value", ["null", "0", "-4", "1e999999", "1e-999999999", "0.0"])
def test_a_value_that_is_no_rate_is_left_out(value: str) -> None:
    body = f'{{"date":"2026-09-29","usd":{{"cop":{value},"btc":{value},"mxn":18}}}}'.encode()
    assert [str(rate.pair) for rate in currency_api.parse(body, START)] == ["USD/MXN"]


@given(st.binary(max_size=300))
def test_no_bytes_make_a_parser_fail_otherwise_than_by_refusing(body: bytes) -> None:
    for parse in (trm.parse, ecb.parse, currency_api.parse):
        try:
            rates = parse(body, START)
        except RatesUnavailable:
            continue
        assert all(rate.value > 0 and rate.valid_from <= rate.valid_to for rate in rates)


async def test_a_folder_gives_the_newest_rates_and_an_unreadable_file_among_them_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "official_trm.csv").write_bytes(TRM)
    (tmp_path / "broken_trm.csv").write_bytes(b"\xff\xfe\x00")
    rates = await FolderRates("trm", tmp_path, clock=SteppingClock(), keep=1).rates()
    assert [rate.valid_from for rate in rates] == [date(2025, 8, 23)]


async def test_of_two_files_that_speak_of_one_pair_and_day_the_first_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "currency_api_raw" / "1"
    folder.mkdir(parents=True)
    (folder / "usd.json").write_bytes(b'{"date":"2026-09-29","usd":{"usdt":1.0005,"cop":3369}}')
    (folder / "usdt.json").write_bytes(b'{"date":"2026-09-29","usdt":{"usd":0.9,"cop":3367}}')
    rates = await FolderRates("currency_api", tmp_path, clock=SteppingClock()).rates()
    assert {str(rate.pair): rate.value for rate in rates} == {
        "USDT/USD": Decimal("0.999500249875"),
        "USD/COP": Decimal(3369),
        "USDT/COP": Decimal(3367),
    }


async def test_a_folder_without_the_publishers_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RatesUnavailable):
        await FolderRates("ecb", tmp_path, clock=SteppingClock()).rates()


async def test_every_trm_on_record_follows_the_one_before_without_a_gap(shared_data: Path) -> None:
    rates = await FolderRates("trm", shared_data, clock=SteppingClock(), keep=2_000).rates()
    assert len(rates) == 2_000
    for before, after in itertools.pairwise(rates):
        assert after.valid_from == before.valid_to + timedelta(days=1)
