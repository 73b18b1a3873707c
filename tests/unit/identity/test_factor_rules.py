"""Codes of the moment against the RFCs' vectors, phones, codes on paper, waits, and who must step up."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cambista.identity import PhoneInvalid, SecondFactorRequired, require_enrolled, require_step_up
from cambista.identity.rules import factors as rules
from cambista.kernel.callers import Caller, Credential, Role, StepUpRequired

NOW = datetime(2026, 9, 29, 15, 0, tzinfo=UTC)
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
STEP = timedelta(seconds=30)
WITHIN = timedelta(seconds=300)


# ---------------------------------------------------------------------------------------------------- authenticators
def test_codes_are_those_of_rfc_4226(shared_data: Path) -> None:
    vectors = json.loads((shared_data / "vectors" / "otp_rfc4226_rfc6238.json").read_text())["hotp"]
    assert len(vectors) == 10
    assert [rules.totp_code(SECRET, each["counter"]) for each in vectors] == [each["hotp"] for each in vectors]


def test_steps_and_codes_are_those_of_rfc_6238(shared_data: Path) -> None:
    """The RFC's vectors have eight digits; ours are their last six, as the truncation is modulo a power of ten."""
    vectors = json.loads((shared_data / "vectors" / "otp_rfc4226_rfc6238.json").read_text())["totp"]
    ours = [each for each in vectors if each["algorithm"] == "SHA1"]
    assert len(ours) >= 6
    for each in ours:
        moment = datetime.fromtimestamp(each["time"], UTC)
        assert rules.time_step(moment) == each["time"] // each["step"]
        assert rules.totp_code(SECRET, rules.time_step(moment)) == each["totp"][-6:]
        assert rules.shown_step(SECRET, each["totp"][-6:], moment) == rules.time_step(moment)


@pytest.mark.parametrize("steps", (-1, 0, 1))
def test_a_clock_may_be_one_step_off(steps: int) -> None:
    step = rules.time_step(NOW) + steps
    assert rules.shown_step(SECRET, rules.totp_code(SECRET, step), NOW) == step


@pytest.mark.parametrize("steps", (-20, -3, -2, 2, 3, 20))
def test_but_not_two(steps: int) -> None:
    code = rules.totp_code(SECRET, rules.time_step(NOW) + steps)
    assert rules.shown_step(SECRET, code, NOW) is None


@given(st.text(max_size=12))
def test_whatever_is_typed_is_a_code_of_now_or_nothing(typed: str) -> None:
    step = rules.shown_step(SECRET, typed, NOW)
    assert step is None or rules.totp_code(SECRET, step) == typed.replace(" ", "")


@pytest.mark.parametrize("typed", ("", "12345", "1234567", "१२३४५६", "12345a", "-12345", "+12345", "12345\n"))
def test_six_ascii_digits_and_nothing_else_are_a_code(typed: str) -> None:
    assert rules.read_code(typed) == ""
    assert rules.shown_step(SECRET, typed, NOW) is None


def test_spaces_that_people_type_do_not_matter() -> None:
    code = rules.totp_code(SECRET, rules.time_step(NOW))
    assert rules.shown_step(SECRET, f"{code[:3]} {code[3:]}", NOW) == rules.time_step(NOW)


def test_an_authenticator_is_told_secret_house_and_account() -> None:
    uri = rules.totp_uri(SECRET, label="ana@example.com", issuer="Casa de Cambio")
    assert uri.startswith("otpauth://totp/Casa%20de%20Cambio:ana%40example.com?")
    assert f"secret={SECRET}" in uri
    assert "issuer=Casa%20de%20Cambio" in uri


def test_a_secret_has_the_160_bits_of_rfc_4226() -> None:
    assert rules.totp_secret(b"12345678901234567890") == SECRET


# ---------------------------------------------------------------------------------------------------- phones
@pytest.mark.parametrize(
    ("typed", "read"),
    (("+57 300 123 4567", "+573001234567"), ("+58 412-1234567", "+584121234567"), ("+1 201 555 0123", "+12015550123")),
)
def test_a_mobile_number_is_read_as_e164(typed: str, read: str) -> None:
    assert rules.read_phone(typed) == read


@pytest.mark.parametrize(
    "typed",
    (
        "", "3001234567", "+57", "+573001", "+57601" + "1234567", "+44 909 879 0123", "+1 900 555 0123", "tel:+57",
        "+573001234567;ext=9", "+999123456789", "+57300123456789012345678901234567890", None, 5,
    ),
)  # fmt: skip
def test_landlines_premium_numbers_and_nonsense_are_refused(typed: object) -> None:
    with pytest.raises(PhoneInvalid):
        assert rules.read_phone(typed) == "+573001234567"


def test_of_a_phone_the_last_digits_are_shown() -> None:
    assert rules.masked_phone("+573001234567") == "…567"


# ---------------------------------------------------------------------------------------------------- recovery codes
@given(st.binary(min_size=10, max_size=10))
def test_a_recovery_code_is_the_same_however_it_is_typed(entropy: bytes) -> None:
    code = rules.recovery_code(entropy)
    assert len(code) == 19
    hashed = rules.recovery_hash(code)
    assert hashed == rules.recovery_hash(code.upper()) == rules.recovery_hash(f" {code.replace('-', '')} ")


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_two_recovery_codes_have_two_hashes(one: bytes, other: bytes) -> None:
    assume(one != other)
    assert rules.recovery_hash(rules.recovery_code(one)) != rules.recovery_hash(rules.recovery_code(other))


# ---------------------------------------------------------------------------------------------------- waits
def _after(count: int, guard: rules.Guard = rules.ACCOUNT_GUARD) -> rules.Failures:
    found = rules.Failures(0, NOW, NOW)
    for _ in range(count):
        found = rules.after_failure(found, guard, NOW)
    return found


def test_four_wrong_codes_are_free_then_the_wait_doubles_up_to_an_hour() -> None:
    waits = [rules.wait_s([_after(count)], NOW) for count in (0, 4, 5, 6, 7, 11, 12, 40, 10_000)]
    assert waits == [0, 0, 30, 60, 120, 1920, 3600, 3600, 3600]


def test_an_address_of_many_people_waits_later_and_shorter() -> None:
    assert rules.wait_s([_after(49, rules.ADDRESS_GUARD)], NOW) == 0
    assert rules.wait_s([_after(1000, rules.ADDRESS_GUARD)], NOW) == 900


def test_a_quiet_day_is_a_new_beginning() -> None:
    old = _after(20)
    assert rules.after_failure(old, rules.ACCOUNT_GUARD, NOW + timedelta(hours=25)).failures == 1
    assert rules.after_failure(old, rules.ACCOUNT_GUARD, NOW + timedelta(hours=23)).failures == 21


def test_the_longest_wait_counts_and_a_part_of_a_second_is_a_whole_one() -> None:
    waiting = rules.Failures(5, NOW, NOW + timedelta(seconds=10, microseconds=1))
    assert rules.wait_s([_after(0), waiting], NOW) == 11
    assert rules.wait_s([], NOW) == 0


@pytest.mark.parametrize(
    ("address", "counter"),
    (
        ("192.0.2.7", "address:192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::"),
        ("2001:db8:1:2::9", "address:2001:db8:1:2::"),
        ("", "address:unknown"),
        ("testclient", "address:unknown"),
    ),
)
def test_an_address_counts_as_what_one_customer_owns(address: str, counter: str) -> None:
    assert rules.address_counter(address) == counter


# ---------------------------------------------------------------------------------------------------- step-up
def _caller(credential: Credential, proved: timedelta | None, role: Role = Role.ADMIN) -> Caller:
    proved_at = None if proved is None else NOW - proved
    return Caller(UUID(int=1), role, credential=credential, proved_at=proved_at)


@pytest.mark.parametrize(
    ("credential", "proved", "signed", "let_in"),
    (
        (Credential.SESSION, None, False, False),
        (Credential.SESSION, timedelta(0), False, True),
        (Credential.SESSION, WITHIN, False, True),
        (Credential.SESSION, WITHIN + timedelta(microseconds=1), False, False),
        (Credential.SESSION, -timedelta(seconds=1), False, False),
        (Credential.KEY, None, False, True),
        (Credential.KEY, None, True, False),
        (Credential.KEY, timedelta(0), True, True),
        (Credential.TOKEN, timedelta(0), False, False),
        (Credential.TOKEN, timedelta(0), True, False),
        (Credential.HOUSE, None, True, True),
    ),
)
def test_who_has_stepped_up(credential: Credential, proved: timedelta | None, signed: bool, let_in: bool) -> None:
    caller = _caller(credential, proved)
    if let_in:
        require_step_up(caller, NOW, WITHIN, signed=signed)
        return
    with pytest.raises(StepUpRequired):
        require_step_up(caller, NOW, WITHIN, signed=signed)


@pytest.mark.parametrize("role", tuple(Role))
def test_staff_in_a_session_that_showed_no_second_factor_may_only_set_one_up(role: Role) -> None:
    unproved = _caller(Credential.SESSION, None, role)
    require_enrolled(unproved, enrolling=True)
    require_enrolled(_caller(Credential.SESSION, timedelta(days=1), role), enrolling=False)
    require_enrolled(_caller(Credential.KEY, None, role), enrolling=False)
    if role in {Role.CUSTOMER, Role.PARTNER}:
        require_enrolled(unproved, enrolling=False)
        return
    with pytest.raises(SecondFactorRequired):
        require_enrolled(unproved, enrolling=False)
