"""Watches all that the suite's houses log and refuse with, and says which secret of somebody stands in it.

Secrets are learnt where they pass: in requests and good answers of the tests' clients, in what is sealed, in addresses
of databases. What has the form of a key or token is one wherever it is seen. Logs are caught where they are written: at
the last step of structlog, whatever it was configured to, and on the root of `logging`, where asyncpg's and uvicorn's
end.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
import structlog

from cambista.runtime import Database, Sealing
from cambista.runtime.logs import processors

# Keys, sessions, tickets and the other tokens of the house, with the part that is secret; signed tokens (RFC 7515).
FORMS = re.compile(
    r"cm[a-z]_[a-z2-7]{8}_[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"
)
SECRET_FIELDS = frozenset(
    {
        "access_token", "account", "client_secret", "code_verifier", "codes", "current_password", "document", "email",
        "full_name", "holder", "key", "new_password", "password", "phone", "recovery_codes", "refresh_token", "secret",
        "signing_secret", "ticket", "token",
    }
)  # fmt: skip
# Shorter ones stand in any text by chance.
LENGTH_MIN = 8
# What a fuzzer takes for a password, the number the house itself gives as an example, and a network address.
NO_SECRET = re.compile(r"[a-z_]+|\+573001234567|\d{1,3}(\.\d{1,3}){3}")
LEARNT_MAX = 50_000
_METHODS = (
    "msg", "log", "debug", "info", "warn", "warning", "fatal", "failure", "err", "error", "critical", "exception",
)  # fmt: skip


@dataclass(slots=True)
class Watch:
    """What was said while it watched, and which secrets passed."""

    said: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    public: set[str] = field(default_factory=set)

    def learn(self, texts: Iterable[object]) -> None:
        """Remember secrets; a JSON text is opened, and its texts are remembered."""
        for text in texts:
            if not isinstance(text, str) or len(text) < LENGTH_MIN or NO_SECRET.fullmatch(text):
                continue
            opened = _json(text) if text[0] in "[{" else None
            if opened is None:
                self.secrets.add(text)
            else:
                self.learn(_texts(opened))

    def hear(self, text: str) -> None:
        self.said.append(text)

    def leaks(self) -> list[str]:
        """Each saying that holds a secret, with the secret."""
        together = "\n".join(self.said)
        written = {form for secret in self.secrets - self.public for form in (secret, json.dumps(secret)[1:-1])}
        found = {form for form in written if form in together} | set(FORMS.findall(together))
        return [f"{form!r} in {text[:300]!r}" for form in sorted(found) for text in self.said if form in text]


_watches: list[Watch] = []
# All secrets of this process, for what is looked at in the end, up to a bound.
_learnt: set[str] = set()


@contextmanager
def watching() -> Iterator[Watch]:
    """A watch of its own for the block: nobody else hears what is said in it."""
    watch = Watch()
    _watches.append(watch)
    try:
        yield watch
    finally:
        _watches.remove(watch)
        if len(_learnt) < LEARNT_MAX:
            _learnt.update(watch.secrets)


def made_up(texts: Iterable[str]) -> None:
    """Say that these are nobody's secrets, though the test sends them as such."""
    _watches[-1].public.update(texts)


def _hear(text: object) -> None:
    if _watches:
        _watches[-1].hear(text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text))


def _learn(texts: Iterable[object]) -> None:
    if _watches:
        _watches[-1].learn(texts)


# ------------------------------------------------------------------------------------------------- where things pass
class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _hear(self.format(record))


def install() -> None:
    """Listen at every place once, for as long as this process lives."""
    logging.getLogger().addHandler(_Handler(logging.NOTSET))
    for writer in (structlog.PrintLogger, structlog.WriteLogger, structlog.BytesLogger):
        for name in _METHODS:
            if hasattr(writer, name):
                setattr(writer, name, _heard(getattr(writer, name)))
    for client in (httpx2.AsyncClient, httpx2.Client):
        hooked = client.__init__
        client.__init__ = _hooked(hooked, is_async=client is httpx2.AsyncClient)  # type: ignore[method-assign]
    _before(Sealing, "seal", lambda sealing, tx, items: [text for _, _, text in items])
    _before(Database, "__init__", lambda database, dsn, *rest, **named: [urlsplit(dsn).password])


def _heard(write: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(write)
    def heard(self: Any, message: Any = "", *args: Any, **named: Any) -> Any:
        _hear(message)
        return write(self, message, *args, **named)

    return heard


def _before(owner: type, name: str, secrets: Callable[..., Sequence[object]]) -> None:
    plain = getattr(owner, name)

    @wraps(plain)
    def learnt(*args: Any, **named: Any) -> Any:
        _learn(secrets(*args, **named))
        return plain(*args, **named)

    setattr(owner, name, learnt)


def _hooked(plain: Callable[..., None], *, is_async: bool) -> Callable[..., None]:
    @wraps(plain)
    def init(self: Any, *args: Any, **named: Any) -> None:
        plain(self, *args, **named)

        async def look_async(response: Any) -> None:
            _look(response, await response.aread() if _tells(response) else b"")

        def look(response: Any) -> None:
            _look(response, response.read() if _tells(response) else b"")

        hook = look_async if is_async else look
        self.event_hooks = {**self.event_hooks, "response": [*self.event_hooks.get("response", []), hook]}

    return init


def _tells(response: Any) -> bool:
    """Errors and JSON are read; files and streams are left to whoever asked."""
    return response.status_code >= 400 or "json" in response.headers.get("content-type", "")


def _look(response: Any, body: bytes) -> None:
    """An answer has come: what was asked and answered may hold secrets; an error is heard."""
    request = response.request
    _learn([request.headers.get("x-api-key"), request.headers.get("authorization", "").partition(" ")[2]])
    _learn(_secrets_in(_content(request)))
    text = body.decode("utf-8", "replace")
    if response.status_code >= 400:
        _hear(text)
    else:
        _learn(_secrets_in(text))


def _content(request: Any) -> str:
    try:
        return bytes(request.content).decode("utf-8", "replace")
    except httpx2.RequestNotRead:
        return ""


def _secrets_in(text: str) -> Iterator[object]:
    """The values of secret fields in a JSON or form body."""
    found = _json(text)
    if found is None:
        yield from (value for name, value in parse_qsl(text[:100_000]) if name in SECRET_FIELDS)
    else:
        yield from _named(found, "")


def _named(found: Any, inside: str) -> Iterator[object]:
    if isinstance(found, Mapping):
        for name, value in found.items():
            if name in SECRET_FIELDS or (inside == "payer" and name == "name"):
                yield from _texts(value)
            else:
                yield from _named(value, str(name))
    elif isinstance(found, list):
        for each in found:
            yield from _named(each, inside)


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, Mapping | list):
        for each in found.values() if isinstance(found, Mapping) else found:
            yield from _texts(each)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


# ------------------------------------------------------------------------------------------------------------- pytest
class Secrecy:
    """The plugin: each test is heard from its first fixture to its last, and fails when it told a secret."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        if not structlog.is_configured():
            # Lines are made as the house makes them; structlog by itself shows the variables of a traceback.
            structlog.configure(processors=processors(pretty=False))
        with watching() as watch:
            self._watch = watch
            return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self) -> None:
        leaks = self._watch.leaks()
        assert not leaks, "secrets were told:\n" + "\n".join(leaks[:20])


def leaks_in_files(folder: Path) -> list[str]:
    """Lines of log files below `folder` (PostgreSQL's, those of houses that ran as processes) that tell a secret."""
    found = []
    for path in sorted(folder.rglob("*.log")):
        watch = Watch(path.read_text(encoding="utf-8", errors="replace").splitlines(), _learnt)
        found += [f"{path}: {leak}" for leak in watch.leaks()]
    return found
