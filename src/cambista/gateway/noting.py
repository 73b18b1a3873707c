"""What the gateway itself puts on record: who was turned away at the door."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import structlog

from cambista.gateway.addresses import network
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Refusal
from cambista.runtime import Action, Runtime

EVERY_S = 60.0
WATCHED_MAX = 10_000
GATEWAY = Caller(UUID(int=0), Role.AUDITOR, credential=Credential.HOUSE)
_log = structlog.get_logger(__name__)


class Denials:
    """One entry a minute at most for the same caller, endpoint and reason, and for the same unknown address.

    What comes in between is counted and told with the next; a flood fills neither disk nor memory.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._counts = Occurrences(runtime.clock.monotonic, kept_max=WATCHED_MAX)

    async def note(self, caller: Caller, endpoint: str, refusal: Refusal) -> None:
        """Somebody known may not do this."""
        count = self._counts.note((caller.id, endpoint, refusal.code))
        if count:
            await self._record(Action(caller, "request.deny", endpoint, refusal.code, _times(count)))

    async def note_stranger(self, address: str, trace_id: str, refusal: Refusal) -> None:
        """Nobody known, from there."""
        # A subscriber of IPv6 has a whole /64 of addresses, and with each the record would grow.
        count = self._counts.note(network(address))
        if count:
            caller = replace(GATEWAY, address=address, trace_id=trace_id)
            await self._record(Action(caller, "request.deny", f"address:{address}", refusal.code, _times(count)))

    async def _record(self, action: Action) -> None:
        """The no stands whether or not it can be written down."""
        try:
            await self._runtime.record(action)
        except Refusal as busy:
            _log.warning("denial_not_recorded", reason=busy.code)


class Occurrences:
    """How often something happened since it was last told, for a bounded number of things; the rest count as one."""

    def __init__(self, monotonic: Callable[[], float], *, kept_max: int) -> None:
        self._monotonic = monotonic
        self._kept_max = kept_max
        self._told: OrderedDict[object, list[float]] = OrderedDict()

    def note(self, thing: object) -> int:
        """How many are to be told now; 0: it was told within the minute."""
        now = self._monotonic()
        found = self._told.get(thing)
        if found is None:
            self._make_room(now)
            if len(self._told) >= self._kept_max:
                thing = None
            found = self._told.setdefault(thing, [now - EVERY_S, 0])
        found[1] += 1
        if now - found[0] < EVERY_S:
            return 0
        count = int(found[1])
        found[:] = [now, 0]
        self._told.move_to_end(thing)
        return count

    def _make_room(self, now: float) -> None:
        """Forget what was told longest ago and has not happened since; those still counting are told first."""
        while len(self._told) >= self._kept_max:
            oldest, (told, _) = next(iter(self._told.items()))
            if now - told < EVERY_S:
                return
            del self._told[oldest]


def _times(count: int) -> dict[str, object]:
    return {"times": count}
