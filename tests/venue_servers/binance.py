"""A local Binance over HTTP and WebSocket: real wire form, real order state, and it can misbehave on command."""

import asyncio
import hashlib
import hmac
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web
from pydantic import SecretStr

from cambista.venues import CcxtAccess
from cambista.venues.binance import BinanceAccess
from tests.venue_servers.binance_state import Exchange, No

KEY, SECRET = "test-venue-key", "test-venue-secret"


class Fault(StrEnum):
    """How the next request of a kind goes wrong."""

    LOST_ANSWER = "lost_answer"  # done, then the connection breaks
    LOST_REQUEST = "lost_request"  # the connection breaks, and nothing is done
    HANGS = "hangs"  # done, and no answer for as long as the client waits
    LATE = "late"  # the connection breaks; the request arrives when `deliver_late` says
    SENT_TWICE = "sent_twice"  # something between repeats the request; the first answer comes back
    ERROR_500 = "error_500"  # done, and 500 says that nobody knows
    BUSY_429 = "busy_429"
    BANNED_418 = "banned_418"
    GARBAGE = "garbage"  # done, and the answer is no JSON


class BinanceServer:
    """`fault(method, path, fault)` arms the next such request; `exchange` is the venue's own truth."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.exchange = Exchange()
        self._now = now
        self.skew_ms = 0
        self.requests: list[tuple[str, str]] = []
        self.used_weight = 0
        self.mute = False
        self.tell_twice = False
        self.url = ""
        self._faults: dict[tuple[str, str], deque[Fault]] = {}
        self._late: list[tuple[str, str, dict[str, str]]] = []
        self._users: list[tuple[web.WebSocketResponse, bool]] = []
        self._depths: list[web.WebSocketResponse] = []
        self._told = 0
        self.renewals = 0
        self.listening = asyncio.Event()

    def now_ms(self) -> int:
        return int(self._now().timestamp() * 1000) + self.skew_ms

    def fault(self, method: str, path: str, *faults: Fault) -> None:
        self._faults.setdefault((method, path), deque()).extend(faults)

    def asked(self, method: str, path: str) -> int:
        """How often that was asked."""
        return self.requests.count((method, path))

    def access(self, **more: Any) -> BinanceAccess:
        """How the house enters here."""
        socket = self.url.replace("http", "ws")
        entered = BinanceAccess(SecretStr(KEY), SecretStr(SECRET), self.url, socket, f"{socket}/ws-api/v3")
        return replace(entered, **({"timeout_s": 5.0} | more))

    # ------------------------------------------------------------------------------------------------------------ REST
    async def answer(self, request: web.Request) -> web.StreamResponse:
        method, path = request.method, request.path
        self.requests.append((method, path))
        body = (await request.read()).decode()
        asked = dict(parse_qsl(request.query_string) + parse_qsl(body))
        armed = self._faults.get((method, path))
        fault = armed.popleft() if armed else None
        if fault in (Fault.BUSY_429, Fault.BANNED_418):
            status = 429 if fault is Fault.BUSY_429 else 418
            return web.json_response({"code": -1003, "msg": "Too many."}, status=status, headers={"Retry-After": "7"})
        if fault in (Fault.LOST_REQUEST, Fault.LATE):
            if fault is Fault.LATE:
                self._late.append((method, path, asked))
            return self._broken(request)
        try:
            self._check(request, asked, body)
            done = self._act(method, path, asked)
            if fault is Fault.SENT_TWICE:
                self._again(method, path, asked)
        except No as no:
            return web.json_response({"code": no.code, "msg": no.message}, status=no.status)
        await self._push_executions()
        if fault is Fault.LOST_ANSWER:
            return self._broken(request)
        if fault is Fault.HANGS:
            await asyncio.Event().wait()
        if fault is Fault.ERROR_500:
            return web.json_response({"code": -1000, "msg": "An unknown error occurred."}, status=500)
        if fault is Fault.GARBAGE:
            return web.Response(text="<html>")
        return web.json_response(done, headers={"X-MBX-USED-WEIGHT-1M": str(self.used_weight)})

    def _broken(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _again(self, method: str, path: str, asked: dict[str, str]) -> None:
        with suppress(No):
            self._act(method, path, asked)

    async def deliver_late(self) -> list[int]:
        """Let the requests that were on their way arrive; the venue's codes, 0 for one that was done."""
        codes = []
        for method, path, asked in self._late:
            try:
                self._in_time(asked)
                self._act(method, path, asked)
                codes.append(0)
            except No as no:
                codes.append(no.code)
        self._late.clear()
        await self._push_executions()
        return codes

    def _check(self, request: web.Request, asked: dict[str, str], body: str) -> None:
        if request.path in ("/api/v3/time", "/api/v3/depth", "/api/v3/exchangeInfo", "/api/v3/ping"):
            return
        if request.headers.get("X-MBX-APIKEY") != KEY:
            raise No(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if request.path == "/api/v3/userDataStream":
            return
        signed, _, signature = (request.query_string + body).rpartition("&signature=")
        if not hmac.compare_digest(_signature(signed), signature):
            raise No(-1022, "Signature for this request is not valid.")
        self._in_time(asked)

    def _in_time(self, asked: dict[str, str]) -> None:
        stamp, window, now = int(asked["timestamp"]), float(asked.get("recvWindow", "5000")), self.now_ms()
        if stamp > now + 1000 or now - stamp > window:
            raise No(-1021, "Timestamp for this request is outside of the recvWindow.")

    def _act(self, method: str, path: str, asked: dict[str, str]) -> Any:
        exchange, now = self.exchange, self.now_ms()
        acts: dict[str, Callable[[], Any]] = {
            "GET time": lambda: {"serverTime": now},
            "GET exchangeInfo": lambda: exchange.exchange_info(now),
            "GET depth": exchange.depth,
            "GET account": exchange.account,
            "POST order": lambda: exchange.place(asked, now).answered(),
            "GET order": lambda: self._found(asked).told(),
            "DELETE order": lambda: self._cancelled(asked, now),
            "GET openOrders": lambda: [order.told() for order in exchange.orders if order.open],
            "GET myTrades": lambda: self._trades(asked),
            "POST userDataStream": lambda: {"listenKey": "a-listen-key"},
            "PUT userDataStream": self._renewed,
        }
        act = acts.get(f"{method} {path.removeprefix('/api/v3/')}")
        if act is None:
            raise No(-1101, "No such endpoint.", 404)
        return act()

    def _trades(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        wanted, since = int(asked["orderId"]), int(asked.get("fromId", "0"))
        found = [each for each in self.exchange.trades if each["orderId"] == wanted and each["id"] >= since]
        return found[: int(asked.get("limit", "500"))]

    def _renewed(self) -> dict[str, Any]:
        self.renewals += 1
        return {}

    def _found(self, asked: dict[str, str]) -> Any:
        if "orderId" in asked:
            return next(order for order in self.exchange.orders if order.id == int(asked["orderId"]))
        return self.exchange.find(asked["origClientOrderId"])

    def _cancelled(self, asked: dict[str, str], now: int) -> Any:
        try:
            order = self._found(asked)
        except No as no:
            raise No(-2011, "Unknown order sent.") from no
        if not order.open:
            raise No(-2011, "Unknown order sent.")
        self.exchange.cancel(order, now)
        answered = order.answered() | {"origClientOrderId": order.client_id, "clientOrderId": f"cancel{order.id}"}
        del answered["fills"]
        return answered

    # --------------------------------------------------------------------------------------------------------- streams
    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        """A user stream by listen key."""
        return await self._serve_user(request, wrapped=False)

    async def socket_api(self, request: web.Request) -> web.WebSocketResponse:
        """The WebSocket API: a signed subscription to the user stream."""
        return await self._serve_user(request, wrapped=True)

    async def _serve_user(self, request: web.Request, *, wrapped: bool) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if wrapped and not await self._subscribed(socket):
            return socket
        self._users.append((socket, wrapped))
        self.listening.set()
        async for message in socket:
            assert message.type is WSMsgType.TEXT
        return socket

    async def _subscribed(self, socket: web.WebSocketResponse) -> bool:
        asked = json.loads(await socket.receive_str())
        given = asked["params"]
        signed = f"apiKey={given['apiKey']}&timestamp={given['timestamp']}"
        fine: bool = given["apiKey"] == KEY and given["signature"] == _signature(signed)
        fine = fine and abs(given["timestamp"] - self.now_ms()) < 5_000
        assert asked["method"] == "userDataStream.subscribe.signature"
        told = {"result": {"subscriptionId": 0}} if fine else {"error": {"code": -1021, "msg": "Timestamp."}}
        await socket.send_json({"id": asked["id"], "status": 200 if fine else 400, **told})
        return fine

    async def _push_executions(self) -> None:
        fresh, self._told = self.exchange.executions[self._told :], len(self.exchange.executions)
        if self.mute:
            return
        for event in fresh * 2 if self.tell_twice else fresh:
            for socket, wrapped in self._users:
                await socket.send_json({"subscriptionId": 0, "event": event} if wrapped else event)

    async def fill(self, client_id: str, quantity: str, price: str) -> None:
        """Execute part of a resting order, and say so."""
        order = self.exchange.find(client_id)
        self.exchange.fill(order, Decimal(quantity), Decimal(price), self.now_ms(), maker=True)
        await self._push_executions()

    async def depths(self, request: web.Request) -> web.WebSocketResponse:
        """The combined stream of differences."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._depths.append(socket)
        self.listening.set()
        async for _ in socket:
            pass
        return socket

    async def say_depth(self, difference: dict[str, Any]) -> None:
        for socket in self._depths:
            with suppress(ConnectionError):  # the house may have left by now
                await socket.send_json({"stream": "btcusdt@depth@100ms", "data": difference})

    async def drop_streams(self) -> None:
        """Break every stream."""
        self.listening.clear()
        users, depths = self._users, self._depths
        self._users, self._depths = [], []
        for socket in [*(user for user, _ in users), *depths]:
            await socket.close()


def _signature(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


@asynccontextmanager
async def running_binance(now: Callable[[], datetime]) -> AsyncIterator[BinanceServer]:
    """The server on a free local port, for as long as the block lasts."""
    server = BinanceServer(now)
    app = web.Application()
    app.router.add_get("/ws/{key}", server.listen)
    app.router.add_get("/ws-api/v3", server.socket_api)
    app.router.add_get("/stream", server.depths)
    app.router.add_route("*", "/api/v3/{rest:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await server.drop_streams()
        await runner.cleanup()


def ccxt_access(server: BinanceServer, **more: Any) -> CcxtAccess:
    """How ccxt's Binance enters here."""
    api = {"public": f"{server.url}/api/v3", "private": f"{server.url}/api/v3"}
    options: dict[str, object] = {
        "urls": {"api": api},
        "enableRateLimit": False,
        "timeout": 5_000,
        "milliseconds": server.now_ms,
    }
    return CcxtAccess("binance", SecretStr(KEY), SecretStr(SECRET), options, **more)
