"""Typed ids. UUIDv7 (RFC 9562) from a given clock and randomness, so that a seed fixes every id."""

import random
from datetime import datetime
from typing import NewType
from uuid import UUID

from cambista.kernel.errors import Invalid

CustomerId = NewType("CustomerId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
QuoteId = NewType("QuoteId", UUID)
TradeId = NewType("TradeId", UUID)
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
    microseconds = int(now.timestamp() * 1_000_000)
    milliseconds, rest = divmod(microseconds, 1000)
    value = (milliseconds << 80) | _VERSION | ((rest * 4096 // 1000) << 64) | _VARIANT | rng.getrandbits(62)
    return UUID(int=value)


def parse_id(value: object) -> UUID:
    """Read an id from the wire; refuses what is no UUID (`id_invalid`)."""
    if isinstance(value, str) and len(value) == 36:
        try:
            return UUID(value)
        except ValueError:
            pass
    raise IdInvalid(id=str(value)[:40])
