"""What a name, an address, a country and a key are, and who may make what."""

import unicodedata
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.identity import (
    SCOPES_OF,
    ApiKey,
    Customer,
    CustomerRequest,
    KeyRequest,
    Principal,
    Scope,
    Status,
    StatusChange,
    TextInvalid,
    read_text,
)
from cambista.identity.rules import keys as key_rules
from cambista.identity.rules import principals as rules
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import ApiKeyId

NOW = datetime(2026, 9, 29, 15, 0, tzinfo=UTC)
ADMIN = Caller(UUID(int=1), Role.ADMIN)
OPERATOR = Caller(UUID(int=2), Role.OPERATOR)
ANA = Caller(UUID(int=3), Role.CUSTOMER)


def code(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


def register(email: object = "ana@example.co", name: object = "Ana Pérez", country: object = "CO") -> object:
    request = CustomerRequest(OPERATOR, email, name, country)  # type: ignore[arg-type]
    return rules.customer(request, UUID(int=9), NOW)


def principal(caller: Caller, status: Status = Status.ACTIVE) -> Principal:
    return Principal(caller.id, caller.role, "" if caller.role is Role.CUSTOMER else "Somebody", status, NOW)


def make_key(
    caller: Caller,
    owner: Caller,
    *scopes: str,
    expires_at: datetime | None = None,
    owned: int = 0,
    status: Status = Status.ACTIVE,
) -> ApiKey | Refusal:
    request = KeyRequest(caller, owner.id, "Desk", scopes, expires_at)
    draft = key_rules.KeyDraft(request, ApiKeyId(UUID(int=7)), "abcdefgh", b"\0" * 32)
    owners = {owner.id: key_rules.Owner(principal(owner, status), owned)}
    [answer] = key_rules.keys([draft], owners, NOW, keys_max=2)
    return answer


def test_an_address_is_kept_in_lower_case() -> None:
    found = register(" Ana.Perez+fx@Example.CO ")
    assert isinstance(found, Customer)
    assert found.email == "ana.perez+fx@example.co"


@pytest.mark.parametrize(
    "email",
    (
        "", "ana", "ana@", "@example.co", "ana@@example.co", "ana@example", "ana@-example.co", "ana@exa mple.co",
        "ana..p@example.co", ".ana@example.co", "ana@example.co\n", "ana\x00@example.co", "ana@ejemplo.ñ", "a@b.12",
        "a" * 65 + "@example.co", "ana@" + "a" * 250 + ".co", 7, None, "ana@example.co,luis@example.co",
        "\u0430na@example.co",
    ),
)  # fmt: skip
def test_what_is_no_address_is_refused(email: object) -> None:
    assert code(register(email)) == "email_invalid"


@pytest.mark.parametrize("country", ("", "co", "COL", "ZZ", "XX", 57, None, "C\n"))
def test_a_country_is_an_assigned_code(country: object) -> None:
    assert code(register(country=country)) == "country_invalid"


@pytest.mark.parametrize(
    "name",
    (
        "", "   ", "\t", "123", "Ana\x00", "Ana\nPérez", "Ana\u202ePérez", "Ana\ud800", "\u200b", "a" * 201,
        "a" * 9000, 7, None,
    ),
)  # fmt: skip
def test_a_name_that_cannot_be_shown_is_refused(name: object) -> None:
    assert code(register(name=name)) == "text_invalid"


def test_two_ways_to_write_an_accent_give_one_name() -> None:
    found = register(name="Ana  Pe\u0301rez ")
    assert isinstance(found, Customer)
    assert found.full_name == "Ana Pérez"


@given(st.text(max_size=300))
def test_a_read_text_is_bounded_normal_and_printable_and_reads_as_itself(text: str) -> None:
    try:
        found = read_text(text, field="f", length_max=50)
    except TextInvalid:
        return
    assert 1 <= len(found) <= 50
    assert unicodedata.normalize("NFC", found) == found
    assert not any(unicodedata.category(sign).startswith("C") for sign in found)
    assert read_text(found, field="f", length_max=50) == found
    found.encode()


@pytest.mark.parametrize("role", tuple(role for role in Role if role not in (Role.OPERATOR, Role.ADMIN)))
def test_only_operators_and_admins_register_customers(role: Role) -> None:
    request = CustomerRequest(Caller(UUID(int=5), role), "ana@example.co", "Ana", "CO")
    assert code(rules.customer(request, UUID(int=9), NOW)) == "role_denied"


@given(prefix=st.binary(min_size=5, max_size=5), secret=st.binary(min_size=32, max_size=32))
def test_a_key_shows_its_prefix_and_nothing_else_of_it_is_kept(prefix: bytes, secret: bytes) -> None:
    key = key_rules.key_text(prefix=prefix, secret=secret)
    draft = key_rules.key_draft(KeyRequest(ADMIN, ADMIN.id, "Desk"), ApiKeyId(UUID(int=7)), key)
    assert key.startswith(f"cmb_{draft.prefix}_")
    assert len(key.removeprefix(f"cmb_{draft.prefix}_")) == 43
    assert draft.hash == key_rules.key_hash(key)
    assert key not in repr(draft)


@pytest.mark.parametrize("key", ("", "cmb_", "cmb_abcdefgh_short", "x" * 10_000, "cmb_ABCDEFGH_" + "a" * 43, "ñ" * 56))
def test_what_does_not_look_like_a_key_has_no_prefix(key: str) -> None:
    assert key_rules.key_prefix(key) is None


def test_every_role_has_scopes_and_every_scope_a_role() -> None:
    assert set(SCOPES_OF) == set(Role)
    assert all(SCOPES_OF.values())
    assert frozenset().union(*SCOPES_OF.values()) == frozenset(Scope)
    assert not [scope for scope in SCOPES_OF[Role.AUDITOR] if not scope.endswith(":read")]


def test_an_admin_makes_a_key_for_anybody_and_a_customer_for_itself() -> None:
    assert isinstance(make_key(ADMIN, ANA, "quotes:write"), ApiKey)
    assert isinstance(make_key(ANA, ANA), ApiKey)
    assert code(make_key(ANA, ADMIN)) == "principal_not_found"
    assert code(make_key(OPERATOR, OPERATOR)) == "role_denied"
    assert code(make_key(OPERATOR, ANA)) == "role_denied"


def test_a_key_carries_only_known_scopes_of_its_owners_role() -> None:
    assert code(make_key(ADMIN, ANA, "everything")) == "scope_unknown"
    assert code(make_key(ADMIN, ANA, *(["quotes:read"] * 65))) == "scope_unknown"
    assert code(make_key(ADMIN, ANA, "customers:write")) == "scope_not_of_role"
    made = make_key(ADMIN, ANA, "trades:read", "quotes:read", "trades:read")
    assert isinstance(made, ApiKey)
    assert made.scopes == ("quotes:read", "trades:read")


def test_a_narrowed_key_cannot_make_itself_a_wider_one() -> None:
    narrowed = Caller(ANA.id, Role.CUSTOMER, UUID(int=8), frozenset({"keys:write", "quotes:read"}))
    assert code(make_key(narrowed, ANA)) == "scope_beyond_caller"
    assert code(make_key(narrowed, ANA, "trades:write")) == "scope_beyond_caller"
    assert isinstance(make_key(narrowed, ANA, "quotes:read"), ApiKey)
    without = Caller(ANA.id, Role.CUSTOMER, UUID(int=8), frozenset({"quotes:read"}))
    assert code(make_key(without, ANA, "quotes:read")) == "scope_missing"


@pytest.mark.parametrize("after", (timedelta(0), timedelta(seconds=-1), timedelta(days=4000)))
def test_a_key_expires_in_the_future_and_not_too_far_in_it(after: timedelta) -> None:
    assert code(make_key(ADMIN, ANA, expires_at=NOW + after)) == "expiry_invalid"
    assert isinstance(make_key(ADMIN, ANA, expires_at=NOW + timedelta(seconds=1)), ApiKey)


def test_an_owner_has_only_so_many_keys_and_a_blocked_one_gets_none() -> None:
    assert isinstance(make_key(ADMIN, ANA, owned=1), ApiKey)
    assert code(make_key(ADMIN, ANA, owned=2)) == "keys_limit"
    assert code(make_key(ADMIN, ANA, status=Status.BLOCKED)) == "owner_blocked"


def test_keys_made_in_one_batch_count_against_the_limit() -> None:
    drafts = [
        key_rules.KeyDraft(KeyRequest(ADMIN, ANA.id, "Desk"), ApiKeyId(UUID(int=n)), "abcdefgh", bytes(32))
        for n in range(3)
    ]
    answers = key_rules.keys(drafts, {ANA.id: key_rules.Owner(principal(ANA), 0)}, NOW, keys_max=2)
    assert [isinstance(answer, ApiKey) for answer in answers] == [True, True, False]


@pytest.mark.parametrize(
    ("caller", "target", "expected"),
    (
        (Role.ADMIN, Role.OPERATOR, None),
        (Role.ADMIN, Role.CUSTOMER, None),
        (Role.COMPLIANCE, Role.CUSTOMER, None),
        (Role.COMPLIANCE, Role.PARTNER, None),
        (Role.COMPLIANCE, Role.ADMIN, "role_denied"),
        (Role.OPERATOR, Role.CUSTOMER, "role_denied"),
        (Role.CUSTOMER, Role.CUSTOMER, "role_denied"),
    ),
)
def test_compliance_blocks_customers_and_an_admin_anybody(caller: Role, target: Role, expected: str | None) -> None:
    request = StatusChange(Caller(UUID(int=1), caller), UUID(int=2), Status.BLOCKED, "case 12")
    answer = rules.status_change(request, principal(Caller(UUID(int=2), target)))
    assert (answer.code if isinstance(answer, Refusal) else None) == expected


def test_nobody_blocks_himself() -> None:
    request = StatusChange(ADMIN, ADMIN.id, Status.BLOCKED, "tired")
    assert code(rules.status_change(request, principal(ADMIN))) == "self_block"
