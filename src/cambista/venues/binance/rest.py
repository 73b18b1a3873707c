"""Binance's REST: signed requests, its clock, its budget, and what each kind of failure means for an order."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx2
import msgspec
from pydantic import SecretStr

from cambista.runtime import Clock
from cambista.venues.binance.weights import Weights
from cambista.venues.errors import OutcomeUnknown, VenueAccessDenied, VenueThrottled, VenueUnavailable

T = TypeVar("T")
BODY_MAX = 16 * 2**20
MESSAGE_MAX = 200
# The venue's codes, from its list of errors.
_CLOCK_SKEWED = -1021
_BAD_SIGNATURE, _BAD_KEY_FORM, _BAD_KEY = -1022, -2014, -2015
_TOO_MANY = -1003
_MAYBE = frozenset({-1000, -1001, -1006, -1007})
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.LocalProtocolError,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)


class BinanceSays(Exception):
    """The venue answered and said no: its code and message. Nothing was done."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class _No(msgspec.Struct):
    code: int
    msg: str = ""


class _Time(msgspec.Struct):
    server_time: int = msgspec.field(name="serverTime")


@dataclass(frozen=True, slots=True)
class BinanceAccess:
    """Where Binance is and with what the house enters. `key` and `secret` may be references to secrets.

    `recv_window_s` is how long a signed request stays good: one that comes later is refused by the venue, so after that
    time a lost order can no longer come to be.
    """

    key: SecretStr
    secret: SecretStr
    url: str = "https://api.binance.com"
    stream_url: str = "wss://stream.binance.com:9443"
    socket_api_url: str = "wss://ws-api.binance.com:443/ws-api/v3"
    recv_window_s: float = 5.0
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `acts`: it may change something, so no answer means that nobody knows. `keyed`: the key goes along;
    `signed`: and a time and a signature."""

    verb: str
    path: str
    parameters: Mapping[str, str]
    weight: int = 1
    signed: bool = False
    keyed: bool = False
    acts: bool = False


class BinanceRest:
    """Asks Binance. Refusals say whether anything can have happened there; keys never stand in one, nor in a log."""

    def __init__(self, access: BinanceAccess, clock: Clock) -> None:
        self._access = access
        self._clock = clock
        self._client: httpx2.AsyncClient | None = None
        self._ahead = timedelta()
        self.weights = Weights(clock)

    async def open(self) -> None:
        """Connect and set our clock by the venue's."""
        if self._client is None:
            self._client = httpx2.AsyncClient(
                base_url=self._access.url, timeout=self._access.timeout_s, follow_redirects=False, trust_env=False
            )
        await self.learn_time()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def learn_time(self) -> None:
        """Measure how far the venue's clock is ahead of ours, from the middle of one question and answer."""
        before = self._clock.now()
        answer = await self.ask(Call("GET", "/api/v3/time", {}), _Time)
        after = self._clock.now()
        self._ahead = timedelta(
            milliseconds=answer.server_time - int((before + (after - before) / 2).timestamp() * 1000)
        )

    def stamp(self) -> int:
        """The venue's time now, in milliseconds."""
        return int((self._clock.now() + self._ahead).timestamp() * 1000)

    def signature(self, text: str) -> str:
        """HMAC-SHA256 of `text` with the house's secret, in hex."""
        return hmac.new(self._access.secret.get_secret_value().encode(), text.encode(), hashlib.sha256).hexdigest()

    async def ask(self, call: Call, kind: type[T]) -> T:
        """The venue's answer as `kind`. Raises BinanceSays (it said no) or a refusal.

        A request refused for its time alone is made once more after our clock was set anew.
        """
        try:
            body = await self._once(call)
        except BinanceSays as no:
            if no.code != _CLOCK_SKEWED:
                raise
            await self.learn_time()
            body = await self._once(call)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _lost(call, "unreadable") from error

    async def _once(self, call: Call) -> bytes:
        self.weights.take(call.weight, urgent=call.acts)
        assert self._client is not None, "open first"
        try:
            async with self._client.stream(**self._request(call)) as answer:
                body = await _read(answer, call)
        except _NEVER_SENT as error:
            raise VenueUnavailable(reason=type(error).__name__) from error
        except httpx2.RequestError as error:
            raise _lost(call, type(error).__name__) from error
        self.weights.heard(answer.headers.get("X-MBX-USED-WEIGHT-1M"))
        if answer.status_code == httpx2.codes.OK:
            return body
        raise self._failure(call, answer, body)

    def _request(self, call: Call) -> dict[str, Any]:
        parameters = dict(call.parameters)
        headers = {"X-MBX-APIKEY": self._access.key.get_secret_value()} if call.signed or call.keyed else {}
        if call.signed:
            parameters |= {"recvWindow": str(int(self._access.recv_window_s * 1000)), "timestamp": str(self.stamp())}
        text = urlencode(parameters)
        if call.signed:
            text += f"&signature={self.signature(text)}"
        request = {"method": call.verb, "url": call.path, "headers": headers}
        if call.verb == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return request | {"content": text}
        return request | {"url": f"{call.path}?{text}" if text else call.path}

    def _failure(self, call: Call, answer: httpx2.Response, body: bytes) -> Exception:
        status = answer.status_code
        if status in (418, 429):
            return VenueThrottled(retry_after_s=self.weights.stay_away(answer.headers.get("Retry-After")))
        if status >= 500:
            return _lost(call, f"status {status}")
        try:
            no = msgspec.json.decode(body, type=_No)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return VenueUnavailable(reason=f"status {status}")
        if no.code == _TOO_MANY:
            return VenueThrottled(retry_after_s=self.weights.stay_away(answer.headers.get("Retry-After")))
        if no.code in (_BAD_SIGNATURE, _BAD_KEY_FORM, _BAD_KEY):
            return VenueAccessDenied(reason=no.code)
        return _lost(call, f"code {no.code}") if no.code in _MAYBE else BinanceSays(no.code, no.msg[:MESSAGE_MAX])


async def _read(answer: httpx2.Response, call: Call) -> bytes:
    body = bytearray()
    async for part in answer.aiter_bytes(65_536):
        body += part
        if len(body) > BODY_MAX:
            raise _lost(call, "too long")
    return bytes(body)


def _lost(call: Call, reason: str) -> Exception:
    return OutcomeUnknown(reason=reason) if call.acts else VenueUnavailable(reason=reason)
