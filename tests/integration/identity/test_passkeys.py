"""Passkeys on a real database, with an authenticator in software: made, shown, copied in vain."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cambista.identity import (
    FactorKind,
    FactorUnknown,
    Identity,
    LastFactor,
    NewSession,
    PasskeyInvalid,
    PasskeysLimit,
    Proof,
    SecondFactorWrong,
    TextInvalid,
)
from cambista.kernel.callers import Caller, StepUpRequired
from cambista.runtime import Runtime
from tests.databases import ManualClock
from tests.integration.identity.authenticator import Authenticator, decoded, encoded
from tests.integration.identity.persons import CHEAP, Person, Town, open_town


@pytest.fixture
def town(runtime: Runtime) -> Town:
    return open_town(runtime, Identity(runtime, CHEAP))


@pytest.fixture
async def ana(town: Town) -> Person:
    return await town.customer()


async def enrolled(person: Person, authenticator: Authenticator | None = None) -> tuple[Authenticator, Caller]:
    """A passkey, and the session it was made in, proved just now."""
    key, factors = authenticator or Authenticator(), person.town.identity.factors
    caller = await person.plain_session()
    await factors.confirm_passkey(caller, "Phone", key.create(await factors.begin_passkey(caller)))
    return key, replace(caller, proved_at=person.town.runtime.now())


async def asked(person: Person) -> tuple[str, dict[str, Any]]:
    """A login's ticket, and what a passkey has to sign for it."""
    ticket = await person.ticket()
    return ticket, await person.town.identity.second_steps.ask_passkey(ticket)


def shown(answer: dict[str, Any]) -> Proof:
    return Proof(FactorKind.PASSKEY, assertion=answer)


async def test_a_passkey_opens_a_session(ana: Person, town: Town) -> None:
    key, caller = await enrolled(ana)
    found = await town.identity.factors.find(caller)
    assert [each.name for each in found.passkeys] == ["Phone"]
    assert found.recovery_codes_left == 10
    ticket, options = await asked(ana)
    assert options["userVerification"] == "required"
    assert [each["id"] for each in options["allowCredentials"]] == [encoded(key.credential_id)]
    opened = await ana.second_step(ticket, shown(key.get(options)))
    assert opened.record.proved_at == town.runtime.now()
    [used] = (await town.identity.factors.find(await ana.caller(opened))).passkeys
    assert used.last_used_at == town.runtime.now()


async def test_what_was_signed_once_opens_nothing_again(ana: Person) -> None:
    key, _ = await enrolled(ana)
    ticket, options = await asked(ana)
    answer = shown(key.get(options))
    await ana.second_step(ticket, answer)
    with pytest.raises(SecondFactorWrong):
        await ana.second_step(await ana.ticket(), answer)


async def test_one_answer_side_by_side_opens_one_session(ana: Person) -> None:
    key, _ = await enrolled(ana, Authenticator(counts=False))
    tickets = [await ana.ticket() for _ in range(4)]
    options = await ana.town.identity.second_steps.ask_passkey(tickets[0])
    answer = shown(key.get(options))
    opened = await asyncio.gather(*(ana.second_step(each, answer) for each in tickets), return_exceptions=True)
    assert sum(isinstance(each, NewSession) for each in opened) == 1
    assert all(isinstance(each, NewSession | SecondFactorWrong) for each in opened)


async def test_a_challenge_is_good_for_five_minutes_and_until_the_next(ana: Person, town: Town) -> None:
    assert isinstance(town.runtime.clock, ManualClock)
    key, _ = await enrolled(ana)
    _, options = await asked(ana)
    town.runtime.clock.advance(301)
    with pytest.raises(SecondFactorWrong):
        await ana.second_step(await ana.ticket(), shown(key.get(options)))
    _, first = await asked(ana)
    ticket, _ = await asked(ana)
    with pytest.raises(SecondFactorWrong):
        await ana.second_step(ticket, shown(key.get(first)))


@pytest.mark.parametrize(
    "wrong",
    (
        "other key", "other origin", "unverified", "lower counter", "other site", "altered", "create", "no fields",
        "unknown id", "junk",
    ),
)  # fmt: skip
async def test_what_is_not_the_passkey_signing_here_is_refused(ana: Person, wrong: str) -> None:
    key, _ = await enrolled(ana, Authenticator(sign_count=7))
    ticket, options = await asked(ana)
    answer = _wrong_answer(key, options, wrong)
    with pytest.raises(SecondFactorWrong):
        await ana.second_step(ticket, shown(answer))
    options = await ana.town.identity.second_steps.ask_passkey(ticket)
    assert isinstance(await ana.second_step(ticket, shown(key.get(options))), NewSession)


def _wrong_answer(key: Authenticator, options: dict[str, Any], wrong: str) -> dict[str, Any]:
    impostors = {
        "other key": replace(key, key=ec.generate_private_key(ec.SECP256R1())),
        "other origin": replace(key, origin="http://localhost.example.com:8000"),
        "unverified": replace(key, verifies=False),
        "lower counter": replace(key, sign_count=3),
        "unknown id": replace(key, credential_id=b"x" * 32),
    }
    if wrong in impostors:
        return impostors[wrong].get(options)
    answer = key.get({**options, "rpId": "example.com"} if wrong == "other site" else options)
    match wrong:
        case "create":
            return key.create({**options, "rp": {"id": options["rpId"]}})
        case "no fields":
            del answer["response"], answer["type"]
        case "junk":
            answer["response"] = dict.fromkeys(answer["response"], "!!")
        case "altered":
            data = bytearray(decoded(answer["response"]["authenticatorData"]))
            data[-1] ^= 1
            answer["response"]["authenticatorData"] = encoded(bytes(data))
    return answer


async def test_a_copied_authenticator_whose_counter_stands_still_is_refused(ana: Person) -> None:
    key, _ = await enrolled(ana)
    copy = replace(key)
    ticket, options = await asked(ana)
    await ana.second_step(ticket, shown(key.get(options)))
    ticket, options = await asked(ana)
    with pytest.raises(SecondFactorWrong):
        await ana.second_step(ticket, shown(copy.get(options)))


async def test_an_authenticator_without_a_counter_is_good(ana: Person) -> None:
    key, _ = await enrolled(ana, Authenticator(counts=False))
    for _ in range(2):
        ticket, options = await asked(ana)
        await ana.second_step(ticket, shown(key.get(options)))


@pytest.mark.parametrize("wrong", ("origin", "unverified", "challenge", "junk", "again"))
async def test_what_was_not_made_for_this_site_is_not_kept(ana: Person, town: Town, wrong: str) -> None:
    factors, key = town.identity.factors, Authenticator()
    caller = await ana.plain_session()
    options = await factors.begin_passkey(caller)
    if wrong == "origin":
        key.origin = "http://localhost:9000"
    if wrong == "unverified":
        key.verifies = False
    answer = key.create({**options, "challenge": encoded(b"x" * 32)} if wrong == "challenge" else options)
    if wrong == "junk":
        answer["response"]["attestationObject"] = encoded(b"\xff" * 40)
    if wrong == "again":
        await factors.confirm_passkey(caller, "Phone", answer)
        caller = replace(caller, proved_at=town.runtime.now())
    before = (await factors.find(caller)).passkeys
    with pytest.raises(PasskeyInvalid):
        await factors.confirm_passkey(caller, "Phone", answer)
    assert (await factors.find(caller)).passkeys == before


async def test_one_authenticator_serves_one_person(ana: Person, town: Town) -> None:
    key, _ = await enrolled(ana)
    eva = await town.customer("eva")
    with pytest.raises(PasskeyInvalid):
        await enrolled(eva, key)
    await eva.with_authenticator()
    ticket = await eva.ticket()
    with pytest.raises(FactorUnknown):
        await town.identity.second_steps.ask_passkey(ticket)


async def test_passkeys_are_named_renamed_and_removed_by_their_person_only(ana: Person, town: Town) -> None:
    factors = town.identity.factors
    _, caller = await enrolled(ana)
    [passkey] = (await factors.find(caller)).passkeys
    assert (await factors.rename_passkey(caller, passkey.id, " My  phone ")).name == "My phone"
    with pytest.raises(TextInvalid):
        await factors.rename_passkey(caller, passkey.id, "\x00")
    eva = await town.customer("eva")
    _, hers = await enrolled(eva)
    with pytest.raises(FactorUnknown):
        await factors.rename_passkey(hers, passkey.id, "Mine")
    with pytest.raises(FactorUnknown):
        await factors.remove_passkey(hers, passkey.id)
    with pytest.raises(StepUpRequired):
        await factors.remove_passkey(replace(caller, proved_at=None), passkey.id)
    await factors.remove_passkey(caller, passkey.id)
    assert isinstance(await ana.first_step(), NewSession)


async def test_staff_keep_the_last_passkey(town: Town) -> None:
    person = await town.staff()
    _, caller = await enrolled(person)
    [passkey] = (await town.identity.factors.find(caller)).passkeys
    with pytest.raises(LastFactor):
        await town.identity.factors.remove_passkey(caller, passkey.id)


async def test_a_person_has_a_bounded_number_of_them(runtime: Runtime) -> None:
    town = open_town(runtime, Identity(runtime, CHEAP.model_copy(update={"passkeys_max": 2})))
    ana = await town.customer()
    _, caller = await enrolled(ana)
    options = await town.identity.factors.begin_passkey(caller)
    assert len(options["excludeCredentials"]) == 1
    await town.identity.factors.confirm_passkey(caller, "Key", Authenticator().create(options))
    with pytest.raises(PasskeysLimit):
        await town.identity.factors.begin_passkey(caller)


async def test_a_session_steps_up_with_a_passkey(ana: Person, town: Town) -> None:
    assert isinstance(town.runtime.clock, ManualClock)
    key, _ = await enrolled(ana)
    ticket, options = await asked(ana)
    opened = await ana.second_step(ticket, shown(key.get(options)))
    town.runtime.clock.advance(400)
    caller = await ana.again(opened.token)
    options = await town.identity.factors.ask_passkey(caller)
    await ana.step_up(caller, shown(key.get(options)))
    assert (await ana.again(opened.token)).proved_at == town.runtime.now()
