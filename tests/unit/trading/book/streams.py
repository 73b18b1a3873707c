"""Random streams of commands that meet each other: few prices, few owners, every kind of term."""

import random
from collections.abc import Iterator

from cambista.kernel.market import Side
from cambista.trading.book.commands import (
    Cancel,
    Command,
    Expire,
    Mark,
    Place,
    Reduce,
    SelfTrade,
    Sleep,
    Terms,
    TimeInForce,
    Trigger,
)

CENTRE, SPAN, OWNERS = 100, 12, 4
_TIMES = (*[TimeInForce.GTC] * 5, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTD)


def commands(rng: random.Random, count: int) -> Iterator[Command]:
    """Some of them senseless, as the world's are."""
    now, last = 0, 0
    for _ in range(count):
        draw, known = rng.random(), rng.randint(1, last + 1)
        if draw < 0.12:
            yield Cancel(known)
        elif draw < 0.17:
            yield Reduce(known, rng.randint(0, 6))
        elif draw < 0.21:
            now += rng.randint(0, 5)
            yield Expire(now)
        elif draw < 0.33:
            yield Mark(_price(rng))
        else:
            last += 1
            yield _place(rng, last, now)


def _price(rng: random.Random) -> int:
    return CENTRE + rng.randint(-SPAN, SPAN)


def _place(rng: random.Random, id: int, now: int) -> Place:
    quantity = rng.randint(0 if rng.random() < 0.05 else 1, 20)
    price = None if rng.random() < 0.1 else _price(rng)
    terms = _terms(rng, now) if rng.random() < 0.7 else None
    return Place(id, rng.randrange(OWNERS), rng.choice(list(Side)), quantity, price, terms)


def _terms(rng: random.Random, now: int) -> Terms:
    held = rng.choice(_TIMES)
    timed = held is TimeInForce.GTD and rng.random() < 0.95
    return Terms(
        held,
        now + rng.randint(1, 8) if timed else None,
        rng.random() < 0.15,
        rng.randint(1, 5) if rng.random() < 0.3 else None,
        rng.choice(list(SelfTrade)),
        _sleep(rng) if rng.random() < 0.35 else None,
    )


def _sleep(rng: random.Random) -> Sleep:
    trigger = rng.choice(list(Trigger))
    trails = {Trigger.TRAIL_TICKS: rng.randint(0, 8), Trigger.TRAIL_BPS: rng.randint(0, 900)}
    return Sleep(trigger, trails.get(trigger, _price(rng)))
