"""From settings to venues: the paper market unless told otherwise, and a clear no to what does not exist."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from cambista.kernel.registry import PairUnknown
from cambista.venues import ExchangeUnknown, RecordingsNotFound, VenuesSettings, price_venues, rate_sources
from tests.unit.venues.worlds import SteppingClock


def _names(**settings: object) -> list[str]:
    chosen, clock = VenuesSettings.model_validate(settings), SteppingClock()
    return [venue.name for venue in price_venues(chosen, clock)] + [
        source.name for source in rate_sources(chosen, clock)
    ]


def test_the_paper_market_is_what_there_is_when_nothing_is_set() -> None:
    assert _names() == ["paper_exchange", "paper_otc", "paper_p2p"]


def test_recorded_and_simulated_prices_are_not_mixed(tmp_path: Path) -> None:
    (tmp_path / "usd_cop_5min.csv").write_text("time,open,high,low,close\n")
    assert _names(replay={"folder": tmp_path, "speed": 60, "repeat": True}) == ["replay"]


def test_exchanges_and_publishers_come_beside(tmp_path: Path) -> None:
    names = _names(
        paper={"enabled": False},
        ccxt=[{"exchange": "binance", "pairs": ["BTC/USDT"]}, {"exchange": "kraken", "pairs": ["USDT/USD"]}],
        reference={"folder": tmp_path, "urls": {"ecb": "http://127.0.0.1:1/"}},
    )
    assert names == ["ccxt:binance", "ccxt:kraken", "trm:folder", "currency_api:folder", "ecb:folder", "ecb:http"]


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"ccxt": [{"exchange": "nowhere", "pairs": ["BTC/USDT"]}]}, ExchangeUnknown),
        ({"ccxt": [{"exchange": "binance", "pairs": ["BTC/XXX"]}]}, PairUnknown),
        ({"replay": {"folder": "/nonexistent"}}, RecordingsNotFound),
        ({"paper": {"fixed": {"BTC/COP": "1"}}}, PairUnknown),
        ({"paper": {"fixed": {"USDT/COP": "0"}}}, ValidationError),
        ({"paper": {"fixed": {"USDT/COP": "NaN"}}}, ValidationError),
        ({"reference": {"urls": {"unknown": "http://x"}}}, ValidationError),
        ({"replay": {"speed": "-1"}}, ValidationError),
        ({"typo": 1}, ValidationError),
    ],
)
def test_what_does_not_exist_is_refused(settings: Mapping[str, object], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        _names(**settings)


def test_a_pinned_mid_reaches_the_market() -> None:
    settings = VenuesSettings.model_validate({"paper": {"fixed": {"USDT/COP": "4000"}}})
    assert settings.paper.fixed == {"USDT/COP": Decimal(4000)}
