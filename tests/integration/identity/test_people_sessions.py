"""Sessions on a real database: they end when told, when left alone, when too old, and in foreign hands."""

import pytest

from cambista.identity import (
    Attempt,
    Identity,
    NewSession,
    PasswordChange,
    PasswordForgotten,
    PasswordReset,
    PasswordUnfit,
    PasswordWrong,
    Session,
    SessionRevocation,
    SessionsEnded,
    SessionUnknown,
    Status,
    StatusChange,
    TooManyAttempts,
    Visitor,
)
from cambista.kernel.callers import Caller
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import Runtime
from tests.databases import ManualClock
from tests.integration.identity.persons import ADMIN, CHEAP, PASSWORD, VISITOR, Person, Town, open_town

THIEF = Visitor("203.0.113.66", agent="curl/8.5.0")
NEW = "another set of six long words"


@pytest.fixture
def town(runtime: Runtime) -> Town:
    return open_town(runtime, Identity(runtime, CHEAP))


@pytest.fixture
async def ana(town: Town) -> Person:
    return await town.customer()


def clock(town: Town) -> ManualClock:
    assert isinstance(town.runtime.clock, ManualClock)
    return town.runtime.clock


async def opened(person: Person) -> tuple[str, Caller]:
    """A new session's token and caller."""
    answer = await person.first_step()
    assert isinstance(answer, NewSession)
    return answer.token, await person.caller(answer)


async def lives(person: Person, token: str) -> bool:
    try:
        await person.again(token)
    except Unauthenticated:
        return False
    return True


async def end(town: Town, revocation: SessionRevocation) -> SessionsEnded | Refusal:
    [answer] = await town.identity.people.end_sessions([revocation])
    return answer


async def reasons(town: Town) -> list[str]:
    async with town.runtime.db.read() as reader:
        rows = await reader.all("SELECT end_reason FROM identity.session WHERE revoked_at IS NOT NULL ORDER BY id")
    return [row["end_reason"] for row in rows]


async def test_a_session_ends_at_once_when_its_person_leaves(town: Town, ana: Person) -> None:
    token, caller = await opened(ana)
    await town.identity.people.log_out(caller)
    assert not await lives(ana, token)
    with pytest.raises(Unauthenticated):
        await town.identity.people.log_out(caller)


async def test_a_person_sees_the_own_sessions_and_ends_one_or_all_others(town: Town, ana: Person) -> None:
    first, caller = await opened(ana)
    clock(town).advance(60)
    second, _ = await opened(ana)
    third, _ = await opened(ana)
    listed: list[Session] = await town.identity.people.list_sessions(caller)
    assert len(listed) == 3
    assert listed[-1].id == caller.key_id
    assert (listed[0].device, listed[0].address) == ("Firefox, Linux", VISITOR.address)
    assert await end(town, SessionRevocation(caller, listed[0].id)) == SessionsEnded(1)
    assert [await lives(ana, each) for each in (first, second, third)] == [True, True, False]
    assert await end(town, SessionRevocation(caller)) == SessionsEnded(1)
    assert [await lives(ana, each) for each in (first, second, third)] == [True, False, False]
    assert isinstance(await end(town, SessionRevocation(caller, listed[0].id)), SessionUnknown)


async def test_anothers_session_is_not_there(town: Town, ana: Person) -> None:
    eva = await town.customer("eva")
    token, caller = await opened(ana)
    _, other = await opened(eva)
    assert caller.key_id is not None
    answer = await end(town, SessionRevocation(other, caller.key_id))
    missing = await end(town, SessionRevocation(other, town.runtime.new_id()))
    assert isinstance(answer, SessionUnknown)
    assert type(answer) is type(missing)
    assert await end(town, SessionRevocation(other)) == SessionsEnded(0)
    assert await lives(ana, token)


async def test_a_session_left_alone_ends_and_a_used_one_goes_on_to_its_absolute_end(town: Town, ana: Person) -> None:
    token, _ = await opened(ana)
    clock(town).advance(CHEAP.session_idle_s)
    assert not await lives(ana, token)
    token, _ = await opened(ana)
    used = 0
    while used + 1500 < CHEAP.session_max_s:
        clock(town).advance(1500)
        used += 1500
        assert await lives(ana, token), used
        await town.identity.note_uses()
    clock(town).advance(CHEAP.session_max_s - used)
    assert not await lives(ana, token)


async def test_staff_rest_for_a_shorter_time(town: Town) -> None:
    boss = await town.staff()
    token, caller = await opened(boss)
    [listed] = await town.identity.people.list_sessions(caller)
    assert (listed.idle_until - listed.created_at).total_seconds() == CHEAP.session_idle_staff_s
    clock(town).advance(CHEAP.session_idle_staff_s)
    assert not await lives(boss, token)


async def test_uses_are_noted_once_a_minute_at_most_and_never_bring_back_an_ended_session(
    town: Town, ana: Person
) -> None:
    token, caller = await opened(ana)

    async def idle_until() -> object:
        async with town.runtime.db.read() as reader:
            return await reader.value("SELECT idle_until FROM identity.session WHERE id = $1", caller.key_id)

    start = await idle_until()
    clock(town).advance(30)
    await ana.again(token)
    await town.identity.note_uses()
    assert await idle_until() == start
    clock(town).advance(40)
    await ana.again(token)
    await town.identity.people.log_out(caller)
    await town.identity.note_uses()
    assert await idle_until() == start


async def test_a_session_in_another_browser_is_ended_and_put_on_record(town: Town, ana: Person) -> None:
    token, caller = await opened(ana)
    with pytest.raises(Unauthenticated):
        await town.identity.authenticate(token, address=THIEF.address, trace_id="theft", agent=THIEF.agent)
    assert not await lives(ana, token)
    assert await reasons(town) == ["foreign_agent"]
    async with town.runtime.db.read() as reader:
        row = await reader.one("SELECT subject, outcome, address FROM runtime.journal WHERE trace_id = 'theft'")
    assert tuple(row.values()) == (f"session:{caller.key_id}", "unauthenticated", THIEF.address)


async def test_a_session_survives_an_update_of_its_browser_and_a_change_of_address(town: Town, ana: Person) -> None:
    token, _ = await opened(ana)
    newer = VISITOR.agent.replace("140.0", "141.0")
    await town.identity.authenticate(token, address="198.51.100.200", trace_id="", agent=newer)
    assert await lives(ana, token)


async def test_a_blocked_persons_sessions_stop_at_once(town: Town, ana: Person) -> None:
    token, caller = await opened(ana)
    await town.identity.set_status([StatusChange(ADMIN, ana.id, Status.BLOCKED, "case")])
    assert not await lives(ana, token)
    assert isinstance(await end(town, SessionRevocation(caller)), Unauthenticated)


async def test_one_session_too_many_ends_the_one_not_seen_for_the_longest(runtime: Runtime) -> None:
    town = open_town(runtime, Identity(runtime, CHEAP.model_copy(update={"sessions_max": 2})))
    ana = await town.customer()
    tokens = []
    for _ in range(3):
        tokens.append((await opened(ana))[0])
        clock(town).advance(2)
    assert [await lives(ana, each) for each in tokens] == [False, True, True]
    assert await reasons(town) == ["crowded"]


async def test_devices_are_forgotten_when_there_are_many_or_not_seen_for_long(runtime: Runtime) -> None:
    town = open_town(runtime, Identity(runtime, CHEAP.model_copy(update={"devices_max": 3, "device_days": 10})))
    ana = await town.customer()
    for _ in range(5):
        clock(town).advance(1)
        await town.identity.people.log_in(Attempt(VISITOR, ana.email, PASSWORD))
    count = "SELECT count(*) FROM identity.device"
    async with runtime.db.read() as reader:
        assert await reader.value(count) == 3
    clock(town).advance(11 * 86_400)
    await town.identity.people.sweep()
    async with runtime.db.read() as reader:
        assert await reader.value(count) == 0


# ------------------------------------------------------------------------------------------------------------ passwords
async def test_a_changed_password_ends_the_other_sessions_and_is_told_of(town: Town, ana: Person) -> None:
    here, caller = await opened(ana)
    there, _ = await opened(ana)
    answer = await town.identity.people.change_password(PasswordChange(caller, PASSWORD, NEW))
    assert answer == SessionsEnded(1)
    assert [await lives(ana, each) for each in (here, there)] == [True, False]
    with pytest.raises(Unauthenticated):
        await ana.first_step()
    assert isinstance(await town.identity.people.log_in(Attempt(VISITOR, ana.email, NEW)), NewSession)
    await town.deliver()
    assert any("contraseña" in each.text and "#token" not in each.text for each in town.mail.letters)


async def test_who_does_not_know_the_present_password_does_not_change_it(town: Town, ana: Person) -> None:
    _, caller = await opened(ana)
    change = PasswordChange(caller, "a guess of the password", NEW)
    for _ in range(5):
        with pytest.raises(PasswordWrong):
            await town.identity.people.change_password(change)
    with pytest.raises(TooManyAttempts):
        await town.identity.people.change_password(change)
    assert isinstance(await ana.first_step(), NewSession)


@pytest.mark.parametrize(("password", "why"), [("ana prueba 12", "guessable"), ("short", "too_short")])
async def test_a_new_password_is_held_to_the_rules(town: Town, ana: Person, password: str, why: str) -> None:
    _, caller = await opened(ana)
    with pytest.raises(PasswordUnfit) as caught:
        await town.identity.people.change_password(PasswordChange(caller, PASSWORD, password))
    assert caught.value.facts["reason"] == why


async def test_the_last_passwords_do_not_come_back_and_older_ones_may(runtime: Runtime) -> None:
    town = open_town(runtime, Identity(runtime, CHEAP.model_copy(update={"password_history": 3})))
    ana = await town.customer()
    _, caller = await opened(ana)
    people, present = town.identity.people, PASSWORD
    for new in ("the second of my passwords", "the third of my passwords"):
        for used in {PASSWORD, present}:
            with pytest.raises(PasswordUnfit) as caught:
                await people.change_password(PasswordChange(caller, present, used))
            assert caught.value.facts["reason"] == "used_before"
        await people.change_password(PasswordChange(caller, present, new))
        present = new
    await people.change_password(PasswordChange(caller, present, "the fourth of my passwords"))
    await people.change_password(PasswordChange(caller, "the fourth of my passwords", PASSWORD))


async def test_a_breached_password_is_not_set(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("lists") / "breached.txt"
    path.write_text(f"{NEW}\n")
    town = open_town(runtime, Identity(runtime, CHEAP.model_copy(update={"breached_passwords": path})))
    ana = await town.customer()
    _, caller = await opened(ana)
    with pytest.raises(PasswordUnfit) as caught:
        await town.identity.people.change_password(PasswordChange(caller, PASSWORD, NEW))
    assert caught.value.facts["reason"] == "breached"


async def test_a_reset_ends_every_session_makes_strangers_of_devices_and_works_once(town: Town, ana: Person) -> None:
    token, _ = await opened(ana)
    people = town.identity.people
    for _ in range(2):
        await people.forget_password(PasswordForgotten(VISITOR, ana.email))
        await town.deliver()
    links = [each.text.split("#token=")[1].split()[0] for each in town.mail.letters[-2:]]
    trust = await people.reset_password(PasswordReset(VISITOR, links[0], NEW))
    assert trust.device
    assert not await lives(ana, token)
    for link in links:
        with pytest.raises(Refusal, match="wrong, used or too old"):
            await people.reset_password(PasswordReset(VISITOR, link, NEW + " again"))
    answer = await people.log_in(Attempt(VISITOR, ana.email, NEW, ana.device))
    assert isinstance(answer, NewSession)
    assert answer.device


async def test_a_link_is_good_for_its_time_and_not_for_who_is_blocked(town: Town, ana: Person) -> None:
    people = town.identity.people
    await people.forget_password(PasswordForgotten(VISITOR, ana.email))
    await people.forget_password(PasswordForgotten(VISITOR, "nobody@example.com"))
    before = len(town.mail.letters)
    await town.deliver()
    assert [each.to for each in town.mail.letters[before:]] == [ana.email]
    link = PasswordReset(VISITOR, town.token_for(ana.email), NEW)
    await town.identity.set_status([StatusChange(ADMIN, ana.id, Status.BLOCKED, "case")])
    with pytest.raises(Refusal, match="wrong, used or too old"):
        await people.reset_password(link)
    await town.identity.set_status([StatusChange(ADMIN, ana.id, Status.ACTIVE, "case")])
    clock(town).advance(CHEAP.reset_ttl_s)
    with pytest.raises(Refusal, match="wrong, used or too old"):
        await people.reset_password(link)
