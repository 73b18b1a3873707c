"""ccxt against a local exchange of recorded payloads: exact numbers, failures noted, a missing extra refused."""

import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from cambista.kernel.market import Level, Pair
from cambista.kernel.money import Asset, AssetKind
from cambista.kernel.registry import ETH, USDT
from cambista.venues import CcxtExchange, ExchangeUnknown, ExtraMissing, Observation, SourceKind
from tests.integration.venues.exchange import captured_answers, recorded_answers, serving, towards
from tests.unit.venues.worlds import BTC_USDT, SteppingClock

NKN = Asset("NKN", 8, AssetKind.CRYPTO)


async def _first(venue: CcxtExchange) -> Sequence[Observation]:
    observations = cast(AsyncGenerator[Sequence[Observation], None], venue.observations())
    async with aclosing(observations):
        return await anext(observations)


async def test_a_book_comes_through_digit_for_digit(shared_data: Path) -> None:
    sample = shared_data / "market/crypto/binance_api_samples/rest/http_spot_market_depth__int.json"
    recorded = json.loads(sample.read_bytes())
    with serving(recorded_answers(shared_data)) as url:
        venue = CcxtExchange("binance", [BTC_USDT], clock=SteppingClock(), options=towards(url))
        (book,) = await _first(venue)
    assert (book.source, book.kind, book.pair) == ("ccxt:binance", SourceKind.FIRM_BOOK, BTC_USDT)
    for ours, theirs in ((book.bids, recorded["bids"]), (book.asks, recorded["asks"])):
        assert list(ours) == [Level(Decimal(price), Decimal(quantity)) for price, quantity in theirs][:20]


async def test_a_whole_exchanges_list_of_markets_is_taken_and_prices_of_seven_digits_stay_exact(
    shared_data: Path,
) -> None:
    pair = Pair(NKN, USDT)
    with serving(captured_answers(shared_data)) as url:
        (book,) = await _first(CcxtExchange("binance", [pair], clock=SteppingClock(), options=towards(url)))
    assert book.bids[0] == Level(Decimal("0.3521"), Decimal(672))
    assert len(book.bids) == len(book.asks) == 20


async def test_a_pair_the_exchange_lacks_is_left_out_and_one_it_refuses_harms_no_other(shared_data: Path) -> None:
    pairs = [BTC_USDT, Pair(ETH, USDT), Pair(NKN, USDT)]
    with serving(recorded_answers(shared_data)) as url:
        found = await _first(CcxtExchange("binance", pairs, clock=SteppingClock(), options=towards(url)))
    assert [each.pair for each in found] == [BTC_USDT]


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"{}",
        b'{"lastUpdateId":1,"bids":[["x","1"]],"asks":[["NaN","1"]]}',
        b'{"lastUpdateId":1,"bids":[["1e999999999","1"]],"asks":[]}',
        b'{"lastUpdateId":1,"bids":[["0","0"]],"asks":[]}',
        b'{"lastUpdateId":1,"bids":[["-5","1"]],"asks":[]}',
    ],
)
async def test_an_exchange_that_gives_no_usable_book_is_a_failure_after_five_rounds(
    shared_data: Path, body: bytes
) -> None:
    recorded = recorded_answers(shared_data)
    with serving(lambda path: (200, body) if "/depth" in path else recorded(path)) as url:
        venue = CcxtExchange("binance", [BTC_USDT], clock=SteppingClock(), options=towards(url))
        with pytest.raises(ConnectionError):
            await _first(venue)


def test_an_exchange_ccxt_does_not_know_is_refused() -> None:
    for name in ("notanexchange", "Exchange", "__name__"):
        with pytest.raises(ExchangeUnknown):
            CcxtExchange(name, [BTC_USDT], clock=SteppingClock())


def test_without_the_extra_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt.async_support", None)
    with pytest.raises(ExtraMissing, match="exchanges"):
        CcxtExchange("binance", [BTC_USDT], clock=SteppingClock())
