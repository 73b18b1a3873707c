"""Chance as a function of time: the same seed and moment give the same number, in whatever order one asks."""

import hashlib
import math
from decimal import Decimal
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()
_DIGITS = 9


@lru_cache(maxsize=65_536)
def normal(seed: int, name: str, index: int) -> float:
    """A standard normal number, always the same one for these arguments."""
    word = hashlib.blake2b(f"{seed}|{name}|{index}".encode(), digest_size=8).digest()
    return _NORMAL.inv_cdf((int.from_bytes(word, "big") + 0.5) / 2**64)


def wave(seed: int, name: str, seconds: float, period_s: float) -> float:
    """Noise of unit variance that turns every `period_s`: normal numbers at whole periods, blended between."""
    index = math.floor(seconds / period_s)
    part = seconds / period_s - index
    angle = part * part * (3 - 2 * part) * math.pi / 2
    # cos² + sin² = 1 keeps the variance the same between the numbers as on them.
    return math.cos(angle) * normal(seed, name, index) + math.sin(angle) * normal(seed, name, index + 1)


def to_decimal(value: float) -> Decimal:
    """A simulated number as Decimal with 9 digits after the point: the one way from floats to prices and sizes."""
    return Decimal(round(value * 10**_DIGITS)).scaleb(-_DIGITS)
