"""One request on its way through the gateway: who asks, under which trace, with what body, and how it is answered."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from cambista.gateway import refusals, wire
from cambista.gateway.access import Access
from cambista.gateway.addresses import network
from cambista.gateway.doors import Doors
from cambista.gateway.errors import (
    BodyNotJson,
    BodyTooLarge,
    EncodingUnsupported,
    HeaderRepeated,
    HeadersTooLarge,
    HostMissing,
    HostUnknown,
    IdempotencyKeyInvalid,
    IdempotencyKeyRequired,
    MediaTypeUnsupported,
)
from cambista.gateway.limiting.guesses import Guesses
from cambista.gateway.limiting.limiter import Limiter, headers_of, refusal_of
from cambista.gateway.limiting.policies import Charge, Policies
from cambista.gateway.noting import Denials
from cambista.gateway.settings import GatewaySettings
from cambista.gateway.shedding.gate import Seat
from cambista.gateway.terms import READ, Counted, Terms, terms_of
from cambista.identity import SignatureRequired, SignedRequest
from cambista.kernel.callers import Caller
from cambista.kernel.errors import Denied, Refusal, Unauthenticated
from cambista.runtime import Once, Replay

KEY = "cambista.passage"
REPLAYED = (b"idempotent-replayed", b"true")
JSON_TYPE = b"application/json"
AGENT_MAX = 200
# What the house serves itself; beside it stand guests (the console) with rules of their own.
OWN_PATHS = ("/api/", "/oauth/", "/.well-known/", "/health/", "/metrics", "/docs", "/openapi.json")
_SINGLE = (
    b"authorization", b"content-encoding", b"content-length", b"content-type", b"host", b"idempotency-key", b"origin",
    b"traceparent", b"transfer-encoding", b"x-api-key", b"x-nonce", b"x-request-id", b"x-signature", b"x-timestamp",
)  # fmt: skip
_SIGNATURE = (b"x-timestamp", b"x-nonce", b"x-signature")
_TRACEPARENT = re.compile(rb"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PORT = re.compile(r":\d*$")
_IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,128}")
# What a request takes from its address that brings no key where one is needed, or asks for what is not there.
STRANGE = Terms(READ, Counted.UNITS)
_EVERYWHERE = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
_OWN = (
    *_EVERYWHERE,
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What every passage goes by."""

    settings: GatewaySettings
    policies: Policies
    limiter: Limiter
    guesses: Guesses
    denials: Denials


class Passage:
    """What the frame knows of a request. `endpoint` is its route's template once that is found."""

    __slots__ = (
        "_body_left", "_caller", "_gathered", "_receive", "_rules", "_scope", "_send", "_settings", "address", "doors",
        "ended", "endpoint", "extra_headers", "headers", "is_own", "method", "request_id", "seat", "status", "timer",
        "trace_id",
    )  # fmt: skip

    def __init__(self, doors: Doors, rules: Rules, scope: Scope, receive: Receive, send: Send) -> None:
        self.doors = doors
        self._rules = rules
        self._settings = settings = rules.settings
        self._scope, self._receive, self._send = scope, receive, send
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.method: str = scope["method"]
        self.address: str = scope["client"][0] if scope.get("client") else ""
        self.trace_id, self.request_id = self._trace()
        self.is_own = scope["path"].startswith(OWN_PATHS)
        self.endpoint = ""
        self.status = 0
        self.ended = False
        self.extra_headers: list[tuple[bytes, bytes]] = []
        self.timer: asyncio.Timeout | None = None
        self.seat: Seat | None = None
        self._body_left = settings.body_max_bytes
        self._gathered: bytes | None = None
        self._caller: Caller | None = None

    def _trace(self) -> tuple[str, bytes]:
        parent = _TRACEPARENT.fullmatch(self.headers.get(b"traceparent", b""))
        given = self.headers.get(b"x-request-id", b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else b""
        trace_id = (parent[1] if parent else request_id).decode() or f"{self.doors.runtime.rng.getrandbits(128):032x}"
        return trace_id, request_id or trace_id.encode()

    def admit(self) -> None:
        """Look at the headers before anything is read; refuses too many, too long, ambiguous ones, and a long body."""
        scope, settings = self._scope, self._settings
        received = scope["headers"]
        size = sum(len(n) + len(v) for n, v in received) + len(scope["raw_path"]) + len(scope["query_string"])
        if len(received) > settings.header_count_max or size > settings.header_max_bytes:
            raise HeadersTooLarge(count_max=settings.header_count_max, bytes_max=settings.header_max_bytes)
        if len(received) != len(self.headers):
            names = [name for name, _ in received]
            for name in _SINGLE:
                if names.count(name) > 1:
                    raise HeaderRepeated(header=name.decode())
        self._admit_host()
        if not self.is_own:
            return
        if self.headers.get(b"content-encoding", b"identity") != b"identity":
            raise EncodingUnsupported
        length = self.headers.get(b"content-length", b"0")
        if not (length.isdigit() and len(length) < 16 and int(length) <= self._body_left):
            raise BodyTooLarge(bytes_max=settings.body_max_bytes)

    def _admit_host(self) -> None:
        host = self.headers.get(b"host")
        if host is None and self._scope.get("http_version") == "1.1":
            raise HostMissing
        hosts = self._settings.hosts
        if hosts and _PORT.sub("", (host or b"").decode("latin-1").lower()) not in hosts:
            raise HostUnknown

    @property
    def is_keyed(self) -> bool:
        """Whether the request brings something to be known by, good or bad."""
        return b"x-api-key" in self.headers or b"authorization" in self.headers

    @property
    def caller(self) -> Caller:
        """Who asks; the endpoint must have let them in."""
        assert self._caller is not None, "this endpoint is open to anyone: there is no caller"
        return self._caller

    async def enter(self, access: Access) -> None:
        """Let the caller in, or refuse: `unauthenticated`, `too_many_requests`, or what `Access.admit` refuses."""
        terms = terms_of(self.method, self.endpoint, is_open=not access.roles)
        if not access.roles:
            await self.charge_address(terms)
            return
        key = self.headers.get(b"x-api-key") or self._bearer()
        if not key:
            await self.charge_address(STRANGE)
            await self._rules.denials.note_stranger(self.address, self.trace_id, Unauthenticated())
            raise Unauthenticated
        self._rules.guesses.admit(self.address, key)
        caller = await self._authenticate(key)
        self._rules.guesses.note_success(key)
        await self._charge(self._rules.policies.of_caller(caller, terms))
        try:
            access.admit(caller)
            self.doors.identity.require_second_factor(caller, enrolling=access.enrolling)
        except Denied as refusal:
            await self._rules.denials.note(caller, f"{self.method} {self.endpoint}", refusal)
            raise
        self._caller = caller

    async def _authenticate(self, key: bytes) -> Caller:
        text = key.decode("latin-1")
        try:
            return await self.doors.identity.authenticate(
                text, address=self.address, trace_id=self.trace_id, agent=self.agent, signed=self._signed
            )
        except Unauthenticated as refusal:
            self._rules.guesses.note_failure(self.address, key)
            await self._rules.denials.note_stranger(self.address, self.trace_id, refusal)
            raise

    @property
    def agent(self) -> str:
        """The user agent, as far as the house keeps it."""
        return self.headers.get(b"user-agent", b"")[:AGENT_MAX].decode("latin-1")

    async def _signed(self) -> SignedRequest:
        """The request as it was signed; asked for only when the key is one whose requests are."""
        timestamp, nonce, signature = (self.headers.get(name, b"").decode("latin-1") for name in _SIGNATURE)
        if not signature:
            raise SignatureRequired
        body = self._gathered = await self._body()
        query = self._scope["query_string"]
        target = self._scope["raw_path"] + (b"?" + query if query else b"")
        once = self.headers.get(b"idempotency-key", b"").decode("latin-1")
        body_hash = hashlib.sha256(body).hexdigest()
        return SignedRequest(self.method, target.decode("latin-1"), body_hash, timestamp, nonce, once, signature)

    async def charge_address(self, terms: Terms) -> None:
        """Count a call that has no caller against its address; refuses `too_many_requests`."""
        await self._charge(self._rules.policies.of_address(network(self.address), terms))

    async def _charge(self, charges: Sequence[Charge]) -> None:
        allowances = await self._rules.limiter.charge(charges)
        self.extra_headers += headers_of(allowances)
        refusal = refusal_of(allowances)
        if refusal is not None:
            raise refusal

    def _bearer(self) -> bytes:
        scheme, _, token = self.headers.get(b"authorization", b"").partition(b" ")
        return token.strip() if scheme.lower() == b"bearer" else b""

    async def gather(self) -> None:
        """Read the whole body, if there is one, before anybody works on the request: a slow sender holds up nobody."""
        if self.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in self.headers:
            self._gathered = await self._body()

    async def receive(self) -> Message:
        """The next piece of the body; refuses `body_too_large` once more has come than the house reads."""
        if self._gathered is not None:
            body, self._gathered = self._gathered, None
            return {"type": "http.request", "body": body, "more_body": False}
        message = await self._receive()
        if self.is_own and message["type"] == "http.request":
            self._body_left -= len(message.get("body", b""))
            if self._body_left < 0:
                raise BodyTooLarge(bytes_max=self._settings.body_max_bytes)
        return message

    async def read_json(self, *, optional: bool = False) -> object:
        """The body as parsed JSON; refuses `media_type_unsupported`, `body_too_large`, `body_not_json`."""
        raw = await self._body()
        if not raw and optional:
            return {}
        media_type = self.headers.get(b"content-type", b"").lower()
        if media_type != JSON_TYPE and not _is_json(media_type):
            raise MediaTypeUnsupported(content_type=media_type[:80].decode("latin-1"))
        return wire.parse_json(raw)

    async def read_raw(self) -> bytes:
        """The body as it came; refuses `body_too_large`."""
        return await self._body()

    async def _body(self) -> bytes:
        if self._gathered is not None:
            body, self._gathered = self._gathered, None
            return body
        pieces: list[bytes] = []
        while True:
            message = await self.receive()
            if message["type"] != "http.request":
                raise BodyNotJson("The body ended early.")
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def once(
        self,
        fingerprint: Callable[[], bytes],
        render: Callable[[Any], tuple[int, bytes]],
        *,
        required: bool,
        personal: bool = False,
    ) -> Once | None:
        """The caller's Idempotency-Key for this endpoint, or None; refuses a missing one where money moves.

        An answer that is `personal` is remembered sealed.
        """
        key = self.headers.get(b"idempotency-key")
        if key is None:
            if required:
                raise IdempotencyKeyRequired
            return None
        if _IDEMPOTENCY_KEY.fullmatch(key) is None:
            raise IdempotencyKeyInvalid
        endpoint = f"{self.method} {self.endpoint}"
        return Once(self.caller.id, endpoint, key.decode("ascii"), fingerprint(), render, personal)

    async def send(self, message: Message) -> None:
        """Pass the answer of an endpoint or a guest on, with the headers every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message.get("headers", ()))
            names = {name for name, _ in headers}
            headers += [each for each in (_OWN if self.is_own else _EVERYWHERE) if each[0] not in names]
            headers += [(b"x-request-id", self.request_id), *self.extra_headers]
            message = {**message, "headers": headers}
        else:
            self.ended = not message.get("more_body", False)
            self._allow_streaming()
        await self._send(message)

    def _allow_streaming(self) -> None:
        if self.timer is not None and not self.ended:
            self.timer.reschedule(asyncio.get_running_loop().time() + self._settings.stream_timeout_s)
            self.timer = None
        if self.seat is not None:
            self.seat.leave()

    async def answer(
        self, status: int, body: bytes, *, media_type: bytes = JSON_TYPE, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        """Answer in full."""
        self.status = status
        head = [
            (b"content-type", media_type),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", self.request_id),
            *(_OWN if self.is_own else _EVERYWHERE),
            *self.extra_headers,
            *headers,
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": head})
        self.ended = True
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def answer_replay(self, replay: Replay) -> None:
        """The stored answer, byte for byte; a repeat is marked."""
        await self.answer(replay.status, replay.body, headers=() if replay.first else (REPLAYED,))

    async def refuse(self, refusal: Refusal) -> None:
        """Say no."""
        status, headers, body = refused(refusal, self.trace_id)
        await self.answer(status, body, media_type=refusals.PROBLEM_TYPE, headers=headers)


def _is_json(media_type: bytes) -> bool:
    name, _, parameters = media_type.partition(b";")
    charset = parameters.replace(b" ", b"").replace(b'"', b"")
    return name.strip() == JSON_TYPE and (b"charset=" not in charset or b"charset=utf-8" in charset)


def refused(refusal: Refusal, trace_id: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of a refusal."""
    status = refusals.status_of(type(refusal))
    headers: list[tuple[bytes, bytes]] = []
    wait_s = refusals.retry_after_s(refusal)
    if wait_s is not None:
        headers.append((b"retry-after", b"%d" % wait_s))
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="cambista"'))
    if status == 405 and isinstance(refusal.facts.get("allowed"), str):
        headers.append((b"allow", str(refusal.facts["allowed"]).encode()))
    body = refusals.problem(
        status=status, code=refusal.code, detail=refusal.detail, facts=refusal.facts, trace_id=trace_id
    )
    return status, headers, body
