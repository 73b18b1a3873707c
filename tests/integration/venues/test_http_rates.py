"""Publishers over HTTP: what they say is read, what they fail at is refused within bounds."""

import threading
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from cambista.venues import FolderRates, HttpRates, RatesUnavailable
from cambista.venues.reference.reading import BODY_MAX
from tests.integration.venues.exchange import serving
from tests.unit.venues.worlds import SteppingClock


async def test_a_publishers_answer_is_read_as_its_file_is(shared_data: Path) -> None:
    fx = shared_data / "market" / "fx"
    clock = SteppingClock()
    usd = (fx / "currency_api_raw" / "2026.9.29" / "usd.json").read_bytes()
    trm = (fx / "usd_cop_trm_official.csv").read_bytes()
    with serving(lambda path: (200, usd if "usd" in path else trm)) as url:
        published = await HttpRates("currency_api", f"{url}/usd.json", clock=clock).rates()
        official = await HttpRates("trm", f"{url}/trm.csv", clock=clock).rates()
    found = {str(rate.pair): rate for rate in published}
    assert found["USD/COP"].value == Decimal("3368.96109648")
    assert found["USD/VES"].valid_from == date(2026, 9, 29)
    assert official == await FolderRates("trm", fx, clock=clock).rates()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (301, b"{}"),
        (204, b""),
        (200, b"<html>maintenance</html>"),
        (200, b'{"date":"2026-09-29","usd":{}}'),
        (200, b" " * (BODY_MAX + 1)),
    ],
)
async def test_an_answer_of_another_kind_is_refused(status: int, body: bytes) -> None:
    with serving(lambda _path: (status, body)) as url, pytest.raises(RatesUnavailable):
        await HttpRates("currency_api", url, clock=SteppingClock()).rates()


async def test_a_publisher_that_is_away_is_refused() -> None:
    with serving(lambda _path: (200, b"")) as url:
        pass
    for address in (url, "nonsense://x", "http://"):
        with pytest.raises(RatesUnavailable):
            await HttpRates("ecb", address, clock=SteppingClock()).rates()


async def test_a_publisher_that_never_answers_is_given_up() -> None:
    released = threading.Event()

    def stall(_path: str) -> tuple[int, bytes]:
        released.wait(30)
        return 200, b""

    with serving(stall) as url:
        with pytest.raises(RatesUnavailable):
            await HttpRates("ecb", url, clock=SteppingClock(), timeout_s=0.2).rates()
        released.set()
