"""Typed ids. UUIDv7 (RFC 9562) from a given clock and randomness, so that a seed fixes every id."""

import random
from datetime import datetime
from typing import NewType
from uuid import UUID, SafeUUID

from cambista.kernel.errors import Invalid

CustomerId = NewType("CustomerId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
QuoteId = NewType("QuoteId", UUID)
TradeId = NewType("TradeId", UUID)
OrderId = NewType("OrderId", UUID)
TransferId = NewType("TransferId", UUID)
HoldId = NewType("HoldId", UUID)
DepositId = NewType("DepositId", UUID)
WithdrawalId = NewType("WithdrawalId", UUID)
EventId = NewType("EventId", UUID)

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


class IdInvalid(Invalid):
    code = "id_invalid"
    sentence = "An id is a UUID."


def uuid7(now: datetime, rng: random.Random) -> UUID:
    """A UUIDv7: 48 bits of milliseconds, 12 bits of the sub-millisecond part, 62 random bits."""
    return uuid7s(now, rng, 1)[0]


def uuid7s(now: datetime, rng: random.Random, count: int) -> list[UUID]:
    """As `uuid7`, `count` of one moment; for the rows of a batch."""
    milliseconds, rest = divmod(int(now.timestamp() * 1_000_000), 1000)
    moment = (milliseconds << 80) | _VERSION | ((rest * 4096 // 1000) << 64) | _VARIANT
    draw = rng.getrandbits
    return [_uuid(moment | draw(62)) for _ in range(count)]


def _uuid(value: int) -> UUID:
    """UUID(int=value) at half its cost: the constructor checks what is known here, and this runs for every row."""
    made = UUID.__new__(UUID)
    object.__setattr__(made, "int", value)
    object.__setattr__(made, "is_safe", SafeUUID.unknown)
    return made


def parse_id(value: object) -> UUID:
    """Read an id from the wire; refuses what is no UUID (`id_invalid`)."""
    if isinstance(value, str) and len(value) == 36:
        try:
            return UUID(value)
        except ValueError:
            pass
    raise IdInvalid(id=str(value)[:40])
