"""Registering on a real database: nobody learns who is known, and one mailbox becomes one customer."""

import asyncio
from dataclasses import replace

import pytest

from cambista.identity import (
    Confirmation,
    CountryInvalid,
    CustomerRequest,
    EmailInvalid,
    Identity,
    LanguageInvalid,
    LetterInvalid,
    NewSession,
    PasswordForgotten,
    PasswordUnfit,
    Registration,
    TextInvalid,
    TooManyAttempts,
)
from cambista.kernel.errors import Refusal
from cambista.runtime import Runtime
from tests.integration.identity.persons import ADMIN, CHEAP, PASSWORD, VISITOR, Town, from_address, open_town

ANA = Registration(VISITOR, "ana@example.com", PASSWORD, "Ana Prueba", "CO")
# Texts somebody might send hoping that they are run, not stored.
HOSTILE = ("'; DROP TABLE identity.login; --", "a\"b'c\\d", "${jndi:ldap://x}", "%s%n{0}{{7*7}}", "<script>x</script>")


@pytest.fixture
def town(runtime: Runtime) -> Town:
    return open_town(runtime, Identity(runtime, CHEAP))


async def everything(town: Town, table: str) -> list[str]:
    """All that a table holds, as text."""
    async with town.runtime.db.read() as reader:
        return [str(tuple(row.values())) for row in await reader.all(f"SELECT * FROM {table}")]


async def journal(town: Town) -> list[tuple[str, str, str]]:
    """What was done to whom with which outcome, oldest first."""
    async with town.runtime.db.read() as reader:
        rows = await reader.all("SELECT name, subject, outcome FROM runtime.journal ORDER BY xid, position")
    return [(row["name"], row["subject"], row["outcome"]) for row in rows]


async def test_whoever_answers_the_letter_is_a_customer_who_can_log_in(town: Town) -> None:
    await town.identity.people.register(ANA)
    assert await everything(town, "identity.customer") == []
    await town.deliver()
    trust = await town.identity.people.confirm(Confirmation(VISITOR, town.token_for("ana@example.com")))
    customer = await town.identity.find_customer(ADMIN, trust.principal_id)
    assert (customer.email, customer.full_name, customer.country) == ("ana@example.com", "Ana Prueba", "CO")
    person = await town.customer("eva")
    assert isinstance(await person.first_step(), NewSession)
    assert ("person.confirm", f"customer:{trust.principal_id}", "done") in await journal(town)


async def test_a_letter_is_answered_once_and_in_time(town: Town, runtime: Runtime) -> None:
    await town.identity.people.register(ANA)
    await town.deliver()
    token = town.token_for("ana@example.com")
    answers = await asyncio.gather(
        *(town.identity.people.confirm(Confirmation(VISITOR, token)) for _ in range(3)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in answers) == ["DeviceTrust", "LetterInvalid", "LetterInvalid"]
    await town.identity.people.register(replace(ANA, email="eva@example.com"))
    await town.deliver()
    runtime.clock.advance(CHEAP.registration_ttl_s)  # type: ignore[attr-defined]
    for bad in (town.token_for("eva@example.com"), token, "", "cml_" + "A" * 43, token[:-1], "x" * 5000, *HOSTILE):
        with pytest.raises(LetterInvalid):
            await town.identity.people.confirm(Confirmation(VISITOR, bad))


async def test_one_address_registered_by_two_at_once_becomes_whoever_answers_first(town: Town) -> None:
    rival = replace(ANA, full_name="Otra Persona", visitor=from_address(VISITOR, "203.0.113.99"))
    await asyncio.gather(town.identity.people.register(ANA), town.identity.people.register(rival))
    await asyncio.gather(town.deliver(), town.deliver())
    tokens = [each.text.split("#token=")[1].split()[0] for each in town.mail.letters]
    assert len(set(tokens)) == 2
    answers = await asyncio.gather(
        *(town.identity.people.confirm(Confirmation(VISITOR, each)) for each in tokens), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in answers) == ["DeviceTrust", "LetterInvalid"]
    assert len(await everything(town, "identity.customer")) == 1
    assert await everything(town, "identity.registration") == []


async def test_a_known_address_gets_a_letter_that_somebody_tried_and_nothing_else_happens(town: Town) -> None:
    ana = await town.customer()
    before = len(town.mail.letters)
    await town.identity.people.register(replace(ANA, email="Ana@Example.com ", full_name="Mallory"))
    await town.deliver()
    [letter] = town.mail.letters[before:]
    assert letter.to == ana.email
    assert "#token=" not in letter.text
    assert "Mallory" not in letter.text
    assert len(await everything(town, "identity.customer")) == 1
    assert await everything(town, "identity.registration") == []


async def test_a_customer_of_the_desk_is_known_too(town: Town) -> None:
    await town.identity.create_customers([CustomerRequest(ADMIN, "ana@example.com", "Ana Prueba", "CO")])
    await town.identity.people.register(ANA)
    await town.deliver()
    [letter] = town.mail.letters
    assert (letter.to, "#token=" in letter.text) == ("ana@example.com", False)


async def test_a_mailbox_is_not_flooded_through_the_house(town: Town) -> None:
    await town.customer()
    before = len(town.mail.letters)
    for number in range(12):
        visitor = from_address(VISITOR, f"203.0.113.{number}")
        await town.identity.people.register(replace(ANA, visitor=visitor))
        await town.identity.people.forget_password(PasswordForgotten(visitor, ANA.email))
        await town.identity.people.register(replace(ANA, visitor=visitor, email="eva@example.com"))
        await town.deliver()
    got = [each.to for each in town.mail.letters[before:]]
    assert got.count("ana@example.com") == 3 + 5
    assert got.count("eva@example.com") == 10


async def test_wishes_that_come_in_the_same_moment_are_one_letter(town: Town) -> None:
    await town.customer()
    before = len(town.mail.letters)
    for _ in range(3):
        await town.identity.people.forget_password(PasswordForgotten(VISITOR, ANA.email))
        await town.identity.people.register(ANA)
    await town.deliver()
    assert len(town.mail.letters) == before + 2


async def test_one_address_sends_so_many_letters_and_then_waits_whoever_they_are_for(town: Town) -> None:
    await town.customer()
    waits = []
    for number in range(14):
        email = "ana@example.com" if number % 2 else f"nobody{number}@example.com"
        try:
            await town.identity.people.forget_password(PasswordForgotten(VISITOR, email))
            waits.append(0)
        except TooManyAttempts as refusal:
            waits.append(int(str(refusal.facts["retry_after_s"])))
    assert waits == [0] * 10 + [5] * 4


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"email": "no address"}, EmailInvalid),
        ({"email": "a@b.co" * 100}, EmailInvalid),
        ({"full_name": "1234"}, TextInvalid),
        ({"full_name": "x" * 5000}, TextInvalid),
        ({"country": "XX"}, CountryInvalid),
        ({"language": "fr"}, LanguageInvalid),
        ({"password": "short"}, PasswordUnfit),
        ({"password": "y" * 3000}, PasswordUnfit),
        ({"password": "Ana Prueba 12"}, PasswordUnfit),
    ],
)
async def test_what_makes_no_sense_is_refused_alike_for_known_and_unknown(
    town: Town, change: dict[str, str], refusal: type[Refusal]
) -> None:
    await town.customer()
    seen = []
    for email in ("ana@example.com", "nobody@example.com"):
        with pytest.raises(refusal) as caught:
            await town.identity.people.register(replace(ANA, **{"email": email, **change}))  # type: ignore[arg-type]
        seen.append((caught.value.detail, caught.value.facts))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_are_texts(town: Town, text: str) -> None:
    """A name may be anything that can be shown; it comes back as it was and does nothing on the way."""
    await town.identity.people.register(replace(ANA, full_name=text, password=text + " and then some words"))
    await town.deliver()
    trust = await town.identity.people.confirm(Confirmation(VISITOR, town.token_for("ana@example.com")))
    assert (await town.identity.find_customer(ADMIN, trust.principal_id)).full_name == " ".join(text.split())


async def test_what_nobody_confirms_is_forgotten_with_its_key(town: Town, runtime: Runtime) -> None:
    await town.identity.people.register(ANA)
    await town.deliver()
    runtime.clock.advance(CHEAP.registration_ttl_s + 1)  # type: ignore[attr-defined]
    await town.identity.people.sweep()
    assert await everything(town, "identity.registration") == []
    await town.identity.people.register(ANA)
    await town.deliver()
    await town.identity.people.confirm(Confirmation(VISITOR, town.token_for("ana@example.com")))


async def test_neither_tables_nor_journal_hold_an_address_a_name_a_password_or_a_token(town: Town) -> None:
    ana = await town.customer()
    opened = await ana.first_step()
    assert isinstance(opened, NewSession)
    await town.identity.people.register(replace(ANA, email="eva@example.com", full_name="Eva Segunda"))
    await town.identity.people.forget_password(PasswordForgotten(VISITOR, ANA.email))
    await town.deliver()
    tables = (
        "identity.login", "identity.registration", "identity.reset_request", "identity.letter_token",
        "identity.device", "identity.session", "identity.login_failure", "identity.customer", "identity.notice",
        "runtime.journal", "runtime.outbox",
    )  # fmt: skip
    secrets = ("example.com", "Prueba", "Segunda", PASSWORD, opened.token, opened.device or "cmd_", "#token")
    for table in tables:
        held = "".join(await everything(town, table))
        assert [secret for secret in secrets if secret in held] == [], table
