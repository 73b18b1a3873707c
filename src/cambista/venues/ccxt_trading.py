"""Any exchange ccxt knows as a trading venue: numbers as text, our ids on every order, doubt where no answer came."""

import importlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from pydantic import SecretStr

from cambista.kernel.errors import Refusal, Unavailable
from cambista.kernel.market import Pair
from cambista.runtime import Clock
from cambista.venues import ccxt_wire as wire
from cambista.venues.ccxt_exchange import DEFAULTS, library
from cambista.venues.errors import (
    ExchangeUnknown,
    OutcomeUnknown,
    VenueAccessDenied,
    VenueOrderUnknown,
    VenuePairUnknown,
    VenueThrottled,
    VenueUnavailable,
)
from cambista.venues.trading_port import (
    VenueBalance,
    VenueCapabilities,
    VenueFill,
    VenueOrder,
    VenueOrderState,
    VenuePairRules,
    VenueReport,
)

T = TypeVar("T")
KNOWN_MAX = 10_000
SCAN_MAX = 500
ROUNDS = 3
RETRY_AFTER_S = 30.0
_ZERO = Decimal(0)
_BPS = Decimal(10_000)
_SMALLEST = Decimal("0.00000001")
_TICK_SIZE = 4
# Exchanges whose `fetchOrder` takes a client id; elsewhere the lists of orders are searched.
_ASKED_BY_CLIENT_ID = frozenset({"binance", "binanceus", "bybit", "gate", "kucoin", "okx"})
# ccxt writes every request with its headers, the key among them, at DEBUG.
_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class CcxtAccess:
    """One exchange by its ccxt name, and with what the house enters; `options` go to ccxt as they are.

    A lost order counts as possible for `doubt_s`; orders are asked for news every `poll_s`.
    """

    exchange: str
    key: SecretStr
    secret: SecretStr
    options: Mapping[str, object] = field(default_factory=dict)
    poll_s: float = 2.0
    doubt_s: float = 60.0


@dataclass(slots=True)
class _Known:
    pair: Pair
    doubt_until: float = 0.0
    id: str = ""
    report: VenueReport | None = None


class CcxtTrading:
    """Orders of `pairs` on one exchange through ccxt (extra `exchanges`). Refuses `exchange_unknown`, `extra_missing`.

    ccxt tells less than a venue's own adapter: how long a lost request may still arrive is not known, and news are
    asked for, not pushed.
    """

    def __init__(
        self,
        access: CcxtAccess,
        pairs: Collection[Pair],
        *,
        clock: Clock,
    ) -> None:
        ccxt = library()
        if access.exchange not in ccxt.exchanges:
            raise ExchangeUnknown(exchange=access.exchange[:40])
        self._kind: Any = getattr(ccxt, access.exchange)
        self._exchange = access.exchange
        self._errors: Any = importlib.import_module("ccxt.base.errors")
        self._pairs = frozenset(pairs)
        self._access = access
        self._clock = clock
        self._client: Any = None
        self._known: OrderedDict[UUID, _Known] = OrderedDict()
        self._opened_ms = 0
        self._strange_until = 0.0

    @property
    def name(self) -> str:
        return f"ccxt:{self._exchange}"

    @property
    def pairs(self) -> frozenset[Pair]:
        return self._pairs

    @property
    def capabilities(self) -> VenueCapabilities:
        has = self._client.has if self._client else {}
        return VenueCapabilities(
            market_orders=has.get("createMarketOrder") is not False,
            post_only=bool(has.get("createPostOnlyOrder", True)),
        )

    @property
    def connections(self) -> int:
        return 0

    async def open(self) -> None:
        if self._client is None:
            self._client = self._made()
        try:
            await self._reading(self._client.load_markets())
        except BaseException:
            await self.close()
            raise
        self._opened_ms = int(self._clock.now().timestamp() * 1000)
        self._strange_until = self._clock.monotonic() + self._access.doubt_s

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def rules_of(self, pair: Pair) -> VenuePairRules:
        market = self._client.markets.get(str(pair)) if pair in self._pairs else None
        if market is None or market.get("active") is False:
            raise VenuePairUnknown(venue=self.name, pair=str(pair))
        precision, limits = market["precision"], market["limits"]
        amount, cost = limits.get("amount") or {}, limits.get("cost") or {}
        return VenuePairRules(
            tick=self._step(precision.get("price")),
            lot=self._step(precision.get("amount")),
            minimum_quantity=wire.decimal(amount.get("min")),
            minimum_notional=wire.decimal(cost.get("min")),
            maker_bps=wire.decimal(market.get("maker")) * _BPS,
            taker_bps=wire.decimal(market.get("taker")) * _BPS,
            maximum_quantity=wire.decimal(amount.get("max")) or None,
        )

    async def place(self, order: VenueOrder) -> VenueReport:
        fault = self.rules_of(order.pair).fault(order)
        if fault:
            return wire.rejected(order, fault)
        if order.client_id in self._known or self._is_older(order.client_id):
            found = await self.find(order.client_id, order.pair)
            if found is not None:
                return found
        known = self._remember(order.client_id, order.pair)
        known.doubt_until = self._clock.monotonic() + self._access.doubt_s
        try:
            answer = await self._client.create_order(*wire.placing(order), wire.parameters(order))
            known.id = wire.named(answer)
        except Exception as error:
            return await self._refused(order, error)
        known.doubt_until = 0.0
        report = await self.find(order.client_id, order.pair)
        if report is None:
            raise OutcomeUnknown(venue=self.name, client_id=str(order.client_id))
        return report

    async def _refused(self, order: VenueOrder, error: Exception) -> VenueReport:
        errors, known = self._errors, self._known[order.client_id]
        if isinstance(error, errors.DuplicateOrderId):
            known.doubt_until = 0.0
            found = await self.find(order.client_id, order.pair)
            if found is not None:
                return found
        elif isinstance(error, (errors.InvalidOrder, errors.InsufficientFunds, errors.BadRequest)):
            self._known.pop(order.client_id, None)
            return wire.rejected(order, type(error).__name__)
        refusal = self._refusal(error, acts=True)
        if not isinstance(refusal, OutcomeUnknown):
            known.doubt_until = 0.0
        raise refusal from error

    async def cancel(self, client_id: UUID, pair: Pair) -> VenueReport:
        known = self._known.get(client_id)
        if known is None or not known.id:
            if await self.find(client_id, pair) is None:
                raise VenueOrderUnknown(venue=self.name, client_id=str(client_id))
            known = self._known[client_id]
        try:
            await self._client.cancel_order(known.id, str(pair))
        except self._errors.OrderNotFound:
            pass  # it ended before
        except Exception as error:
            raise self._refusal(error, acts=True) from error
        found = await self.find(client_id, pair)
        if found is None or not found.state.ended:
            raise OutcomeUnknown(venue=self.name, client_id=str(client_id))
        return found

    async def find(self, client_id: UUID, pair: Pair) -> VenueReport | None:
        for _ in range(ROUNDS):
            order = await self._asked(client_id, pair)
            if order is None:
                self._unheard(client_id)
                return None
            report = await self._report(client_id, pair, order)
            if report is not None:
                return self._note(report, str(order["id"]))
        raise VenueUnavailable(venue=self.name, reason="its order and its trades disagree")

    async def _asked(self, client_id: UUID, pair: Pair) -> Mapping[str, Any] | None:
        known = self._known.get(client_id)
        try:
            if known is not None and known.id:
                return await self._reading(self._client.fetch_order(known.id, str(pair)))
            if self._exchange in _ASKED_BY_CLIENT_ID:
                named = {"clientOrderId": client_id.hex}
                return await self._reading(self._client.fetch_order(client_id.hex, str(pair), named))
            return await self._searched(client_id, pair)
        except VenueOrderUnknown:
            return None

    async def _searched(self, client_id: UUID, pair: Pair) -> Mapping[str, Any] | None:
        has, lists = self._client.has, []
        lists.append(await self._reading(self._client.fetch_open_orders(str(pair))))
        for name, ask in (("fetchClosedOrders", "fetch_closed_orders"), ("fetchOrders", "fetch_orders")):
            if has.get(name):
                lists.append(await self._reading(getattr(self._client, ask)(str(pair), None, SCAN_MAX)))
                break
        else:
            raise VenueUnavailable(venue=self.name, reason="it lists no closed orders")
        return next((each for found in lists for each in found if wire.own_id(each) == client_id), None)

    def _unheard(self, client_id: UUID) -> None:
        now, known = self._clock.monotonic(), self._known.get(client_id)
        until = known.doubt_until if known else self._strange_until if self._is_older(client_id) else 0.0
        if now < until:
            raise OutcomeUnknown(venue=self.name, client_id=str(client_id), ask_after_s=round(until - now, 3))

    async def _report(self, client_id: UUID, pair: Pair, order: Mapping[str, Any]) -> VenueReport | None:
        """The order with its fills, or None while the two do not add up."""
        filled = wire.decimal(order.get("filled"))
        fills = await self._fills(pair, str(order["id"])) if filled else []
        if sum((fill.quantity for fill in fills), _ZERO) != filled:
            return None
        state = wire.STATES.get(str(order.get("status")))
        if state is None:
            raise VenueUnavailable(venue=self.name, reason="unreadable")
        if state is VenueOrderState.WORKING and filled:
            state = VenueOrderState.PARTIALLY_FILLED
        spent = sum((fill.price * fill.quantity for fill in fills), _ZERO)
        return VenueReport(client_id, pair, state, filled, spent, tuple(fills))

    async def _fills(self, pair: Pair, order_id: str) -> list[VenueFill]:
        client = self._client
        if client.has.get("fetchOrderTrades"):
            trades = await self._reading(client.fetch_order_trades(order_id, str(pair)))
        else:
            trades = await self._reading(client.fetch_my_trades(str(pair), None, SCAN_MAX))
        return [wire.fill(each, pair) for each in trades if str(each.get("order")) == order_id]

    async def working(self, pair: Pair) -> Sequence[VenueReport]:
        orders = await self._reading(self._client.fetch_open_orders(str(pair)))
        found = [await self.find(client_id, pair) for each in orders if (client_id := wire.own_id(each)) is not None]
        return [each for each in found if each is not None]

    async def balances(self) -> Mapping[str, VenueBalance]:
        told = await self._reading(self._client.fetch_balance())
        free, used = told["free"], told["used"]
        found = {asset: VenueBalance(wire.decimal(free[asset]), wire.decimal(used.get(asset))) for asset in free}
        return {asset: balance for asset, balance in found.items() if balance.total}

    async def reports(self) -> AsyncIterator[VenueReport]:
        told: dict[UUID, VenueReport] = {}
        while True:
            for client_id, known in list(self._known.items()):
                before = told.get(client_id)
                if before is not None and before.state.ended:
                    continue
                report = await self._news(client_id, known)
                if report is not None and report != before:
                    told[client_id] = report
                    yield report
            for gone in told.keys() - self._known.keys():
                del told[gone]
            await self._clock.sleep(self._access.poll_s)

    async def _news(self, client_id: UUID, known: _Known) -> VenueReport | None:
        if known.report is not None and known.report.state.ended:
            return known.report
        try:
            return await self.find(client_id, known.pair)
        except Unavailable:
            return None  # asked again at the next round

    def _made(self) -> Any:
        access = self._access
        keys = {"apiKey": access.key.get_secret_value(), "secret": access.secret.get_secret_value()}
        client = self._kind({**DEFAULTS, **keys, **access.options})
        client.number = str
        client.logger = _log
        client.has["fetchCurrencies"] = False
        # A number of the exchange's JSON stays the text it came as.
        client.parse_json = wire.parsed
        return client

    async def _reading(self, asking: Awaitable[T]) -> T:
        try:
            return await asking
        except Refusal:
            raise
        except Exception as error:
            if isinstance(error, self._errors.OrderNotFound):
                raise VenueOrderUnknown(venue=self.name) from error
            raise self._refusal(error, acts=False) from error

    def _refusal(self, error: Exception, *, acts: bool) -> Refusal:
        errors, reason = self._errors, type(error).__name__
        if isinstance(error, errors.DDoSProtection):
            return VenueThrottled(venue=self.name, retry_after_s=RETRY_AFTER_S)
        if isinstance(error, errors.AuthenticationError):
            return VenueAccessDenied(venue=self.name, reason=reason)
        if isinstance(error, errors.InvalidNonce) or not acts:
            return VenueUnavailable(venue=self.name, reason=reason)
        return OutcomeUnknown(venue=self.name, reason=reason)

    def _step(self, precision: object) -> Decimal:
        if precision is None:
            return _SMALLEST
        if self._client.precisionMode == _TICK_SIZE:
            return wire.decimal(precision) or _SMALLEST
        return Decimal(1).scaleb(-int(wire.decimal(precision)))

    def _is_older(self, client_id: UUID) -> bool:
        return client_id.version != 7 or client_id.int >> 80 <= self._opened_ms

    def _remember(self, client_id: UUID, pair: Pair) -> _Known:
        known = self._known.setdefault(client_id, _Known(pair))
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return known

    def _note(self, report: VenueReport, order_id: str) -> VenueReport:
        known = self._remember(report.client_id, report.pair)
        known.report, known.id, known.doubt_until = report, order_id, 0.0
        return report
