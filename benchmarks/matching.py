"""The matching engine alone: orders a second on a mixed stream, a peer on the same one, and what a mark costs."""

import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from cambista.kernel.market import Side
from cambista.trading.book.commands import Cancel, Command, Mark, Place, Sleep, Terms, TimeInForce, Trigger
from cambista.trading.book.engine import Book

CENTRE, LEVELS = 100_000, 1_000
PEER = Path(__file__).parent / "matching_peer.py"
# What the peer is told: a tab-separated line a command.
ADD, TAKE_OUT = "add", "cancel"


def mixed_stream(count: int, seed: int = 1) -> list[Command]:
    """55 % adds that rest somewhere on 1,000 levels, 35 % cancels of what rests, 10 % orders that cross."""
    rng = random.Random(seed)
    commands: list[Command] = []
    resting: list[int] = []
    for id in range(1, count + 1):
        draw = rng.random()
        side = Side.BUY if rng.random() < 0.5 else Side.SELL
        away = 1 + int(LEVELS / 2 * rng.random() ** 2)
        if draw < 0.35 and resting:
            place = rng.randrange(len(resting))
            resting[place], resting[-1] = resting[-1], resting[place]
            commands.append(Cancel(resting.pop()))
        elif draw < 0.45:
            limit = CENTRE + (away if side is Side.BUY else -away)
            commands.append(Place(id, id, side, rng.randint(1, 30), limit))
        else:
            limit = CENTRE - away if side is Side.BUY else CENTRE + away
            commands.append(Place(id, id, side, rng.randint(1, 10), limit))
            resting.append(id)
    return commands


def commands_per_second(stream: Sequence[Command]) -> float:
    """One thread, one book."""
    book = Book()
    apply = book.apply
    began = time.perf_counter()
    for command in stream:
        apply(command)
    return len(stream) / (time.perf_counter() - began)


def peer_commands_per_second(python: str, stream: Sequence[Command]) -> float:
    """`lightmatchingengine` on the same stream, in an interpreter that has it."""
    lines = "".join(_line(command) for command in stream)
    said = subprocess.run([python, str(PEER)], input=lines, capture_output=True, text=True, check=True, timeout=600)
    return float(said.stdout)


def _line(command: Command) -> str:
    if isinstance(command, Cancel):
        return f"{TAKE_OUT}\t{command.id}\t\t\t\n"
    assert isinstance(command, Place)
    return f"{ADD}\t{command.id}\t{command.side.value}\t{command.price}\t{command.quantity}\n"


def seconds_per_mark(sleeping: int, marks: int = 2_000) -> float:
    """What a mark costs that wakes nobody, with so many stops asleep, half of them trailing."""
    rng = random.Random(2)
    book = Book()
    book.apply(Mark(CENTRE))
    for id in range(1, sleeping + 1):
        sleep = (
            Sleep(Trigger.STOP_LOSS, CENTRE // 2 - rng.randint(0, 10_000))
            if id % 2
            else Sleep(Trigger.TRAIL_BPS, rng.randint(2_000, 9_000))
        )
        book.apply(Place(id, id, Side.SELL, 1, 1, Terms(TimeInForce.IOC, sleep=sleep)))
    prices = [CENTRE + rng.randint(-500, 500) for _ in range(marks)]
    began = time.perf_counter()
    for price in prices:
        book.apply(Mark(price))
    spent = time.perf_counter() - began
    assert len(book.live) == sleeping
    return spent / marks
