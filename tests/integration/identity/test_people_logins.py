"""Logging in on a real database: one answer to whoever is wrong, and waits that hit only who causes them."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from cambista.identity import (
    Attempt,
    Identity,
    IdentitySettings,
    LetterInvalid,
    LoginFailed,
    NewSession,
    PasswordExpired,
    PasswordForgotten,
    PasswordReset,
    Status,
    StatusChange,
    TooManyAttempts,
    Visitor,
)
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal
from cambista.runtime import HouseBusy, Reader, Runtime, Tx
from tests.databases import ManualClock
from tests.integration.identity.persons import ADMIN, CHEAP, PASSWORD, VISITOR, Person, Town, from_address, open_town

WRONG = "not the password at all"
ATTACKER = from_address(VISITOR, "203.0.113.66")


@pytest.fixture
def town(runtime: Runtime) -> Town:
    return open_town(runtime, Identity(runtime, CHEAP))


@pytest.fixture
async def ana(town: Town) -> Person:
    return await town.customer()


def clock(town: Town) -> ManualClock:
    assert isinstance(town.runtime.clock, ManualClock)
    return town.runtime.clock


async def outcome(town: Town, attempt: Attempt) -> tuple[str, object, object]:
    """Code, words and facts of the answer; empty code: let in."""
    try:
        await town.identity.people.log_in(attempt)
    except Refusal as refusal:
        return refusal.code, refusal.detail, refusal.facts
    return "", "", ""


async def hammer(town: Town, email: str, times: int, *, addresses: int = 1) -> None:
    """Wrong passwords, as fast as they are let in, from that many addresses."""
    for number in range(times):
        visitor = from_address(VISITOR, f"203.0.{number % addresses}.66")
        await outcome(town, Attempt(visitor, email, WRONG))


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every statement that is run meanwhile."""
    seen: list[str] = []
    with monkeypatch.context() as patch:
        for kind, name in ((Reader, "one"), (Reader, "all"), (Reader, "value"), (Tx, "execute"), (Tx, "copy")):
            real = getattr(kind, name)

            def noting(self: Any, sql: str, *args: Any, _real: Any = real) -> Any:
                seen.append(" ".join(sql.split()))
                return _real(self, sql, *args)

            patch.setattr(kind, name, noting)
        yield seen


async def test_a_session_opens_and_authenticates_its_person(town: Town, ana: Person) -> None:
    opened = await ana.first_step()
    assert isinstance(opened, NewSession)
    caller = await ana.caller(opened)
    assert (caller.id, caller.role, caller.key_id) == (ana.id, Role.CUSTOMER, opened.record.id)
    assert opened.token.startswith("cms_")
    assert opened.token not in repr(opened.record)


async def test_whoever_is_wrong_hears_the_same_whatever_is_wrong(town: Town, ana: Person) -> None:
    [blocked, invited] = [await town.customer("eva"), await town.customer("leo")]
    reason = StatusChange(ADMIN, blocked.id, Status.BLOCKED, "case")
    await town.identity.set_status([reason])
    async with town.runtime.db.transaction() as tx:
        sql = "UPDATE identity.login SET password_hash = NULL, password_set_at = NULL WHERE principal_id = $1"
        await tx.execute(sql, invited.id)
    attempts = [
        Attempt(VISITOR, ana.email, WRONG),
        Attempt(VISITOR, ana.email, ""),
        Attempt(VISITOR, ana.email, PASSWORD.upper()),
        Attempt(VISITOR, ana.email, PASSWORD + "x" * 100_000),
        Attempt(VISITOR, "nobody@example.com", PASSWORD),
        Attempt(VISITOR, blocked.email, PASSWORD),
        Attempt(VISITOR, invited.email, ""),
        Attempt(VISITOR, "o'brien@example.com", "'; DROP TABLE identity.login; --"),
    ]
    answers = [await outcome(town, each) for each in attempts]
    assert set(map(str, answers)) == {str(("login_failed", LoginFailed.sentence, {}))}


async def test_known_and_unknown_cost_the_same_statements_and_one_verification(
    town: Town, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = []
    hashing = town.identity.people.desk.hashing
    for email in (ana.email, "nobody@example.com"):
        before = hashing.verifications
        with statements(monkeypatch) as seen:
            await outcome(town, Attempt(VISITOR, email, WRONG))
        costs.append((hashing.verifications - before, seen))
    assert costs[0] == costs[1]
    assert costs[0][0] == 1
    assert len(costs[0][1]) > 4


async def test_an_account_hashed_as_before_is_not_known_by_its_price(runtime: Runtime, town: Town) -> None:
    """While some accounts wait to be brought up to new parameters, an unknown one costs what its neighbour costs."""
    for name in ("ana", "eva", "leo"):
        await town.customer(name)
    dearer = Identity(runtime, CHEAP.model_copy(update={"password_memory_kib": 64}))
    desk = dearer.people.desk
    async with runtime.db.read() as reader:
        from cambista.identity.store import people as store

        blinds = [desk.blind(f"nobody{number}@example.com") for number in range(20)]
        found = await store.find_by_email(reader, blinds)
    dummies = {desk.hashing.dummy(each.like).split("$")[3] for each in found.values()}
    assert "m=8,t=1,p=1" in dummies
    assert dummies <= {"m=8,t=1,p=1", "m=64,t=1,p=1"}


async def test_a_right_password_is_brought_up_to_todays_parameters(runtime: Runtime, town: Town, ana: Person) -> None:
    async def stored() -> str:
        async with runtime.db.read() as reader:
            return str(await reader.value("SELECT password_hash FROM identity.login WHERE principal_id = $1", ana.id))

    assert "$m=8," in await stored()
    later = open_town(runtime, Identity(runtime, CHEAP.model_copy(update={"password_memory_kib": 64})))
    await outcome(later, Attempt(VISITOR, ana.email, WRONG))
    assert "$m=8," in await stored()
    for _ in range(2):
        assert await outcome(later, Attempt(VISITOR, ana.email, PASSWORD)) == ("", "", "")
        assert "$m=64," in await stored()


async def test_accents_typed_in_two_ways_are_one_password(town: Town) -> None:
    from cambista.identity import Confirmation, Registration

    people = town.identity.people
    await people.register(Registration(VISITOR, "leo@example.com", "una contrase\u00f1a muy larga", "Leo Prueba", "CO"))
    await town.deliver()
    await people.confirm(Confirmation(VISITOR, town.token_for("leo@example.com")))
    apart = "una contrasen\u0303a muy larga"
    assert await outcome(town, Attempt(VISITOR, "leo@example.com", apart)) == ("", "", "")


# -------------------------------------------------------------------------------------------------------------- lockout
async def test_guessing_is_slowed_and_unknown_accounts_are_slowed_alike(town: Town, ana: Person) -> None:
    waits: dict[str, list[tuple[str, object]]] = {}
    for number, email in enumerate((ana.email, "nobody@example.com")):
        visitor = from_address(VISITOR, f"203.0.113.{number}")
        answers = [await outcome(town, Attempt(visitor, email, WRONG)) for _ in range(8)]
        waits[email] = [(code, facts) for code, _, facts in answers]
    assert waits[ana.email] == waits["nobody@example.com"]
    assert [code for code, _ in waits[ana.email]] == ["login_failed"] * 5 + ["too_many_attempts"] * 3
    assert waits[ana.email][-1] == ("too_many_attempts", {"retry_after_s": 2})


async def test_many_guesses_at_once_count_each_other(town: Town, ana: Person) -> None:
    answers = await asyncio.gather(*(outcome(town, Attempt(ATTACKER, ana.email, WRONG)) for _ in range(40)))
    assert [code for code, _, _ in answers].count("login_failed") == 5


async def test_a_wait_passes_and_grows_only_for_the_next_failure(town: Town, ana: Person) -> None:
    await hammer(town, ana.email, 5)
    for wait in (2, 4, 8):
        code, _, facts = await outcome(town, Attempt(ATTACKER, ana.email, PASSWORD))
        assert (code, facts) == ("too_many_attempts", {"retry_after_s": wait})
        clock(town).advance(wait)
        assert (await outcome(town, Attempt(ATTACKER, ana.email, WRONG)))[0] == "login_failed"
    clock(town).advance(16)
    assert (await outcome(town, Attempt(ATTACKER, ana.email, PASSWORD)))[0] == ""


async def test_a_device_that_logged_in_before_gets_in_while_an_attacker_hammers(town: Town, ana: Person) -> None:
    opened = await town.identity.people.log_in(Attempt(VISITOR, ana.email, PASSWORD))
    assert isinstance(opened, NewSession)
    assert opened.device
    for _ in range(10):
        for _ in range(30):
            clock(town).advance(20)
            await hammer(town, ana.email, 3, addresses=3)
        assert (await outcome(town, Attempt(VISITOR, ana.email, PASSWORD)))[0] == "too_many_attempts"
        assert (await outcome(town, Attempt(ATTACKER, ana.email, PASSWORD, opened.device)))[0] == ""
    again = await town.identity.people.log_in(Attempt(VISITOR, ana.email, PASSWORD, opened.device))
    assert isinstance(again, NewSession)
    assert again.device == ""


async def test_whoever_stole_a_device_is_slowed_by_its_own_counter(town: Town, ana: Person) -> None:
    opened = await town.identity.people.log_in(Attempt(VISITOR, ana.email, PASSWORD))
    assert isinstance(opened, NewSession)
    guesses = [await outcome(town, Attempt(ATTACKER, ana.email, WRONG, opened.device)) for _ in range(7)]
    assert [code for code, _, _ in guesses] == ["login_failed"] * 5 + ["too_many_attempts"] * 2
    assert (await outcome(town, Attempt(VISITOR, ana.email, PASSWORD)))[0] == ""


async def test_a_device_is_known_to_its_own_account_only(town: Town, ana: Person) -> None:
    eva = await town.customer("eva")
    mine = await town.identity.people.log_in(Attempt(ATTACKER, ana.email, PASSWORD))
    assert isinstance(mine, NewSession)
    guesses = [await outcome(town, Attempt(ATTACKER, eva.email, WRONG, mine.device)) for _ in range(6)]
    assert guesses[-1][0] == "too_many_attempts"
    for nonsense in ("", "cmd_" + "A" * 43, mine.token, "'; --", "x" * 10_000):
        assert (await outcome(town, Attempt(ATTACKER, eva.email, PASSWORD, nonsense)))[0] == "too_many_attempts"


async def test_a_new_device_gets_in_by_a_letter_while_an_attacker_hammers(town: Town, ana: Person) -> None:
    await hammer(town, ana.email, 30)
    people = town.identity.people
    await people.forget_password(PasswordForgotten(VISITOR, ana.email))
    await town.deliver()
    new = "another set of six long words"
    trust = await people.reset_password(PasswordReset(VISITOR, town.token_for(ana.email), new))
    assert (await outcome(town, Attempt(VISITOR, ana.email, new)))[0] == "too_many_attempts"
    assert (await outcome(town, Attempt(VISITOR, ana.email, new, trust.device)))[0] == ""


async def test_one_address_guessing_at_many_accounts_is_slowed_and_others_are_not(town: Town, ana: Person) -> None:
    for number in range(50):
        assert (await outcome(town, Attempt(ATTACKER, f"user{number}@example.com", WRONG)))[0] == "login_failed"
    assert (await outcome(town, Attempt(ATTACKER, ana.email, PASSWORD)))[0] == "too_many_attempts"
    assert (await outcome(town, Attempt(VISITOR, ana.email, PASSWORD)))[0] == ""


async def test_logging_into_an_account_of_ones_own_does_not_clear_ones_address(town: Town, ana: Person) -> None:
    for number in range(49):
        await outcome(town, Attempt(ATTACKER, f"user{number}@example.com", WRONG))
        if number % 10 == 0:
            assert (await outcome(town, Attempt(ATTACKER, ana.email, PASSWORD)))[0] == ""
    await outcome(town, Attempt(ATTACKER, "one-more@example.com", WRONG))
    assert (await outcome(town, Attempt(ATTACKER, "and-another@example.com", WRONG)))[0] == "too_many_attempts"


async def test_counters_survive_a_restart_and_are_shared_by_processes(
    runtime: Runtime, town: Town, ana: Person
) -> None:
    await hammer(town, ana.email, 5)
    other = open_town(runtime, Identity(runtime, CHEAP))
    assert (await outcome(other, Attempt(ATTACKER, ana.email, PASSWORD)))[0] == "too_many_attempts"


async def test_failed_logins_are_on_record_without_what_was_typed(town: Town, ana: Person) -> None:
    await outcome(town, Attempt(ATTACKER, ana.email, WRONG))
    await outcome(town, Attempt(ATTACKER, "nobody@example.com", WRONG))
    async with town.runtime.db.read() as reader:
        rows = await reader.all(
            "SELECT subject, outcome, address, facts FROM runtime.journal WHERE name = 'login' ORDER BY xid, position"
        )
    assert [row["outcome"] for row in rows] == ["login_failed"] * 2
    assert [row["address"] for row in rows] == [ATTACKER.address] * 2
    assert rows[0]["subject"] == f"principal:{ana.id}"
    assert rows[1]["subject"].startswith("login:")
    assert "nobody" not in str([tuple(row.values()) for row in rows])


# ------------------------------------------------------------------------------------------------------------- the rest
async def test_too_many_at_once_are_told_to_come_back(runtime: Runtime, town: Town, ana: Person) -> None:
    small = CHEAP.model_copy(update={"hashing_threads": 1, "hashing_waiting_max": 2})
    crowd = Identity(runtime, small).people
    answers = await asyncio.gather(
        *(crowd.log_in(Attempt(VISITOR, f"user{n}@example.com", WRONG)) for n in range(20)), return_exceptions=True
    )
    kinds = [type(each) for each in answers]
    assert kinds.count(LoginFailed) == 3
    assert kinds.count(HouseBusy) == 17


async def test_an_old_password_lets_nobody_in_but_a_letter_follows(runtime: Runtime, town: Town, ana: Person) -> None:
    strict = open_town(runtime, Identity(runtime, CHEAP.model_copy(update={"password_days_max": 90})))
    assert isinstance(await strict.identity.people.log_in(Attempt(VISITOR, ana.email, PASSWORD)), NewSession)
    clock(town).advance(91 * 86_400)
    assert (await outcome(strict, Attempt(VISITOR, ana.email, WRONG)))[0] == "login_failed"
    with pytest.raises(PasswordExpired):
        await strict.identity.people.log_in(Attempt(VISITOR, ana.email, PASSWORD))
    await strict.deliver()
    new = "another set of six long words"
    await strict.identity.people.reset_password(PasswordReset(VISITOR, strict.token_for(ana.email), new))
    assert (await outcome(strict, Attempt(VISITOR, ana.email, new)))[0] == ""
    with pytest.raises(LetterInvalid):
        await strict.identity.people.reset_password(PasswordReset(VISITOR, strict.token_for(ana.email), new + "!"))


async def test_a_login_on_a_new_device_is_told_to_who_has_others(town: Town, ana: Person) -> None:
    before = len(town.mail.letters)
    laptop = Visitor("203.0.113.8", agent="Mozilla/5.0 (Windows NT 10.0) Chrome/138.0 Safari/537.36")
    await town.identity.people.log_in(Attempt(laptop, ana.email, PASSWORD))
    await town.identity.people.log_in(Attempt(laptop, ana.email, PASSWORD, ana.device))
    await town.deliver()
    [letter] = town.mail.letters[before:]
    assert "Chrome, Windows" in letter.text
    assert "203.0.113.8" in letter.text


async def test_how_long_known_and_unknown_take_is_printed(
    runtime: Runtime, town: Town, ana: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong passwords for a known and an unknown account in turn, at a price that shows: medians and Welch's t.

    Nothing is asserted of time, which belongs to the machine: what is asserted is one verification a login.
    """
    real = IdentitySettings(password_memory_kib=8192, password_passes=1)
    people = Identity(runtime, real).people
    ana = replace(ana, town=town)
    [hashed] = [await people.desk.hashing.hash(PASSWORD)]
    async with runtime.db.transaction() as tx:
        await tx.execute("UPDATE identity.login SET password_hash = $1", hashed)
    taken: dict[str, list[float]] = {"known": [], "unknown": []}
    for number in range(40):
        for kind, email in (("known", ana.email), ("unknown", "nobody@example.com")):
            clock(town).advance(3600)
            started = time.perf_counter()
            visitor = from_address(VISITOR, f"203.0.113.{number}")
            with pytest.raises((LoginFailed, TooManyAttempts)):
                await people.log_in(Attempt(visitor, email, WRONG))
            taken[kind].append((time.perf_counter() - started) * 1000)
    assert people.desk.hashing.verifications == 80
    means = {kind: statistics.fmean(each) for kind, each in taken.items()}
    spread = sum(statistics.variance(each) / len(each) for each in taken.values()) ** 0.5
    with capsys.disabled():
        shown = ", ".join(f"{kind} {statistics.median(each):.2f} ms" for kind, each in taken.items())
        print(f"\nlogin, median of 40: {shown}; Welch's t = {(means['known'] - means['unknown']) / spread:+.2f}")
