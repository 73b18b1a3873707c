"""The gate in front of the house's work: so many at once, a short line before it, and an immediate no for the rest."""

import asyncio
from collections.abc import Callable

from cambista.gateway.errors import Overloaded
from cambista.gateway.settings import WorkSettings
from cambista.gateway.shedding.line import Line
from cambista.gateway.shedding.pace import Pace
from cambista.gateway.terms import Priority


class Seat:
    """One request in work; given back once, by leaving."""

    __slots__ = ("_began", "_gate")

    def __init__(self, gate: "Gate", began: float) -> None:
        self._gate: Gate | None = gate
        self._began = began

    def leave(self) -> None:
        """Make room for the next; a second time does nothing."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.left(self._began)


class Gate:
    """Lets requests in up to the pace's limit; beyond it they wait in line if their turn should come in time."""

    def __init__(self, settings: WorkSettings, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waits_s = {each: settings.wait_s for each in Priority} | {Priority.MONEY: settings.money_wait_s}
        self._line: Line[asyncio.Future[None]] = Line(settings.waiting_max)
        self.pace = Pace(first=settings.first, least=settings.least, most=settings.most, target_s=settings.target_s)
        self.in_work = 0

    def enter_now(self) -> Seat | None:
        """A seat, if one is free."""
        if self.in_work >= self.pace.limit:
            return None
        self.in_work += 1
        return Seat(self, self._monotonic())

    async def enter(self, priority: Priority) -> Seat:
        """A seat, now or within the priority's wait; refuses `overloaded`."""
        seat = self.enter_now()
        if seat is None:
            await self._wait(priority)
            seat = Seat(self, self._monotonic())
        return seat

    def turns_away(self, priority: Priority) -> bool:
        """Whether one that comes now has no hope: all seats are taken, and its turn would not come in time."""
        if self.in_work < self.pace.limit:
            return False
        self.pace.note_full()
        # Twice the expected wait must fit: the rate is an estimate, and a late no is worth less than an early one.
        return 2 * self._line.ahead_of(priority) > self._waits_s[priority] * self.pace.rate > 0

    async def _wait(self, priority: Priority) -> None:
        wait_s = self._waits_s[priority]
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        joined, displaced = (False, None) if self.turns_away(priority) else self._line.join(priority, turn)
        if displaced is not None and not displaced.done():
            displaced.set_exception(Overloaded())
        if not joined:
            raise Overloaded
        try:
            async with asyncio.timeout(wait_s):
                await turn
        except TimeoutError:
            self._line.leave(priority, turn)
            if not _has_come(turn):
                raise Overloaded from None
        except asyncio.CancelledError:
            self._line.leave(priority, turn)
            if _has_come(turn):
                self._pass_on()
            raise

    def left(self, began: float) -> None:
        """A seat is given back."""
        now = self._monotonic()
        self.pace.note_done(now - began, now)
        self._pass_on()

    def _pass_on(self) -> None:
        """The seat goes to the next in line, and more of them if the limit has grown."""
        self.in_work -= 1
        while self.in_work < self.pace.limit:
            turn = self._line.next()
            if turn is None:
                return
            if not turn.done():
                self.in_work += 1
                turn.set_result(None)


def _has_come(turn: "asyncio.Future[None]") -> bool:
    """Whether the turn was given at the very moment its waiter was called away."""
    return turn.done() and not turn.cancelled() and turn.exception() is None
