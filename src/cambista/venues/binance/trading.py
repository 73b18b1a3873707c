"""Binance spot as a trading venue: each order at most once, and the truth about it after a lost answer."""

import random
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import NoReturn, TypeVar
from uuid import UUID

import msgspec

from cambista.kernel.market import Pair, Side
from cambista.runtime import Clock
from cambista.venues.binance import wire
from cambista.venues.binance.rest import BinanceAccess, BinanceRest, BinanceSays, Call
from cambista.venues.binance.user_stream import UserStream
from cambista.venues.errors import OutcomeUnknown, VenueOrderUnknown, VenuePairUnknown, VenueUnavailable
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
NAME = "binance"
KNOWN_MAX = 10_000
TRADES_PAGE = 1_000
FILLS_MAX = 20_000
ROUNDS = 3
_NO_SUCH_ORDER, _CANCEL_REJECTED, _ORDER_REJECTED = -2013, -2011, -2010
_DUPLICATE = "duplicate"


@dataclass(slots=True)
class _Known:
    """An order this adapter sent: until when a lost request may still arrive (monotonic), and the last report."""

    pair: Pair
    doubt_until: float = 0.0
    report: VenueReport | None = None


class BinanceTrading:
    """Orders of `pairs` on Binance spot.

    Binance refuses a client id twice only while its order is open, so an id that may have been sent before (by this
    object, or by a process before it: a UUIDv7 tells when it was made) is asked for first. A lost request is dead once
    its `recvWindow` is over; until then `find` does not say "never heard of it".
    """

    def __init__(
        self,
        access: BinanceAccess,
        pairs: Collection[Pair],
        *,
        clock: Clock,
        rng: random.Random,
        listen_key: bool = False,
    ) -> None:
        self._rest = BinanceRest(access, clock)
        self._pairs = {wire.symbol_of(pair): pair for pair in pairs}
        self._clock = clock
        self._recv_window_s = access.recv_window_s
        self._rules: dict[Pair, VenuePairRules] = {}
        self._known: OrderedDict[UUID, _Known] = OrderedDict()
        self._opened_ms = 0
        self._strange_until = 0.0
        self.stream = UserStream(access, self._rest, clock, rng, listen_key=listen_key)

    @property
    def name(self) -> str:
        return NAME

    @property
    def pairs(self) -> frozenset[Pair]:
        return frozenset(self._pairs.values())

    @property
    def capabilities(self) -> VenueCapabilities:
        return VenueCapabilities(post_only=True)

    @property
    def connections(self) -> int:
        return self.stream.connections

    async def open(self) -> None:
        await self._rest.open()
        names = msgspec.json.encode(sorted(self._pairs)).decode()
        found = await self._read(Call("GET", "/api/v3/exchangeInfo", {"symbols": names}, 20), wire.ExchangeRules)
        account = await self._account()
        for limit in found.rate_limits:
            if (limit.rate_limit_type, limit.interval, limit.interval_num) == ("REQUEST_WEIGHT", "MINUTE", 1):
                self._rest.weights.limit = limit.limit
        self._rules = {
            self._pairs[each.symbol]: wire.rules_of(each, account.commission_rates)
            for each in found.symbols
            if each.symbol in self._pairs and each.status == "TRADING"
        }
        self._opened_ms = int(self._clock.now().timestamp() * 1000)
        self._strange_until = self._clock.monotonic() + self._recv_window_s

    async def close(self) -> None:
        await self._rest.close()

    def rules_of(self, pair: Pair) -> VenuePairRules:
        found = self._rules.get(pair)
        if found is None:
            raise VenuePairUnknown(venue=NAME, pair=str(pair))
        return found

    async def place(self, order: VenueOrder) -> VenueReport:
        fault = self.rules_of(order.pair).fault(order)
        if fault:
            return _rejected(order, fault)
        if order.client_id in self._known or self._is_older(order.client_id):
            found = await self.find(order.client_id, order.pair)
            if found is not None:
                return found
        known = self._remember(order.client_id, order.pair)
        known.doubt_until = self._clock.monotonic() + self._recv_window_s
        try:
            answer = await self._rest.ask(_placing(order), wire.Order)
        except BinanceSays as no:
            return await self._refused(order, no)
        except OutcomeUnknown:
            raise
        except Exception:
            known.doubt_until = 0.0
            raise
        return self._note(_reported(order, answer))

    async def _refused(self, order: VenueOrder, no: BinanceSays) -> VenueReport:
        self._known[order.client_id].doubt_until = 0.0
        if no.code == _ORDER_REJECTED and _DUPLICATE in no.message.lower():
            found = await self.find(order.client_id, order.pair)
            if found is None:
                raise OutcomeUnknown(venue=NAME, client_id=str(order.client_id))
            return found
        self._known.pop(order.client_id, None)
        return _rejected(order, no.message or str(no.code))

    async def cancel(self, client_id: UUID, pair: Pair) -> VenueReport:
        parameters = {"symbol": wire.symbol_of(pair), "origClientOrderId": str(client_id)}
        try:
            await self._rest.ask(Call("DELETE", "/api/v3/order", parameters, signed=True, acts=True), wire.Order)
        except BinanceSays as no:
            if no.code != _CANCEL_REJECTED:
                _unusable(no)
        found = await self.find(client_id, pair)
        if found is None:
            raise VenueOrderUnknown(venue=NAME, client_id=str(client_id))
        if not found.state.ended:
            raise OutcomeUnknown(venue=NAME, client_id=str(client_id))
        return found

    async def find(self, client_id: UUID, pair: Pair) -> VenueReport | None:
        for _ in range(ROUNDS):
            parameters = {"symbol": wire.symbol_of(pair), "origClientOrderId": str(client_id)}
            try:
                order = await self._rest.ask(Call("GET", "/api/v3/order", parameters, 4, signed=True), wire.Order)
                fills = await self._fills(order) if wire.number(order.executed_qty) else []
                return self._note(wire.report_of(client_id, pair, order, fills))
            except wire.Unreadable:
                continue  # it filled between the two questions: ask again
            except BinanceSays as no:
                if no.code != _NO_SUCH_ORDER:
                    _unusable(no)
                self._unheard(client_id)
                return None
        raise VenueUnavailable(venue=NAME, reason="its order and its trades disagree")

    def _unheard(self, client_id: UUID) -> None:
        now = self._clock.monotonic()
        known = self._known.get(client_id)
        until = known.doubt_until if known else self._strange_until if self._is_older(client_id) else 0.0
        if now < until:
            raise OutcomeUnknown(venue=NAME, client_id=str(client_id), ask_after_s=round(until - now, 3))

    def _is_older(self, client_id: UUID) -> bool:
        """Whether a process before this one may have sent it."""
        return client_id.version != 7 or client_id.int >> 80 <= self._opened_ms

    async def working(self, pair: Pair) -> Sequence[VenueReport]:
        parameters = {"symbol": wire.symbol_of(pair)}
        orders = await self._read(Call("GET", "/api/v3/openOrders", parameters, 6, signed=True), list[wire.Order])
        ours = [client_id for order in orders if (client_id := wire.own_id(order.client_order_id))]
        found = [await self.find(client_id, pair) for client_id in ours]
        return [each for each in found if each is not None]

    async def balances(self) -> Mapping[str, VenueBalance]:
        try:
            return wire.balances_of(await self._account())
        except wire.Unreadable as error:
            raise VenueUnavailable(venue=NAME, reason="unreadable") from error

    async def reports(self) -> AsyncIterator[VenueReport]:
        async with aclosing(self.stream.executions()) as executions:
            async for said in executions:
                for report in await (self._caught_up() if said is None else self._heard(said)):
                    yield report

    async def _caught_up(self) -> list[VenueReport]:
        waiting = [
            (key, known) for key, known in self._known.items() if not known.report or not known.report.state.ended
        ]
        found = []
        for client_id, known in waiting:
            try:
                report = await self.find(client_id, known.pair)
            except OutcomeUnknown:
                continue  # who placed it was told, and asks
            if report is not None:
                found.append(report)
        return found

    async def _heard(self, said: wire.Execution) -> list[VenueReport]:
        client_id, pair = wire.own_id(said.C) or wire.own_id(said.c), self._pairs.get(said.s)
        if client_id is None or pair is None or said.X == "REJECTED":
            return []
        known = self._known.get(client_id)
        try:
            report = wire.joined(known.report if known else None, said, client_id, pair)
        except wire.Unreadable:
            report = None
        if report is None:
            report = await self.find(client_id, pair)
        return [] if report is None else [self._note(report)]

    async def _fills(self, order: wire.Order) -> list[VenueFill]:
        found: list[VenueFill] = []
        parameters = {"symbol": order.symbol, "orderId": str(order.order_id), "limit": str(TRADES_PAGE)}
        while len(found) < FILLS_MAX:
            page = await self._rest.ask(Call("GET", "/api/v3/myTrades", parameters, 5, signed=True), list[wire.Trade])
            found.extend(wire.fill_of_trade(each) for each in page if each.order_id == order.order_id)
            if len(page) < TRADES_PAGE:
                break
            parameters["fromId"] = str(page[-1].id + 1)
        return found

    async def _account(self) -> wire.Account:
        return await self._read(
            Call("GET", "/api/v3/account", {"omitZeroBalances": "true"}, 20, signed=True), wire.Account
        )

    async def _read(self, call: Call, kind: type[T]) -> T:
        try:
            return await self._rest.ask(call, kind)
        except BinanceSays as no:
            _unusable(no)

    def _remember(self, client_id: UUID, pair: Pair) -> _Known:
        known = self._known.setdefault(client_id, _Known(pair))
        while len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return known

    def _note(self, report: VenueReport) -> VenueReport:
        known = self._remember(report.client_id, report.pair)
        if known.report is None or not (known.report.state.ended or report.filled < known.report.filled):
            known.report = report
        known.doubt_until = 0.0
        return report


def _placing(order: VenueOrder) -> Call:
    parameters = {
        "symbol": wire.symbol_of(order.pair),
        "side": "BUY" if order.side is Side.BUY else "SELL",
        "quantity": f"{order.quantity:f}",
        "newClientOrderId": str(order.client_id),
        "newOrderRespType": "FULL",
    }
    if order.limit is None:
        parameters["type"] = "MARKET"
    elif order.post_only:
        parameters |= {"type": "LIMIT_MAKER", "price": f"{order.limit:f}"}
    else:
        parameters |= {"type": "LIMIT", "price": f"{order.limit:f}", "timeInForce": order.time_in_force.value.upper()}
    return Call("POST", "/api/v3/order", parameters, signed=True, acts=True)


def _reported(order: VenueOrder, answer: wire.Order) -> VenueReport:
    try:
        return wire.report_of(order.client_id, order.pair, answer, wire.fills_of_answer(answer))
    except wire.Unreadable as error:
        raise OutcomeUnknown(venue=NAME, client_id=str(order.client_id)) from error


def _rejected(order: VenueOrder, reason: str) -> VenueReport:
    return VenueReport(order.client_id, order.pair, VenueOrderState.REJECTED, reason=reason)


def _unusable(no: BinanceSays) -> NoReturn:
    raise VenueUnavailable(venue=NAME, reason=str(no)) from no
