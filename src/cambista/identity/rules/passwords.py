"""Which passwords are fit, and what is compared of a typed one. Pure. (NIST SP 800-63B-4, 3.1.1.)"""

import re
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from cambista.identity.errors.people import PasswordUnfit

LENGTH_MIN, LENGTH_MAX = 12, 128
SIGNS_MIN = 5
CONTEXT_WORD_MIN = 4
# What must be left of a password without the words anybody could guess of its owner.
OWN_PART_MIN = 8
_WORDS = re.compile(r"[^\W_]+")
_PARAMETERS = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$")
_SALT_BYTES, _DIGEST_BYTES = 16, 32


def typed(text: str) -> str:
    """The form in which passwords are hashed and compared: NFC. One that is too long to be right becomes empty."""
    if len(text) > 4 * LENGTH_MAX:
        return ""
    normal = unicodedata.normalize("NFC", text)
    return normal if len(normal) <= LENGTH_MAX else ""


def new_password(text: str, context: Iterable[str]) -> str:
    """A password to be set, as it is hashed; any characters, no rules of composition.

    Refuses (`password_unfit`) one shorter than 12 or longer than 128 characters, made of very few different ones or of
    a plain row, or of little but `context` (names, address, house).
    """
    if len(text) > 4 * LENGTH_MAX:
        raise PasswordUnfit(reason="too_long", length_max=LENGTH_MAX)
    password = unicodedata.normalize("NFC", text)
    if len(password) > LENGTH_MAX:
        raise PasswordUnfit(reason="too_long", length_max=LENGTH_MAX)
    if len(password) < LENGTH_MIN:
        raise PasswordUnfit(reason="too_short", length_min=LENGTH_MIN)
    folded = _folded(password)
    if len(set(folded)) < SIGNS_MIN or _is_row(folded):
        raise PasswordUnfit(reason="monotonous")
    if len(_without(folded, context)) < OWN_PART_MIN:
        raise PasswordUnfit(reason="guessable")
    return password


def _folded(text: str) -> str:
    """Lower case without accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def _is_row(text: str) -> bool:
    """Whether each sign is the next of the one before, up or down, 0 following 9: `123456789012`, `abcdefghijkl`."""
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return steps <= {1, -9} or steps <= {-1, 9}


def _without(folded: str, context: Iterable[str]) -> str:
    words = {word for each in context for word in _WORDS.findall(_folded(each)) if len(word) >= CONTEXT_WORD_MIN}
    for word in sorted(words, key=len, reverse=True):
        folded = folded.replace(word, "")
    return folded


def is_old(set_at: datetime | None, days_max: int, now: datetime) -> bool:
    """Whether a password is past the age the house allows; 0 days = any age."""
    return days_max > 0 and set_at is not None and now - set_at > timedelta(days=days_max)


def dummy_hash(like: str | None, default: tuple[int, int, int]) -> str:
    """A hash that no password has and that costs as much to verify as `like` does.

    It stands in for the hash an unknown account lacks. `default` are memory (KiB), passes and lanes, for when there is
    no hash to be like.
    """
    found = _PARAMETERS.match(like or "")
    memory, passes, lanes = found.groups() if found else map(str, default)
    salt, digest = (_base64(secrets.token_bytes(size)) for size in (_SALT_BYTES, _DIGEST_BYTES))
    return f"$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}"


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii").rstrip("=")
