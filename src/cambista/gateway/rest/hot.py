"""The two hot roads, quotes and trades, as lean ASGI endpoints: no framework between frame and door."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.types import Receive, Scope, Send

from cambista.gateway import wire
from cambista.gateway.access import BASE, access_to
from cambista.gateway.errors import FieldInvalid, ParameterUnknown
from cambista.gateway.passage import KEY, Passage
from cambista.gateway.rest import words
from cambista.gateway.rest.routing import speaks
from cambista.gateway.rest.trading import (
    QUOTE_EXAMPLE,
    TRADE_EXAMPLE,
    DirectTradeBody,
    QuoteBody,
    QuoteOut,
    TradeBody,
    TradeOut,
    show_quote,
    show_trade,
)
from cambista.kernel.callers import Caller
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId, IdInvalid, QuoteId, parse_id
from cambista.kernel.market import Price, PriceInvalid
from cambista.kernel.money import Amount, AmountInvalid, AmountNotExact, AmountNotPositive, AmountOutOfRange
from cambista.kernel.registry import AssetUnknown, PairUnknown, asset, pair_spec
from cambista.ledger import AccountFrozen, InsufficientFunds
from cambista.pricing import AmountAssetWrong, AmountTooLarge, AmountTooSmall, NoPrice
from cambista.risk import TradeLimitExceeded
from cambista.runtime import Once, Replay
from cambista.trading import (
    Acceptance,
    DirectTrade,
    PriceMoved,
    QuoteExpired,
    QuoteKind,
    QuoteNotFirm,
    QuoteRequest,
    QuoteTaken,
    QuoteUnknown,
    TillShort,
    TooManyOpenQuotes,
)

Handler = Callable[[Passage], Awaitable[None]]
CREATED = 201


class HotRoute:
    """An ASGI endpoint on one path: lets the caller in, then hands over."""

    def __init__(self, path: str, handler: Handler, told: dict[str, Any]) -> None:
        self.path = f"{BASE}{path}"
        self.told = told
        self.summary = (handler.__doc__ or "").strip()
        self._handler = handler
        self._access = access_to("POST", self.path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        passage: Passage = scope[KEY]
        passage.endpoint = self.path
        try:
            await passage.enter(self._access)
            if scope["query_string"]:
                raise ParameterUnknown(parameter=scope["query_string"][:64].decode("latin-1"))
            await self._handler(passage)
        except Refusal as refusal:
            await passage.refuse(refusal)


async def _answer(passage: Passage, verdict: object, render: Callable[[Any], tuple[int, bytes]]) -> None:
    if isinstance(verdict, Replay):
        await passage.answer_replay(verdict)
    elif isinstance(verdict, Refusal):
        await passage.refuse(verdict)
    else:
        status, body = render(verdict)
        await passage.answer(status, body)


def _render_quote(answer: Any) -> tuple[int, bytes]:
    return CREATED, wire.encode(show_quote(answer))


def _render_trade(answer: Any) -> tuple[int, bytes]:
    return CREATED, wire.encode(show_trade(answer))


def _quote_request(caller: Caller, body: QuoteBody) -> QuoteRequest:
    amount = Amount.parse_positive(wire.exact(body.amount, "amount"), asset(body.amount_asset))
    pair = pair_spec(body.pair).pair
    return QuoteRequest(caller, CustomerId(caller.id), pair, body.side, amount, QuoteKind(body.kind))


def _direct_trade(caller: Caller, body: DirectTradeBody) -> DirectTrade:
    base, fiat = asset(body.asset), asset(body.fiat)
    pair = pair_spec(f"{base.code}/{fiat.code}").pair
    amount = Amount.parse_positive(wire.exact(body.amount, "amount"), base)
    limit = Price.parse(wire.exact(body.price, "price"), pair)
    return DirectTrade(caller, CustomerId(caller.id), pair, body.side, amount, limit)


async def ask_quote(passage: Passage) -> None:
    """Ask for a price: a firm one stands, reserved, until it expires; a reference one only informs."""
    body = wire.shape(await passage.read_json(), QuoteBody)
    request = _quote_request(passage.caller, body)
    once = passage.once(lambda: wire.fingerprint(body), _render_quote, required=False)
    [verdict] = await passage.doors.trading.request_quotes([request], [once])
    await _answer(passage, verdict, _render_quote)


async def trade(passage: Passage) -> None:
    """Take a firm quote, or trade at once at the house's price if it is no worse than the one given."""
    found = await passage.read_json()
    caller = passage.caller
    verdicts: Sequence[object]
    if isinstance(found, dict) and "quote_id" in found:
        taken = wire.shape(found, TradeBody)
        acceptance = Acceptance(caller, CustomerId(caller.id), QuoteId(parse_id(taken.quote_id)))
        onces = [_once_traded(passage, taken)]
        verdicts = await passage.doors.trading.accept_quotes([acceptance], onces)
    else:
        asked = wire.shape(found, DirectTradeBody)
        direct = _direct_trade(caller, asked)
        onces = [_once_traded(passage, asked)]
        verdicts = await passage.doors.trading.trade_directly([direct], onces)
    await _answer(passage, verdicts[0], _render_trade)


def _once_traded(passage: Passage, body: TradeBody | DirectTradeBody) -> Once | None:
    return passage.once(lambda: wire.fingerprint(body), _render_trade, required=True)


_OF_AMOUNTS = (
    AmountInvalid, AmountNotExact, AmountNotPositive, AmountOutOfRange, AmountTooSmall, AmountTooLarge, AssetUnknown,
    PairUnknown, NoPrice, TillShort, AccountFrozen, FieldInvalid,
)  # fmt: skip
HOT_ROUTES = (
    HotRoute(
        "/quotes",
        ask_quote,
        speaks(
            QuoteOut,
            QUOTE_EXAMPLE,
            status=CREATED,
            body=QuoteBody,
            says={"buy": {"pair": "USDT/COP", "side": "buy", "amount": "100", "amount_asset": "USDT"}},
            key=False,
            refuses=(*_OF_AMOUNTS, AmountAssetWrong, TooManyOpenQuotes),
        ),
    ),
    HotRoute(
        "/trades",
        trade,
        speaks(
            TradeOut,
            TRADE_EXAMPLE,
            status=CREATED,
            body=(TradeBody, DirectTradeBody),
            says={
                "quote": {"quote_id": words.QUOTE},
                "direct": {"asset": "USDT", "fiat": "COP", "amount": 100, "price": 4100},
            },
            key=True,
            refuses=(
                *_OF_AMOUNTS, IdInvalid, PriceInvalid, PriceMoved, QuoteUnknown, QuoteExpired, QuoteTaken,
                QuoteNotFirm, InsufficientFunds, TradeLimitExceeded,
            ),
        ),
    ),
)  # fmt: skip
