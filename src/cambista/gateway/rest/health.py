"""Whether the house lives, has started and is ready; and its metrics."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
import structlog
from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cambista.gateway.doors import Doors
from cambista.gateway.rest.routing import Entered, ref, rest_router
from cambista.kernel.errors import Refusal
from cambista.venues import VenueState

router = rest_router("health", prefix="")
_log = structlog.get_logger(__name__)
# Waiting and failing ones are not fresh; one live voice is enough, the ladder of prices does the rest.
_FRESH = frozenset({VenueState.LIVE})


class CheckOut(msgspec.Struct):
    """One thing looked at."""

    status: Literal["ok", "failing"]
    detail: str


class HealthOut(msgspec.Struct):
    """`ok` when every check is."""

    status: Literal["ok", "failing"]
    checks: dict[str, CheckOut]


Look = Callable[[], Awaitable[str]]


class Failing(Exception):
    """A check's no, in words anyone may read."""


class Health:
    """Looks at what the house stands on; an answer is kept for a moment, so that asking often costs nothing."""

    def __init__(self, doors: Doors, kept_s: float, certificate_ends_at: Callable[[], datetime] | None = None) -> None:
        self._doors = doors
        self._certificate_ends_at = certificate_ends_at
        self._kept_s = kept_s
        self._answers: dict[str, tuple[float, HealthOut]] = {}

    async def startup(self) -> HealthOut:
        return await self._kept("startup", {"database": self._database, "migrations": self._migrations})

    async def readiness(self) -> HealthOut:
        looks: dict[str, Look] = {
            "database": self._database, "migrations": self._migrations, "venues": self._venues,
        }  # fmt: skip
        if self._certificate_ends_at is not None:
            looks["certificate"] = self._certificate
        return await self._kept("readiness", looks)

    async def _kept(self, name: str, looks: Mapping[str, Look]) -> HealthOut:
        now = self._doors.runtime.clock.monotonic()
        kept = self._answers.get(name)
        if kept is not None and now - kept[0] < self._kept_s:
            return kept[1]
        checks = {each: await _look(each, look) for each, look in looks.items()}
        good = all(check.status == "ok" for check in checks.values())
        answer = HealthOut("ok" if good else "failing", checks)
        self._answers[name] = (now, answer)
        return answer

    async def _database(self) -> str:
        async with self._doors.runtime.db.read():
            return "reachable"

    async def _migrations(self) -> str:
        pending = await self._doors.pending_migrations()
        if pending:
            raise Failing(f"{pending} pending")
        return "up to date"

    async def _venues(self) -> str:
        found = self._doors.venues.health()
        fresh = sum(each.state in _FRESH for each in found)
        if not fresh:
            raise Failing(f"none of {len(found)} is fresh")
        return f"{fresh} of {len(found)} fresh"

    async def _certificate(self) -> str:
        assert self._certificate_ends_at is not None
        ends_at = self._certificate_ends_at()
        left = ends_at - self._doors.runtime.now()
        if left.total_seconds() <= 0:
            raise Failing(f"ended on {ends_at:%Y-%m-%d}")
        return f"ends on {ends_at:%Y-%m-%d}, in {left.days} days"


async def _look(name: str, look: Look) -> CheckOut:
    try:
        return CheckOut("ok", await look())
    except Failing as failing:
        return CheckOut("failing", str(failing))
    except Refusal as refusal:
        return CheckOut("failing", refusal.code)
    except Exception as error:
        _log.warning("health_check_failed", check=name, error=repr(error))
        return CheckOut("failing", str(getattr(error, "code", "unreachable")))


_OK = {"status": "ok", "detail": "reachable"}


def _told(checks: Mapping[str, object]) -> dict[str, Any]:
    schema = ref(HealthOut)
    good = {"status": "ok", "checks": checks}
    bad = {"status": "failing", "checks": {each: {"status": "failing", "detail": "…"} for each in checks}}
    return {
        "response_class": Response,
        "response_model": None,
        "responses": {
            200: {"description": "Yes.", "content": {"application/json": {"schema": schema, "example": good}}},
            503: {"description": "Not now.", "content": {"application/json": {"schema": schema, "example": bad}}},
        },
    }


def _answer(found: HealthOut) -> Response:
    body = msgspec.json.encode(found)
    return Response(body, 200 if found.status == "ok" else 503, media_type="application/json")


async def liveness(passage: Entered) -> Response:
    """The process answers."""
    return _answer(HealthOut("ok", {"process": CheckOut("ok", "answering")}))


async def startup(request: Request, passage: Entered) -> Response:
    """The house has started: its database is there and has every migration."""
    health: Health = request.app.state.health
    return _answer(await health.startup())


async def readiness(request: Request, passage: Entered) -> Response:
    """The house can serve: database, migrations, and at least one venue with fresh prices."""
    health: Health = request.app.state.health
    return _answer(await health.readiness())


for _path, _endpoint, _checks in (
    ("liveness", liveness, {"process": _OK}),
    ("startup", startup, {"database": _OK, "migrations": _OK}),
    ("readiness", readiness, {"database": _OK, "migrations": _OK, "venues": _OK}),
):
    router.add_api_route(f"/health/{_path}", _endpoint, methods=["GET"], **_told(_checks))
    router.add_api_route(f"/health/{_path}", _endpoint, methods=["HEAD"], include_in_schema=False, response_model=None)


@router.get(
    "/metrics",
    response_class=Response,
    response_model=None,
    responses={200: {"description": "Prometheus text.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(passage: Entered) -> Response:
    """What the house counts."""
    return Response(generate_latest(passage.doors.metrics), media_type=CONTENT_TYPE_LATEST)
