"""Sessions and tokens: to whose browser one belongs, which go when there are many, how tokens look."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.identity import SessionRequired
from cambista.identity.rules import sessions, tokens
from cambista.identity.types.people import (
    Attempt,
    Confirmation,
    DeviceTrust,
    NewSession,
    PasswordChange,
    PasswordReset,
    Registration,
    Session,
    Visitor,
)
from cambista.kernel.callers import Caller, Credential, Role

NOW = datetime(2026, 9, 29, 15, 0, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
)
SESSION = Session(
    UUID(int=1), UUID(int=2), "Firefox, Linux", "203.0.113.7", NOW, NOW, NOW + timedelta(minutes=30),
    NOW + timedelta(hours=12), None,
)  # fmt: skip


def test_an_update_of_the_browser_keeps_its_session() -> None:
    assert sessions.agent_hash(FIREFOX) == sessions.agent_hash(FIREFOX.replace("140.0", "141.0.2"))


@pytest.mark.parametrize("other", [CHROME, "", "curl/8.5.0", FIREFOX.replace("Linux", "Windows"), FIREFOX + " X"])
def test_another_browser_or_system_is_another_agent(other: str) -> None:
    assert sessions.agent_hash(FIREFOX) != sessions.agent_hash(other)


@given(st.text(max_size=2000))
def test_any_agent_can_be_bound_to_and_put_into_words(agent: str) -> None:
    assert len(sessions.agent_hash(agent)) == 32
    assert len(sessions.device_words(agent)) <= sessions.DEVICE_MAX


def test_a_device_is_shown_in_words_its_owner_knows() -> None:
    assert sessions.device_words(FIREFOX) == "Firefox, Linux"
    assert sessions.device_words(CHROME) == "Chrome, Windows"
    assert (
        sessions.device_words("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Safari/604.1") == "Safari, iPhone"
    )
    assert sessions.device_words("<script>alert(1)</script>") == ""


@given(st.lists(st.integers(0, 1000), max_size=40), st.integers(1, 20))
def test_after_making_room_one_more_session_fits_and_the_freshest_stay(seen: list[int], limit: int) -> None:
    living = [
        replace(SESSION, id=UUID(int=number), last_seen_at=NOW + timedelta(seconds=at))
        for number, at in enumerate(seen)
    ]
    ended = set(sessions.crowded(living, limit))
    kept = [each for each in living if each.id not in ended]
    assert len(kept) == min(len(living), limit - 1)
    if ended and kept:
        assert max(each.last_seen_at for each in living if each.id in ended) <= min(each.last_seen_at for each in kept)


@pytest.mark.parametrize(
    ("session", "living"),
    [
        (SESSION, True),
        (replace(SESSION, ended_at=NOW), False),
        (replace(SESSION, idle_until=NOW), False),
        (replace(SESSION, expires_at=NOW), False),
    ],
)
def test_a_session_lives_until_it_is_ended_rests_too_long_or_is_too_old(session: Session, *, living: bool) -> None:
    assert sessions.is_living(session, NOW) is living


@pytest.mark.parametrize("credential", [each for each in Credential if each is not Credential.SESSION])
def test_keys_and_tokens_are_nobodys_session(credential: Credential) -> None:
    with pytest.raises(SessionRequired):
        sessions.require_session(Caller(UUID(int=2), Role.CUSTOMER, UUID(int=3), credential=credential))


@given(
    st.binary(min_size=32, max_size=32), st.sampled_from([tokens.LETTER_MARK, tokens.TICKET_MARK, tokens.DEVICE_MARK])
)
def test_a_token_is_kept_as_a_hash_only(secret: bytes, mark: str) -> None:
    text = tokens.token_text(mark, secret)
    assert len(tokens.token_hash(text)) == 32
    assert tokens.token_hash(text) != tokens.token_hash(text[:-1] + ("A" if text[-1] != "A" else "B"))


@given(st.text(max_size=200))
def test_what_is_no_token_has_no_hash(text: str) -> None:
    assert tokens.token_hash(text) == b""


def test_nothing_that_was_typed_or_given_out_is_shown_where_a_value_is_printed() -> None:
    """A traceback, a log or a failed assertion prints values."""
    visitor, caller = Visitor("203.0.113.7"), Caller(UUID(int=2), Role.CUSTOMER)
    values = (
        Registration(visitor, "HIDE@example.com", "HIDE", "HIDE", "CO"),
        Confirmation(visitor, "HIDE"),
        Attempt(visitor, "HIDE@example.com", "HIDE", "HIDE"),
        PasswordReset(visitor, "HIDE", "HIDE"),
        PasswordChange(caller, "HIDE", "HIDE"),
        NewSession(SESSION, "HIDE", "HIDE"),
        DeviceTrust(UUID(int=2), "HIDE"),
    )
    assert [value for value in values if "HIDE" in repr(value)] == []
