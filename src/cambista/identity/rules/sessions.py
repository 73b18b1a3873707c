"""Decisions of sessions: to which user agent one belongs, which must go when there are many. Pure."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from cambista.identity.errors.factors import SessionRequired
from cambista.identity.types.people import Session
from cambista.kernel.callers import Caller, Credential

AGENT_MAX = 512
DEVICE_MAX = 60
_NUMBERS = re.compile(r"[0-9][0-9._]*")
# Browsers call themselves by each other's names as well: the first that fits is the one.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Safari", "Safari"), ("curl", "curl"),
    ("python", "Python"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


@lru_cache(maxsize=1024)
def agent_hash(agent: str) -> bytes:
    """What a session is bound to: SHA-256 of the user agent without its numbers, so that an update changes nothing."""
    return hashlib.sha256(_NUMBERS.sub("", agent[:AGENT_MAX]).encode("utf-8", "replace")).digest()


def device_words(agent: str) -> str:
    """The device in words its owner knows: "Firefox, Linux"; empty when the agent says nothing known."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return ", ".join(each for each in (browser, system) if each)[:DEVICE_MAX]


def crowded(living: Sequence[Session], sessions_max: int) -> list[UUID]:
    """Which of somebody's living sessions end so that one more fits: those not seen for the longest."""
    ordered = sorted(living, key=lambda each: (each.last_seen_at, each.id))
    return [each.id for each in ordered[: max(0, len(ordered) + 1 - sessions_max)]]


def is_living(session: Session, now: datetime) -> bool:
    return session.ended_at is None and min(session.expires_at, session.idle_until) > now


def require_session(caller: Caller) -> UUID:
    """The session a person speaks through; refuses keys and tokens (`session_required`)."""
    if caller.credential is not Credential.SESSION or caller.key_id is None:
        raise SessionRequired
    return caller.key_id
