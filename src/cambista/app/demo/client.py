"""The demo's way to the house: its REST API over real HTTP, with every answer timed and every refusal counted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx2

from cambista.app.demo.tally import Tally

TIMEOUT_S = 20
CONNECTIONS_MAX = 64


class DemoFailed(Exception):
    """The house refused what the demo cannot go on without."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the body of a good answer or of a problem. `repeated`: remembered from an earlier request."""

    status: int
    body: Mapping[str, Any]
    repeated: bool = False

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class Api:
    """Speaks to one house. Every call carries its own Idempotency-Key unless it is given one; `tag` names the run."""

    def __init__(self, http: httpx2.AsyncClient, monotonic: Callable[[], float], tag: str) -> None:
        self._http = http
        self._monotonic = monotonic
        self._started = monotonic()
        self._numbers = count(1)
        self.tag = tag
        self.tally = Tally()

    @property
    def elapsed_s(self) -> float:
        return self._monotonic() - self._started

    def next_name(self) -> str:
        """A name no other call of this or another run has."""
        return f"{self.tag}-{next(self._numbers)}"

    async def get(self, key: str, path: str, **params: str) -> Answer:
        return await self._send("GET", path, {"x-api-key": key}, params=params)

    async def post(self, key: str, path: str, body: Mapping[str, Any], *, once: str | None = None) -> Answer:
        """One POST; `once` is an Idempotency-Key used before."""
        headers = {"x-api-key": key, "idempotency-key": once or self.next_name()}
        return await self._send("POST", path, headers, json=body)

    async def needed(self, key: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """As `post`, where a refusal ends the demo (`DemoFailed`)."""
        answer = await self.post(key, path, body)
        if not answer.good:
            raise DemoFailed(f"POST {path} was refused: {answer.status} {answer.body.get('code')}")
        return answer.body

    async def _send(self, method: str, path: str, headers: dict[str, str], **what: Any) -> Answer:
        begun = self._monotonic()
        try:
            response = await self._http.request(method, f"/api/v1{path}", headers=headers, **what)
            body = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            self.tally.refusals["no_answer"] += 1
            return Answer(0, {"code": "no_answer", "detail": repr(error)})
        waits = self.tally.waits.get(path.removeprefix("/"))
        if waits is not None and method == "POST":
            waits.add(self._monotonic() - begun)
        if not response.is_success:
            self.tally.refusals[str(body.get("code"))] += 1
        return Answer(response.status_code, body, response.headers.get("idempotent-replayed") == "true")


def open_client(url: str) -> httpx2.AsyncClient:
    """A client of the house at `url`, bounded in connections and time; no proxy stands between."""
    limits = httpx2.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
    return httpx2.AsyncClient(base_url=url, timeout=TIMEOUT_S, limits=limits, trust_env=False)
