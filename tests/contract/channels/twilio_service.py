"""A service that speaks Twilio's wire format on a local port, and misbehaves on request."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

ACCOUNT = "AC00000000000000000000000000000000"
TOKEN = "a-token-of-a-test"
SENDER = "+15005550006"
_PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


@dataclass(slots=True)
class Service:
    """`script` is what happens to the next posts: "ok", "429", "500", "503", "slow" (never answers), "cut" (takes the
    message and hangs up), "lost" (hangs up without taking it), "400", "taken500". "ok" when it has run out.

    `listing` False: it does not say what it has either.
    """

    url: str = ""
    script: list[str] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    posts: int = 0
    listing: bool = True
    serving: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def answer(self, method: str, target: str, headers: dict[str, str], body: str) -> bytes | None:
        """The whole response; None hangs up."""
        wanted = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if headers.get("authorization") != wanted:
            return _response(401, {"code": 20003, "message": "Authenticate", "status": 401})
        asked = urlsplit(target)
        if asked.path != _PATH:
            return _response(404, {"code": 20404, "message": "not found", "status": 404})
        if method == "GET":
            return self._list(parse_qs(asked.query))
        assert headers["content-type"] == "application/x-www-form-urlencoded"
        return await self._post({name: values[0] for name, values in parse_qs(body).items()})

    def _list(self, asked: dict[str, list[str]]) -> bytes | None:
        if not self.listing:
            return None
        found = [each for each in reversed(self.messages) if each["to"] == asked["To"][0]]
        return _response(200, {"messages": found, "page": 0, "page_size": 50})

    async def _post(self, form: dict[str, str]) -> bytes | None:
        self.posts += 1
        step = self.script.pop(0) if self.script else "ok"
        if step == "slow":
            await asyncio.Event().wait()
        if step == "lost":
            return None
        if step in {"429", "503", "500", "400"}:
            extra = {"retry-after": "7"} if step in {"429", "503"} else {}
            return _response(int(step), {"code": 20429, "message": "no", "status": int(step)}, extra)
        message = {"sid": f"SM{len(self.messages):032x}", "to": form["To"], "from": form["From"], "body": form["Body"]}
        self.messages.append(message)
        if step == "cut":
            return None
        return _response(500 if step == "taken500" else 201, {**message, "status": "queued", "error_code": None})


def _response(status: int, body: object, extra: dict[str, str] | None = None) -> bytes:
    content = json.dumps(body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(content)), **(extra or {})}
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return head.encode() + b"\r\n" + content


@asynccontextmanager
async def running_twilio() -> AsyncIterator[Service]:
    """The service on a free port for as long as the block lasts."""
    service = Service()
    server = await asyncio.start_server(lambda reader, writer: _serve(service, reader, writer), "127.0.0.1", 0)
    service.url = "http://{}:{}".format(*server.sockets[0].getsockname()[:2])
    try:
        yield service
    finally:
        server.close()
        for serving in service.serving:
            serving.cancel()
        await asyncio.gather(*service.serving, return_exceptions=True)


async def _serve(service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    serving = asyncio.current_task()
    assert serving is not None
    service.serving.add(serving)
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = head.decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            answer = await service.answer(method, target, headers, body.decode())
            if answer is None:
                break
            writer.write(answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        pass
    finally:
        writer.close()
