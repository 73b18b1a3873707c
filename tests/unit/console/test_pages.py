"""The pages beside the desk and at the door: bounded, well formed, and deaf to what is typed into them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.audit import AuditKey, Certificate, Checkpoint, Entry, EntryProof, ListedEntry, SinkState, TreeHead
from cambista.audit.rules.chain import entry_hash
from cambista.audit.rules.checkpoints import write_checkpoint
from cambista.audit.rules.merkle import node_hash
from cambista.console.office_texts import Words, words_in
from cambista.console.pages import frame, house, me, people, record
from cambista.console.proofs import check_entry, is_signed
from cambista.console.security import Guards, Keeping, Limits, Policy, Tier, Ways
from cambista.console.sign_in import Door, enrol_page, second_factor_page, sign_in_page
from cambista.console.texts import Language
from cambista.identity import (
    ApiKey,
    Customer,
    Factors,
    NewApiKey,
    Page,
    Passkey,
    Person,
    Principal,
    Session,
    Status,
    TotpEnrolment,
)
from cambista.kernel.callers import Role
from cambista.kernel.ids import ApiKeyId, CustomerId
from tests.unit.console.samples import NOW
from tests.unit.console.test_panels import Page as Read

KEY = AuditKey.from_seed(b"\x05" * 32)
ID = UUID(int=7)
EVIL = '"><script>alert(1)</script><b onclick=x>'
EN = words_in(Language.EN)


def entry(text: str = "trade.execute") -> Entry:
    return Entry(
        action=text, actor=str(ID), address=text, after=None, agent=text, before=None, branch="main", client=None,
        credential="key", facts=text, form="cambista.entry.v1", id=str(ID), key=None, outcome=text, role=text,
        subject=text, time="2026-11-24T17:30:00.000000Z", trace=text,
    )  # fmt: skip


def proof(text: str = "trade.execute") -> EntryProof:
    """Of the second of two entries."""
    shown = entry(text)
    hash, neighbour = entry_hash(shown), b"\x01" * 32
    head = TreeHead("cambista/main", 1, 2, node_hash(neighbour, hash), NOW, b"\x02" * 32, "0" * 64)
    return EntryProof(2, shown, hash, write_checkpoint(head, KEY.public_key, KEY.sign), [neighbour])


def key(text: str) -> ApiKey:
    return ApiKey(ApiKeyId(ID), ID, text, "k3jx9q2a", (text,), NOW, None, None, None)


def session(text: str) -> Session:
    return Session(ID, ID, text, text, NOW, NOW, NOW, NOW, None)


def factors(text: str) -> Factors:
    return Factors(NOW, text, NOW, [Passkey(ID, text, NOW, None)], 9)


def guards(text: str) -> Guards:
    return Guards(
        Limits([Tier(text, 1, 2, [text])], 1, 2, 3),
        Ways(text, NOW, 1, [text], [text], [text]),
        Keeping(text, [text], text),
        Policy(12, 0, 5, text, True, True, 300, 900, 43_200),
    )


def dossier(text: str) -> people.Dossier:
    who = Customer(CustomerId(ID), text, text, text, Status.ACTIVE, NOW)
    return people.Dossier(who, Page([key(text)], text), [session(text)], factors(text))


def certificate() -> Certificate:
    return Certificate(ID, date(2026, 11, 24), NOW, b"{}", b"", b"")


def statement(text: str) -> dict[str, object]:
    asset = {"asset": text, "liabilities": text, "suspense": text, "reserve": text, "surplus": text, "solvent": True}
    return {"assets": [asset]}


DEEDS = people.Deeds(block=True, invite=True, keys=True)
SINK = SinkState("file", 1, 0, 0, "")
CHECK = proof().checkpoint
BODIES: dict[str, Callable[[str, Words], str]] = {
    "dossier": lambda text, words: people.dossier(dossier(text), DEEDS, words, root=""),
    "staff": lambda text, words: people.dossier(
        people.Dossier(Principal(ID, Role.ADMIN, text, Status.BLOCKED, NOW), None, None, None), DEEDS, words, root=""
    ),
    "customers": lambda text, words: people.customers(
        Page([Customer(CustomerId(ID), text, text, text, Status.ACTIVE, NOW)], text), words, root=""
    ),
    "principals": lambda text, words: people.principals(
        Page([Principal(ID, Role.ADMIN, text, Status.ACTIVE, NOW)], text), words, root=""
    ),
    "new key": lambda text, words: people.new_key(NewApiKey(key(text), text, text), words, root=""),
    "me": lambda text, words: me.account(
        Person(ID, Role.ADMIN, text, text, "es", NOW, None), [(session(text), True), (session(text), False)],
        factors(text), words, root="",
    ),
    "codes": lambda text, words: me.recovery_codes([text], words, onward=text),
    "passkey": lambda text, words: me.kept_fields({text: text}),
    "entries": lambda text, words: record.entries(
        [ListedEntry(1, (1, 1), entry(text)), ListedEntry(None, (1, 2), entry(text))], {"actor": text}, words,
        root="", before=text,
    ),
    "proof": lambda text, words: record.proof(proof(text), check_entry(proof(text), KEY.public_key), words, root=""),
    "checkpoints": lambda text, words: record.checkpoints(
        [(CHECK, True)], [replace(SINK, sink=text, error=text)], words, root="", before=text
    ),
    "guards": lambda text, words: house.guards(guards(text), [SINK], words),
    "solvency": lambda text, words: house.solvency(certificate(), statement(text), words, good=True),
    "menu": lambda text, words: frame.menu(["/people", "/me"], words, root="", here="/me"),
}  # fmt: skip


@pytest.mark.parametrize("language", tuple(Language))
@pytest.mark.parametrize("name", BODIES)
def test_a_page_is_well_formed_and_takes_nothing_that_is_typed_for_markup(name: str, language: Language) -> None:
    markup = BODIES[name](EVIL, words_in(language))
    assert "<script>alert" not in markup
    assert "<b onclick" not in markup
    assert not any(attributes.get("onclick") for _, attributes in Read(markup).elements)


@pytest.mark.parametrize("name", ("dossier", "entries", "customers", "checkpoints"))
@given(text=st.text(max_size=40))
def test_no_text_breaks_out_of_its_place(name: str, text: str) -> None:
    plain = [tag for tag, _ in Read(BODIES[name]("x", EN)).elements]
    assert [tag for tag, _ in Read(BODIES[name](text, EN)).elements] == plain


def test_long_texts_are_cut() -> None:
    for name in ("customers", "checkpoints", "entries", "dossier"):
        assert len(BODIES[name]("x" * 10_000, EN)) < 100_000


@pytest.mark.parametrize("language", tuple(Language))
def test_the_doors_pages_hold_no_inline_script_and_escape_what_they_are_given(language: Language) -> None:
    door = Door(language, "/console", "<i>Casa</i>", "<b>no</b>")
    made = TotpEnrolment("GEZD", "otpauth://x", "<svg></svg>", NOW)
    pages = (
        sign_in_page(door),
        sign_in_page(door, with_key=True),
        second_factor_page(door, ("totp", "recovery", "passkey", EVIL), '{"challenge": "</script>"}'),
        enrol_page(door),
        enrol_page(door, me.enrolment(made, words_in(language), action="/console/enrol")),
    )
    for markup in pages:
        assert "<b>no" not in markup
        assert "<i>Casa<" not in markup
        page = Read(markup.removeprefix("<!doctype html>"))
        scripts = [attributes.get("src") for tag, attributes in page.elements if tag == "script"]
        assert set(scripts) <= {"/console/assets/passkey.js"}
        assert {form["method"] for tag, form in page.elements if tag == "form"} == {"post"}
    with_key = Read(pages[1].removeprefix("<!doctype html>"))
    [field] = [attributes for _, attributes in with_key.elements if attributes.get("name") == "key"]
    assert (field["type"], field["autocomplete"]) == ("password", "off")


def test_a_good_proof_holds_in_every_step() -> None:
    steps = check_entry(proof(), KEY.public_key)
    assert [step.name for step in steps] == ["hash", "path", "text", "signature"]
    assert all(step.good for step in steps)
    assert EN.proof_good in record.proof(proof(), steps, EN, root="")


def _forged(found: Checkpoint) -> Checkpoint:
    other = AuditKey.from_seed(b"\x06" * 32)
    return write_checkpoint(found.head, other.public_key, other.sign)


@pytest.mark.parametrize(
    ("spoil", "failed"),
    (
        (lambda good: replace(good, entry=entry("trade.forged")), {"hash", "path"}),
        (lambda good: replace(good, number=1), {"path"}),
        (lambda good: replace(good, proof=[b"\x03" * 32]), {"path"}),
        (lambda good: replace(good, proof=[]), {"path"}),
        (lambda good: replace(good, proof=[b"short"]), {"path"}),
        (lambda good: replace(good, checkpoint=_forged(good.checkpoint)), {"signature"}),
        (lambda good: replace(good, checkpoint=replace(good.checkpoint, text="no note")), {"text", "signature"}),
        (
            lambda good: replace(
                good, checkpoint=replace(good.checkpoint, head=replace(good.checkpoint.head, root=b"\x09" * 32))
            ),
            {"path", "text"},
        ),
    ),
)
def test_a_spoiled_proof_says_which_step_fails(spoil: Callable[[EntryProof], EntryProof], failed: set[str]) -> None:
    spoiled = spoil(proof())
    steps = check_entry(spoiled, KEY.public_key)
    assert {step.name for step in steps if not step.good} == failed
    markup = record.proof(spoiled, steps, EN, root="")
    assert EN.proof_bad in markup
    assert EN.proof_good not in markup


def test_a_checkpoint_of_another_key_is_shown_as_false() -> None:
    assert is_signed(CHECK, KEY.public_key)
    assert not is_signed(_forged(CHECK), KEY.public_key)
    assert EN.signature_bad in record.checkpoints([(CHECK, False)], [], EN, root="", before=None)
