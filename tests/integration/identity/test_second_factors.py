"""Second factors on a real database: set up, shown once, guessed at in vain, taken away."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from cambista.identity import (
    EnrolmentUnknown,
    FactorKind,
    FactorUnknown,
    Identity,
    IdentitySettings,
    KeyRequest,
    LastFactor,
    NewApiKey,
    NewSession,
    PhoneInvalid,
    PrincipalRequest,
    Proof,
    SecondFactorDelayed,
    SecondFactorRequired,
    SecondFactorWrong,
    SessionRequired,
    SmsLimit,
    SmsNotForStaff,
    TicketInvalid,
)
from cambista.kernel.callers import Caller, Credential, Role, StepUpRequired
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import Runtime
from tests.databases import ManualClock
from tests.integration.identity.persons import ADMIN, CHEAP, VISITOR, Person, Town, from_address, open_town

PHONE = "+573001234567"
STEP_S = 30


@pytest.fixture
def town(runtime: Runtime) -> Town:
    return open_town(runtime, Identity(runtime, CHEAP))


@pytest.fixture
async def ana(town: Town) -> Person:
    return await town.customer()


def clock(town: Town) -> ManualClock:
    assert isinstance(town.runtime.clock, ManualClock)
    return town.runtime.clock


async def refusals(*attempts: object) -> list[str]:
    """The codes of what was refused, "" for what was not."""
    answers = await asyncio.gather(*attempts, return_exceptions=True)  # type: ignore[call-overload]
    for each in answers:
        assert not isinstance(each, BaseException) or isinstance(each, Refusal), each
    return [each.code if isinstance(each, Refusal) else "" for each in answers]


# ------------------------------------------------------------------------------------------------------- authenticators
async def test_without_a_second_factor_the_password_opens_and_with_one_it_gives_a_ticket(ana: Person) -> None:
    assert isinstance(await ana.first_step(), NewSession)
    await ana.with_authenticator()
    clock(ana.town).advance(STEP_S)
    caller = await ana.session()
    assert (caller.id, caller.credential, caller.proved_at) == (
        ana.id, Credential.SESSION, ana.town.runtime.now(),
    )  # fmt: skip


async def test_an_authenticator_counts_once_a_code_was_shown(ana: Person, town: Town) -> None:
    caller = await ana.plain_session()
    made = await town.identity.factors.begin_totp(caller)
    assert "<svg" in made.qr_svg
    assert made.uri.startswith(f"otpauth://totp/Cambista:{ana.email.replace('@', '%40')}?")
    assert (await town.identity.factors.find(caller)).kinds == frozenset()
    with pytest.raises(SecondFactorWrong):
        await town.identity.factors.confirm_totp(caller, "000000")
    assert isinstance(await ana.first_step(), NewSession)
    ana.secret = made.secret
    enrolled = await town.identity.factors.confirm_totp(caller, ana.code())
    assert len(set(enrolled.recovery_codes)) == 10
    assert (await town.identity.factors.find(caller)).kinds == {FactorKind.TOTP, FactorKind.RECOVERY}


async def test_an_enrolment_nobody_finishes_is_forgotten(ana: Person, town: Town) -> None:
    caller = await ana.plain_session()
    ana.secret = (await town.identity.factors.begin_totp(caller)).secret
    clock(town).advance(15 * 60)
    caller = await ana.plain_session()
    with pytest.raises(EnrolmentUnknown):
        await town.identity.factors.confirm_totp(caller, ana.code())


async def test_each_code_is_good_once(ana: Person) -> None:
    await ana.with_authenticator()
    clock(ana.town).advance(STEP_S)
    await ana.session()
    assert await refusals(ana.session()) == ["second_factor_wrong"]
    clock(ana.town).advance(STEP_S)
    await ana.session()


async def test_a_code_is_good_once_however_many_processes_look_at_it(ana: Person, town: Town) -> None:
    await ana.with_authenticator()
    clock(town).advance(STEP_S)
    tickets = [await ana.ticket() for _ in range(6)]
    twin = Identity(town.runtime)
    proof = ana.totp()

    async def at(identity: Identity, ticket: str) -> object:
        return await Person(replace(town, identity=identity), ana.email, ana.id, "").second_step(ticket, proof)

    codes = await refusals(*(at(twin if n % 2 else town.identity, ticket) for n, ticket in enumerate(tickets)))
    assert codes.count("") == 1
    assert set(codes) <= {"", "second_factor_wrong", "second_factor_delayed"}


@pytest.mark.parametrize(("steps", "let_in"), ((-2, False), (-1, True), (0, True), (1, True), (2, False)))
async def test_a_clock_may_be_one_step_off_and_not_two(ana: Person, steps: int, let_in: bool) -> None:
    await ana.with_authenticator()
    clock(ana.town).advance(10 * STEP_S)
    assert await refusals(ana.session(ana.totp(steps))) == ["" if let_in else "second_factor_wrong"]


async def test_after_a_code_of_the_next_step_those_before_are_spent(ana: Person) -> None:
    await ana.with_authenticator()
    clock(ana.town).advance(10 * STEP_S)
    await ana.session(ana.totp(1))
    codes = await refusals(ana.session(ana.totp(0)), ana.session(ana.totp(-1)), ana.session(ana.totp(1)))
    assert codes == ["second_factor_wrong"] * 3


async def test_a_new_authenticator_takes_the_place_of_the_old_one(ana: Person, town: Town) -> None:
    token, caller = await ana.with_authenticator()
    old = ana.secret
    ana.secret = (await town.identity.factors.begin_totp(caller)).secret
    enrolled = await town.identity.factors.confirm_totp(caller, ana.code())
    assert enrolled.recovery_codes == ()
    clock(town).advance(STEP_S)
    await ana.session()
    ana.secret = old
    assert await refusals(ana.session()) == ["second_factor_wrong"]
    assert (await ana.again(token)).id == ana.id


# ----------------------------------------------------------------------------------------------------------- tickets
async def test_a_ticket_is_good_once_and_for_minutes(ana: Person, town: Town) -> None:
    await ana.with_authenticator()
    clock(town).advance(STEP_S)
    ticket = await ana.ticket()
    await ana.second_step(ticket, ana.totp())
    clock(town).advance(STEP_S)
    with pytest.raises(TicketInvalid):
        await ana.second_step(ticket, ana.totp())
    late = await ana.ticket()
    clock(town).advance(3600)
    with pytest.raises(TicketInvalid):
        await ana.second_step(late, ana.totp())
    for nonsense in ("", "cmt_" + "A" * 43, "ñ" * 50, ticket[:-1]):
        with pytest.raises(TicketInvalid):
            await ana.second_step(nonsense, ana.totp())


async def test_a_wrong_code_does_not_use_up_the_ticket(ana: Person) -> None:
    await ana.with_authenticator()
    clock(ana.town).advance(STEP_S)
    ticket = await ana.ticket()
    assert await refusals(ana.second_step(ticket, Proof(FactorKind.TOTP, "000000"))) == ["second_factor_wrong"]
    assert isinstance(await ana.second_step(ticket, ana.totp()), NewSession)


async def test_anothers_code_or_recovery_code_opens_nothing(ana: Person, town: Town) -> None:
    await ana.with_authenticator()
    eva = await town.customer("eva")
    await eva.with_authenticator()
    clock(town).advance(STEP_S)
    ticket = await ana.ticket()
    assert await refusals(ana.second_step(ticket, eva.totp())) == ["second_factor_wrong"]


# ---------------------------------------------------------------------------------------------------------- guessing
async def guess(person: Person, ticket: str, address: str = VISITOR.address) -> str:
    proof = Proof(FactorKind.TOTP, "000000")
    return (await refusals(person.second_step(ticket, proof, from_address(VISITOR, address))))[0]


async def test_guessing_is_ever_slower_and_the_right_code_waits_too(ana: Person, town: Town) -> None:
    await ana.with_authenticator()
    clock(town).advance(STEP_S)
    ticket = await ana.ticket()
    assert [await guess(ana, ticket) for _ in range(6)] == ["second_factor_wrong"] * 5 + ["second_factor_delayed"]
    with pytest.raises(SecondFactorDelayed) as delayed:
        await ana.second_step(ticket, ana.totp())
    assert delayed.value.facts["retry_after_s"] == 30
    clock(town).advance(30)
    assert await guess(ana, ticket) == "second_factor_wrong"
    clock(town).advance(59)
    assert await guess(ana, ticket) == "second_factor_delayed"
    clock(town).advance(1)
    assert isinstance(await ana.second_step(ticket, ana.totp()), NewSession)
    assert [await guess(ana, await ana.ticket()) for _ in range(2)] == ["second_factor_wrong"] * 2


async def test_guesses_side_by_side_are_counted_one_by_one(ana: Person, town: Town) -> None:
    await ana.with_authenticator()
    clock(town).advance(STEP_S)
    tickets = [await ana.ticket() for _ in range(12)]
    codes = await asyncio.gather(*(guess(ana, each) for each in tickets))
    assert sorted(codes) == ["second_factor_delayed"] * 7 + ["second_factor_wrong"] * 5


async def test_whoever_is_guessed_at_gets_a_letter_once(ana: Person, town: Town) -> None:
    await ana.with_authenticator()
    clock(town).advance(STEP_S)
    ticket = await ana.ticket()
    for _ in range(6):
        await guess(ana, ticket)
    await town.deliver()
    told = [each for each in town.mail.letters if "prueba códigos" in each.subject]
    assert [each.to for each in told] == [ana.email]


async def test_an_address_that_guesses_at_many_accounts_waits_for_all_of_them(town: Town) -> None:
    people = [
        await town.customer(name) for name in ("ana", "eva", "leo", "mia", "noe", "pau", "rut", "sol", "tia", "uma")
    ]
    tickets = []
    for person in people:
        await person.with_authenticator()
        tickets.append(await person.ticket())
    fresh = await town.customer("zoe")
    await fresh.with_authenticator()
    clock(town).advance(STEP_S)
    for _ in range(5):
        for person, ticket in zip(people, tickets, strict=True):
            assert await guess(person, ticket, "2001:db8::1") == "second_factor_wrong"
    ticket = await fresh.ticket()
    assert await guess(fresh, ticket, "2001:db8::ffff:2") == "second_factor_delayed"
    # From elsewhere, an account that nobody guessed at does not wait.
    assert isinstance(await fresh.second_step(ticket, fresh.totp()), NewSession)


async def test_who_has_no_ticket_makes_nobody_wait(ana: Person, town: Town) -> None:
    await ana.with_authenticator()
    clock(town).advance(STEP_S)
    for _ in range(20):
        assert await guess(ana, "cmt_" + "A" * 43) == "ticket_invalid"
    assert (await ana.session()).id == ana.id


# ---------------------------------------------------------------------------------------------------- recovery codes
async def test_a_recovery_code_opens_once_and_is_told_by_letter(ana: Person, town: Town) -> None:
    caller = await ana.plain_session()
    ana.secret = (await town.identity.factors.begin_totp(caller)).secret
    codes = (await town.identity.factors.confirm_totp(caller, ana.code())).recovery_codes
    typed = Proof(FactorKind.RECOVERY, codes[3].upper().replace("-", " "))
    caller = await ana.session(typed)
    assert (await town.identity.factors.find(caller)).recovery_codes_left == 9
    assert await refusals(ana.session(typed)) == ["second_factor_wrong"]
    await town.deliver()
    assert [each.subject for each in town.mail.letters][-1] == "Se usó un código de recuperación"
    assert "Le quedan 9" in town.mail.letters[-1].text


async def test_new_recovery_codes_void_the_old_ones(ana: Person, town: Town) -> None:
    caller = await ana.plain_session()
    ana.secret = (await town.identity.factors.begin_totp(caller)).secret
    old = (await town.identity.factors.confirm_totp(caller, ana.code())).recovery_codes
    caller = replace(caller, proved_at=town.runtime.now())
    new = await town.identity.factors.renew_recovery_codes(caller)
    assert not set(old) & set(new)
    assert await refusals(ana.session(Proof(FactorKind.RECOVERY, old[0]))) == ["second_factor_wrong"]
    assert (await ana.session(Proof(FactorKind.RECOVERY, new[0]))).id == ana.id


# -------------------------------------------------------------------------------------------------------------- phones
async def with_phone(person: Person) -> Caller:
    caller = await person.plain_session()
    await person.town.identity.factors.begin_sms(caller, PHONE)
    await person.town.deliver()
    await person.town.identity.factors.confirm_sms(caller, person.town.code_sent())
    return replace(caller, proved_at=person.town.runtime.now())


async def send_login_code(person: Person) -> tuple[str, str]:
    ticket = await person.ticket()
    await person.town.identity.second_steps.send_code(VISITOR, ticket)
    await person.town.deliver()
    return ticket, person.town.code_sent()


async def test_a_code_by_sms_opens_once(ana: Person, town: Town) -> None:
    caller = await with_phone(ana)
    assert (await town.identity.factors.find(caller)).phone == "…567"
    clock(town).advance(31)
    ticket, code = await send_login_code(ana)
    assert town.phones.letters[-1].to == PHONE
    assert isinstance(await ana.second_step(ticket, Proof(FactorKind.SMS, code)), NewSession)
    assert await refusals(ana.session(Proof(FactorKind.SMS, code))) == ["second_factor_wrong"]


async def test_a_code_by_sms_is_good_for_five_minutes_and_till_the_next_one(ana: Person, town: Town) -> None:
    await with_phone(ana)
    clock(town).advance(31)
    ticket, first = await send_login_code(ana)
    clock(town).advance(31)
    _, second = await send_login_code(ana)
    if first != second:
        assert await refusals(ana.second_step(ticket, Proof(FactorKind.SMS, first))) == ["second_factor_wrong"]
    clock(town).advance(300)
    late = await ana.ticket()
    assert await refusals(ana.second_step(late, Proof(FactorKind.SMS, second))) == ["second_factor_wrong"]


async def test_a_code_by_sms_is_tried_five_times_at_most(ana: Person, town: Town) -> None:
    caller = await ana.plain_session()
    await town.identity.factors.begin_sms(caller, PHONE)
    await town.deliver()
    code = town.code_sent()
    wrong = "000000" if code != "000000" else "000001"
    for _ in range(5):
        assert await refusals(town.identity.factors.confirm_sms(caller, wrong)) == ["second_factor_wrong"]
    assert await refusals(town.identity.factors.confirm_sms(caller, code)) == ["second_factor_wrong"]


async def test_sending_is_bounded_for_each_account_and_each_number(ana: Person, town: Town) -> None:
    caller = await ana.plain_session()
    await town.identity.factors.begin_sms(caller, PHONE)
    with pytest.raises(SmsLimit):
        await town.identity.factors.begin_sms(caller, "+573007654321")
    for _ in range(4):
        clock(town).advance(31)
        await town.identity.factors.begin_sms(caller, PHONE)
    clock(town).advance(31)
    eva = await town.customer("eva")
    hers = await eva.plain_session()
    with pytest.raises(SmsLimit):
        await town.identity.factors.begin_sms(hers, PHONE)
    await town.identity.factors.begin_sms(hers, "+573007654321")


async def test_sms_is_not_for_staff(town: Town) -> None:
    person = await town.staff()
    caller = await person.plain_session()
    with pytest.raises(SmsNotForStaff):
        await town.identity.factors.begin_sms(caller, PHONE)


async def test_a_landline_is_no_phone(ana: Person, town: Town) -> None:
    with pytest.raises(PhoneInvalid):
        await town.identity.factors.begin_sms(await ana.plain_session(), "+576012345678")


async def test_the_number_and_the_secret_lie_sealed(ana: Person, town: Town) -> None:
    await with_phone(ana)
    async with town.runtime.db.read() as reader:
        numbers = await reader.all("SELECT number, number_index FROM identity.phone")
        codes = await reader.all("SELECT hash FROM identity.sms_code")
    assert PHONE.encode() not in b"".join(row["number"] + row["number_index"] for row in numbers)
    assert town.code_sent().encode() not in b"".join(row["hash"] for row in codes)


# ----------------------------------------------------------------------------------------------------- changing factors
async def test_the_first_factor_takes_a_fresh_login_and_later_ones_a_fresh_factor(ana: Person, town: Town) -> None:
    opened = await ana.first_step()
    assert isinstance(opened, NewSession)
    caller = await ana.caller(opened)
    clock(town).advance(301)
    with pytest.raises(StepUpRequired):
        await town.identity.factors.begin_totp(caller)
    token, caller = await ana.with_authenticator()
    clock(town).advance(301)
    for change in (
        town.identity.factors.begin_totp(caller),
        town.identity.factors.remove_totp(caller),
        town.identity.factors.renew_recovery_codes(caller),
        town.identity.factors.begin_sms(caller, PHONE),
        town.identity.factors.begin_passkey(caller),
    ):
        assert await refusals(change) == ["step_up_required"]
    await ana.step_up(caller, ana.totp())
    await town.identity.factors.remove_totp(await ana.again(token))
    assert (await town.identity.factors.find(caller)).kinds == frozenset()


async def test_staff_keep_one_factor(town: Town) -> None:
    person = await town.staff()
    _, caller = await person.with_authenticator()
    with pytest.raises(LastFactor):
        await town.identity.factors.remove_totp(caller)
    assert FactorKind.TOTP in (await town.identity.factors.find(caller)).kinds


async def test_staff_without_one_may_only_set_one_up(town: Town) -> None:
    person = await town.staff()
    caller = await person.plain_session()
    town.identity.require_second_factor(caller, enrolling=True)
    with pytest.raises(SecondFactorRequired):
        town.identity.require_second_factor(caller, enrolling=False)
    _, proved = await person.with_authenticator()
    town.identity.require_second_factor(proved, enrolling=False)
    lenient = Identity(town.runtime, IdentitySettings(staff_second_factor=False))
    lenient.require_second_factor(caller, enrolling=False)


async def test_each_change_is_told_by_letter_and_event_and_journal(ana: Person, town: Town) -> None:
    _, caller = await ana.with_authenticator()
    await town.identity.factors.remove_totp(caller)
    await town.deliver()
    assert [each.to for each in town.mail.letters if "segundo factor" in each.subject] == [ana.email] * 2
    async with town.runtime.db.read() as reader:
        events = await reader.all(
            "SELECT data FROM runtime.outbox WHERE name = 'SecondFactorChanged' ORDER BY position"
        )
        names = await reader.all("SELECT name FROM runtime.journal WHERE name LIKE 'factor.%'")
    assert ['"added"' in each["data"] for each in events] == [True, False]
    assert sorted(row["name"] for row in names) == ["factor.added", "factor.begin", "factor.removed"]


async def test_what_is_not_there_cannot_be_removed(ana: Person, town: Town) -> None:
    caller = await ana.plain_session()
    with pytest.raises(FactorUnknown):
        await town.identity.factors.remove_totp(caller)
    with pytest.raises(FactorUnknown):
        await town.identity.factors.renew_recovery_codes(caller)
    with pytest.raises(FactorUnknown):
        await town.identity.factors.send_code(caller)


@pytest.mark.parametrize("credential", (Credential.KEY, Credential.TOKEN, Credential.HOUSE))
async def test_factors_are_for_people_who_have_logged_in(town: Town, credential: Credential) -> None:
    caller = Caller(ADMIN.id, Role.ADMIN, key_id=ADMIN.id, credential=credential, proved_at=town.runtime.now())
    for attempt in (
        town.identity.factors.find(caller),
        town.identity.factors.begin_totp(caller),
        town.identity.factors.renew_recovery_codes(caller),
    ):
        with pytest.raises(SessionRequired):
            await attempt


async def test_a_session_that_was_ended_changes_nothing(ana: Person, town: Town) -> None:
    _, caller = await ana.with_authenticator()
    await town.identity.people.log_out(caller)
    with pytest.raises(Unauthenticated):
        await town.identity.factors.remove_totp(caller)


# ------------------------------------------------------------------------------------------------------------- step-up
async def test_making_a_key_takes_a_fresh_factor_and_it_ages(ana: Person, town: Town) -> None:
    token, caller = await ana.with_authenticator()
    clock(town).advance(301)

    async def make(caller: Caller) -> object:
        [answer] = await town.identity.create_keys([KeyRequest(caller, ana.id, "Bot")])
        return answer

    refused = await make(caller)
    assert isinstance(refused, StepUpRequired)
    await ana.step_up(caller, ana.totp())
    assert isinstance(await make(await ana.again(token)), NewApiKey)
    clock(town).advance(300)
    assert isinstance(await make(await ana.again(token)), NewApiKey)
    clock(town).advance(1)
    assert isinstance(await make(await ana.again(token)), StepUpRequired)


async def test_adding_staff_in_a_session_takes_a_fresh_factor(town: Town) -> None:
    person = await town.staff("admin")
    token, caller = await person.with_authenticator()
    clock(town).advance(400)
    [refused] = await town.identity.create_principals([PrincipalRequest(caller, "operator", "Desk")])
    assert isinstance(refused, StepUpRequired)
    await person.step_up(caller, person.totp())
    [added] = await town.identity.create_principals([PrincipalRequest(await person.again(token), "operator", "Desk")])
    assert not isinstance(added, Refusal)


async def test_old_codes_counters_and_enrolments_are_swept(ana: Person, town: Town) -> None:
    caller = await ana.plain_session()
    await town.identity.factors.begin_sms(caller, PHONE)
    await town.identity.factors.begin_totp(caller)
    clock(town).advance(timedelta(days=3).total_seconds())
    await town.identity.factors.sweep()
    async with town.runtime.db.read() as reader:
        for table in ("sms_code", "totp", "phone", "factor_failure"):
            assert await reader.value(f"SELECT count(*) FROM identity.{table}") == 0
