"""What the gate reads of a request and writes into an answer: origin, language, forms, cookies, headers."""

from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Message, Send

from cambista.console.texts import Language, preferred

COOKIE = "cambista_console"
DEVICE_COOKIE = "cambista_device"
# Between the password and the second factor.
TICKET_COOKIE = "cambista_ticket"
FORM_MAX = 16 * 1024
FIELDS_MAX = 32
AGENT_MAX = 200


def root_of(connection: HTTPConnection) -> str:
    """The path the console stands at."""
    return str(connection.scope.get("root_path", ""))


def address_of(connection: HTTPConnection) -> str:
    return connection.client.host if connection.client is not None else ""


def agent_of(connection: HTTPConnection) -> str:
    """The user agent, as far as the house keeps it."""
    return connection.headers.get("user-agent", "")[:AGENT_MAX]


def language_of(wanted: str | None, connection: HTTPConnection) -> Language:
    """The one that is wanted, else the browser's."""
    if wanted in tuple(each.value for each in Language):
        return Language(wanted)
    return preferred(connection.headers.get("accept-language", ""))


def same_origin(headers: Headers) -> bool:
    """Whether our own page sent it. Browsers say where a form or a socket comes from, in one header or in two; who says
    nothing is no browser, and sends nobody's cookie unknowingly."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form; none when it is too long or broken."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > FORM_MAX:
            return {}
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}


def is_secure(connection: HTTPConnection) -> bool:
    """Whether the browser came by TLS: to the house itself, or to a proxy that is trusted."""
    return connection.scope.get("scheme") in ("https", "wss")


def cookie_name(connection: HTTPConnection, name: str) -> str:
    """Over TLS with the mark by which browsers let no other host and no plain HTTP set it (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{name}" if is_secure(connection) else name


def _path(connection: HTTPConnection) -> str:
    """The console's path alone, except where the mark asks for the whole host; the API reads no cookie."""
    return "/" if is_secure(connection) else root_of(connection) or "/"


def read_cookie(connection: HTTPConnection, name: str) -> str | None:
    return connection.cookies.get(cookie_name(connection, name))


def write_cookie(answer: Response, connection: HTTPConnection, name: str, value: str, max_age_s: int) -> None:
    """Set a cookie that no script reads and no other site sends."""
    answer.set_cookie(
        cookie_name(connection, name), value, max_age=max_age_s, path=_path(connection),
        secure=is_secure(connection), httponly=True, samesite="strict",
    )  # fmt: skip


def drop_cookie(answer: Response, connection: HTTPConnection, name: str) -> None:
    answer.delete_cookie(
        cookie_name(connection, name), path=_path(connection), secure=is_secure(connection), httponly=True,
        samesite="strict",
    )  # fmt: skip


def with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """`send`, with these headers in place of any of their names."""
    added = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    names = {name for name, _ in added}

    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if bytes(pair[0]).lower() not in names]
            message: Message = {**message, "headers": [*kept, *added]}  # type: ignore[no-redef]
        await send(message)

    return send_with_headers
