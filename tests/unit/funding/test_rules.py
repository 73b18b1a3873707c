"""Funding's decisions: one payment once, doubts to review, four eyes, limits."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.funding import (
    RAILS,
    Deposit,
    DepositDecision,
    DepositRequest,
    DepositStatus,
    Destination,
    FundingSettings,
    Payer,
    Withdrawal,
    WithdrawalDecision,
    WithdrawalRequest,
    WithdrawalStatus,
)
from cambista.funding.rules import deposits, withdrawals
from cambista.funding.rules.turns import turns
from cambista.funding.types import Use
from cambista.identity import AccountHolder, Status
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import DepositId, TransferId, WithdrawalId
from cambista.kernel.money import Amount, Asset
from cambista.kernel.registry import COP, USDT, VES
from cambista.ledger import HoldClosed, InsufficientFunds

NOW = datetime(2026, 9, 29, 15, 0, tzinfo=UTC)
ANA = AccountHolder(UUID(int=3), "Ana María Pérez", Status.ACTIVE)
OPERATOR, OTHER = Caller(UUID(int=20), Role.OPERATOR), Caller(UUID(int=21), Role.OPERATOR)
TREASURER, SECOND = (Caller(UUID(int=each), Role.TREASURER, proved_at=NOW) for each in (22, 23))
SELF = Caller(ANA.id, Role.CUSTOMER, proved_at=NOW)
TERMS = deposits.Terms(review_missing_payer=True, paid_within=timedelta(days=90))
FRAME = withdrawals.Frame(RAILS, FundingSettings().withdrawal_terms(), timedelta(days=7), timedelta(minutes=5))
IDS = (UUID(int=1), UUID(int=2))
HERSELF = Payer("PEREZ ANA MARIA", "CC 123")


def code(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


def asked(text: str = "100000", of: Asset = COP, **changes: Any) -> DepositRequest:
    request = DepositRequest(OPERATOR, ANA.id, Amount.of(text, of), "pse", "R-1", HERSELF)
    return replace(request, **changes)


def draft(request: DepositRequest, number: int = 1) -> deposits.Draft:
    made = deposits.draft(request, RAILS, TERMS, NOW, (UUID(int=number), UUID(int=number + 1000)))
    assert isinstance(made, deposits.Draft), made
    return made


def judged(*requests: DepositRequest, holder: AccountHolder = ANA, terms: deposits.Terms = TERMS) -> list[object]:
    drafts = [draft(request, number) for number, request in enumerate(requests, 1)]
    nothing = deposits.Recorded({}, frozenset())
    return list(deposits.judge(drafts, nothing, {holder.id: holder}, RAILS, terms))


def reason(answer: object) -> str | None:
    assert isinstance(answer, Deposit), answer
    return answer.review_reason


@pytest.mark.parametrize(
    ("changes", "expected"),
    (
        ({"rail": "swift"}, "rail_unknown"),
        ({"rail": None}, "rail_unknown"),
        ({"rail": "tron"}, "rail_asset_mismatch"),
        ({"reference": ""}, "text_invalid"),
        ({"reference": "R\x00"}, "text_invalid"),
        ({"reference": "R" * 129}, "text_invalid"),
        ({"bank": "b" * 65}, "text_invalid"),
        ({"payer": Payer("")}, "text_invalid"),
        ({"payer": Payer("Ana", "1" * 65)}, "text_invalid"),
        ({"paid_on": date(2026, 10, 2)}, "paid_on_invalid"),
        ({"paid_on": date(2026, 1, 1)}, "paid_on_invalid"),
        ({"caller": SELF}, "role_denied"),
        ({"caller": Caller(UUID(int=1), Role.AUDITOR)}, "role_denied"),
        ({"caller": Caller(UUID(int=1), Role.OPERATOR, None, frozenset({"deposits:read"}))}, "scope_missing"),
    ),
)
def test_a_deposit_that_cannot_be_read_is_refused(changes: dict[str, Any], expected: str) -> None:
    assert code(deposits.draft(replace(asked(), **changes), RAILS, TERMS, NOW, IDS)) == expected


def test_money_from_the_customer_herself_is_credited() -> None:
    assert [reason(answer) for answer in judged(asked())] == [None]


def test_money_from_somebody_else_waits_for_review() -> None:
    [answer] = judged(asked(payer=Payer("Luis Gómez")))
    assert isinstance(answer, Deposit)
    assert (answer.status, answer.review_reason) == (DepositStatus.REVIEW, "payer_mismatch")


def test_a_missing_payer_matters_only_where_the_rail_names_payers() -> None:
    assert [reason(answer) for answer in judged(asked(payer=None))] == ["payer_missing"]
    assert [reason(answer) for answer in judged(asked(payer=None, rail="cash"))] == [None]
    assert [reason(answer) for answer in judged(asked("5", USDT, payer=None, rail="tron"))] == [None]
    trusting = replace(TERMS, review_missing_payer=False)
    assert [reason(answer) for answer in judged(asked(payer=None), terms=trusting)] == [None]


def test_money_for_a_blocked_customer_waits_and_for_an_unknown_one_is_refused() -> None:
    assert [reason(a) for a in judged(asked(), holder=replace(ANA, status=Status.BLOCKED))] == ["customer_blocked"]
    assert [code(a) for a in judged(asked(customer_id=UUID(int=404)))] == ["customer_not_found"]


def test_the_same_payment_twice_in_a_batch_is_one_deposit() -> None:
    first, again = judged(asked(), asked(caller=OTHER, reference=" r-1 ", payer=Payer("Pérez, Ana María", "cc-123")))
    assert first is again


@pytest.mark.parametrize(
    ("changes", "field"),
    (
        ({"amount": Amount.of("100000.01", COP)}, "amount"),
        ({"customer_id": UUID(int=4)}, "customer_id"),
        ({"payer": None}, "payer"),
        ({"payer": Payer("Luis Gómez")}, "payer"),
        ({"payer": Payer("PEREZ ANA MARIA", "CC 124")}, "payer"),
        ({"paid_on": date(2026, 9, 28)}, "paid_on"),
        ({"bank": "0102"}, "bank"),
    ),
)
def test_the_same_reference_with_other_content_is_a_conflict_that_names_the_field(
    changes: dict[str, Any], field: str
) -> None:
    _, again = judged(asked(), replace(asked(), **changes))
    assert isinstance(again, Refusal)
    assert again.code == "deposit_conflict"
    assert again.facts["differing"] == [field]


def test_references_repeat_across_banks_and_days_where_the_rail_says_so() -> None:
    pago = asked("500", VES, rail="pago_movil", reference="001234", bank="0102", paid_on=date(2026, 9, 29))
    other_bank = replace(pago, bank="0134", amount=Amount.of("700", VES))
    assert [reason(answer) for answer in judged(pago, other_bank)] == [None, None]


def test_the_same_amount_under_a_reference_that_reads_alike_waits_for_review() -> None:
    pago = asked("500", VES, rail="pago_movil", reference="001234", bank="0102", paid_on=date(2026, 9, 29))
    assert [reason(a) for a in judged(pago, replace(pago, bank="0134"))] == [None, "possible_duplicate"]
    assert [reason(a) for a in judged(asked(reference="00-77"), asked(reference="77"))] == [None, "possible_duplicate"]


def test_two_different_references_of_one_amount_are_two_deposits() -> None:
    assert [reason(answer) for answer in judged(asked(reference="A1"), asked(reference="A2"))] == [None, None]


def under_review() -> Deposit:
    [answer] = judged(asked(payer=Payer("Luis Gómez")))
    assert isinstance(answer, Deposit)
    return answer


@pytest.mark.parametrize(
    ("caller", "expected"),
    (
        (TREASURER, None),
        (Caller(UUID(int=30), Role.COMPLIANCE), None),
        (Caller(UUID(int=31), Role.ADMIN), None),
        (OPERATOR, "role_denied"),
        (SELF, "role_denied"),
        (Caller(UUID(int=32), Role.AUDITOR), "role_denied"),
        (Caller(OPERATOR.id, Role.TREASURER), "four_eyes"),
        (Caller(ANA.id, Role.TREASURER), "four_eyes"),
        (Caller(UUID(int=33), Role.TREASURER, None, frozenset({"deposits:read"})), "scope_missing"),
    ),
)
def test_who_decides_a_doubtful_deposit(caller: Caller, expected: str | None) -> None:
    decision = DepositDecision(caller, DepositId(UUID(int=1)))
    for outcome in (DepositStatus.CREDITED, DepositStatus.REJECTED):
        answer = deposits.decision(decision, under_review(), outcome, NOW)
        assert (answer.code if isinstance(answer, Refusal) else None) == expected


def test_deciding_the_same_again_changes_nothing_and_otherwise_is_a_conflict() -> None:
    decision = DepositDecision(TREASURER, DepositId(UUID(int=1)))
    approved = deposits.decision(decision, under_review(), DepositStatus.CREDITED, NOW)
    assert isinstance(approved, Deposit)
    assert deposits.decision(decision, approved, DepositStatus.CREDITED, NOW + timedelta(days=1)) is approved
    assert code(deposits.decision(decision, approved, DepositStatus.REJECTED, NOW)) == "deposit_decided"
    [plain] = judged(asked())
    assert isinstance(plain, Deposit)
    assert code(deposits.decision(decision, plain, DepositStatus.CREDITED, NOW)) == "deposit_decided"
    assert code(deposits.decision(decision, None, DepositStatus.CREDITED, NOW)) == "deposit_not_found"


def wished(text: str = "100000", of: Asset = COP, **changes: Any) -> WithdrawalRequest:
    destination = Destination("pse", "Bancolombia 123456", "Ana Pérez")
    return replace(WithdrawalRequest(SELF, ANA.id, Amount.of(text, of), destination), **changes)


def drafted(request: WithdrawalRequest, holder: AccountHolder | None = ANA, number: int = 1) -> Withdrawal | Refusal:
    return withdrawals.draft(request, holder, FRAME, (UUID(int=number), UUID(int=number + 1000)), NOW)


def withdrawal(text: str = "100000", number: int = 1) -> Withdrawal:
    made = drafted(wished(text), number=number)
    assert isinstance(made, Withdrawal), made
    return made


@pytest.mark.parametrize(
    ("request_", "expected"),
    (
        (wished(destination=Destination("pse", "Bancolombia 123456", "Luis Gómez")), "holder_mismatch"),
        (wished(destination=Destination("pse", "Bancolombia 123456", "Ana")), "holder_mismatch"),
        (wished(destination=Destination("pse", "Bancolombia 123456", "")), "text_invalid"),
        (wished(destination=Destination("pse", "x\x00yz", "Ana Pérez")), "text_invalid"),
        (wished(destination=Destination("pse", "?", "Ana Pérez")), "destination_invalid"),
        (wished(destination=Destination("swift", "12345", "Ana Pérez")), "rail_unknown"),
        (wished(destination=Destination("pix", "12345", "Ana Pérez")), "rail_asset_mismatch"),
        (wished("9999.99"), "withdrawal_too_small"),
        (wished("200000000.01"), "withdrawal_too_large"),
        (wished(caller=Caller(UUID(int=66), Role.CUSTOMER)), "customer_not_found"),
        (wished(caller=TREASURER), "role_denied"),
        (wished(caller=Caller(UUID(int=6), Role.AUDITOR)), "role_denied"),
        (wished(caller=Caller(ANA.id, Role.CUSTOMER, None, frozenset({"quotes:read"}))), "scope_missing"),
    ),
)
def test_a_withdrawal_that_may_not_be_is_refused(request_: WithdrawalRequest, expected: str) -> None:
    assert code(drafted(request_)) == expected


def test_an_operator_may_ask_for_a_customer() -> None:
    assert isinstance(drafted(wished(caller=OPERATOR)), Withdrawal)
    assert code(drafted(wished(caller=OPERATOR), holder=None)) == "customer_not_found"
    assert code(drafted(wished(), holder=replace(ANA, status=Status.BLOCKED))) == "customer_blocked"


@pytest.mark.parametrize(("text", "needed"), (("40000000", 1), ("40000000.01", 2)))
def test_above_the_limit_two_people_approve(text: str, needed: int) -> None:
    assert withdrawal(text).approvals_needed == needed


@pytest.mark.parametrize("credential", (Credential.KEY, Credential.SESSION, Credential.TOKEN))
def test_a_large_withdrawal_takes_a_fresh_second_factor_or_a_signed_request(credential: Credential) -> None:
    def asked_by(proved_at: datetime | None, text: str = "40000000.01") -> object:
        return drafted(wished(text, caller=Caller(ANA.id, Role.CUSTOMER, credential=credential, proved_at=proved_at)))

    assert code(asked_by(None)) == code(asked_by(NOW - timedelta(seconds=301))) == "step_up_required"
    assert isinstance(asked_by(None, "40000000"), Withdrawal)
    fresh = asked_by(NOW - timedelta(seconds=300))
    if credential is Credential.TOKEN:
        assert code(fresh) == "step_up_required"
    else:
        assert isinstance(fresh, Withdrawal)


def test_letting_a_large_withdrawal_go_takes_one_too() -> None:
    unproved = Caller(UUID(int=24), Role.TREASURER)
    assert code(approved(unproved, withdrawal("40000000.01"))) == "step_up_required"
    assert isinstance(approved(unproved, withdrawal("40000000")), Withdrawal)


def approved(caller: Caller, before: Withdrawal | None, at: datetime = NOW) -> Withdrawal | Refusal:
    decision = WithdrawalDecision(caller, WithdrawalId(UUID(int=1)))
    return withdrawals.approval(decision, before, FRAME, TransferId(UUID(int=77)), at)


@pytest.mark.parametrize(
    ("caller", "expected"),
    (
        (TREASURER, None),
        (Caller(UUID(int=31), Role.ADMIN), None),
        (OPERATOR, "role_denied"),
        (SELF, "role_denied"),
        (Caller(UUID(int=30), Role.COMPLIANCE), "role_denied"),
        (Caller(UUID(int=30), Role.AUDITOR), "role_denied"),
        (Caller(ANA.id, Role.TREASURER), "four_eyes"),
        (Caller(UUID(int=33), Role.TREASURER, None, frozenset({"withdrawals:read"})), "scope_missing"),
    ),
)
def test_who_approves_a_withdrawal(caller: Caller, expected: str | None) -> None:
    answer = approved(caller, withdrawal())
    assert (answer.code if isinstance(answer, Refusal) else None) == expected


def test_who_asked_for_a_customer_does_not_approve_it() -> None:
    made = drafted(wished(caller=OPERATOR))
    assert isinstance(made, Withdrawal)
    assert code(approved(Caller(OPERATOR.id, Role.ADMIN), made)) == "four_eyes"


def test_a_large_withdrawal_leaves_with_the_second_persons_approval_only() -> None:
    once = approved(TREASURER, withdrawal("50000000"))
    assert isinstance(once, Withdrawal)
    assert (once.status, once.approvals) == (WithdrawalStatus.REQUESTED, (TREASURER.id,))
    assert approved(TREASURER, once) is once
    sent = approved(SECOND, once)
    assert isinstance(sent, Withdrawal)
    assert (sent.status, sent.approvals) == (WithdrawalStatus.SENT, (TREASURER.id, SECOND.id))
    assert approved(SECOND, sent) is sent
    assert code(approved(Caller(UUID(int=99), Role.TREASURER), sent)) == "withdrawal_decided"


def test_time_closes_a_withdrawal_whether_or_not_it_was_written_down() -> None:
    before = withdrawal()
    late = before.expires_at
    assert code(approved(TREASURER, before, late)) == "withdrawal_expired"
    rejection = WithdrawalDecision(TREASURER, before.id)
    assert code(withdrawals.rejection(rejection, before, late)) == "withdrawal_expired"
    expired = withdrawals.expiry(before, late)
    assert expired is not None
    assert expired.status is WithdrawalStatus.EXPIRED
    assert withdrawals.expiry(before, late - timedelta(microseconds=1)) is None
    assert withdrawals.expiry(expired, late) is None
    assert code(approved(TREASURER, expired)) == "withdrawal_expired"


def test_a_rejected_withdrawal_stays_rejected() -> None:
    decision = WithdrawalDecision(TREASURER, WithdrawalId(UUID(int=1)))
    rejected = withdrawals.rejection(decision, withdrawal(), NOW)
    assert isinstance(rejected, Withdrawal)
    assert withdrawals.rejection(decision, rejected, NOW) is rejected
    assert code(approved(TREASURER, rejected)) == "withdrawal_decided"
    sent = approved(TREASURER, withdrawal())
    assert isinstance(sent, Withdrawal)
    assert code(withdrawals.rejection(decision, sent, NOW)) == "withdrawal_decided"


def test_a_hold_that_is_gone_has_expired_and_other_refusals_pass() -> None:
    assert code(withdrawals.payout_refusal(withdrawal(), HoldClosed())) == "withdrawal_expired"
    assert code(withdrawals.payout_refusal(withdrawal(), InsufficientFunds())) == "insufficient_funds"


@given(
    st.lists(st.integers(min_value=10_000, max_value=200_000_000), max_size=30),
    st.integers(min_value=0, max_value=25),
    st.integers(min_value=0, max_value=400_000_000),
)
def test_what_fits_a_day_never_passes_its_limits_and_nothing_that_fits_is_refused(
    amounts: list[int], count: int, used: int
) -> None:
    drafts = [withdrawal(str(amount), number) for number, amount in enumerate(amounts, 1)]
    answers = withdrawals.within_limits(drafts, {ANA.id: Use(count, {"COP": used * 100})}, FRAME.terms)
    for amount, answer in zip(amounts, answers, strict=True):
        fits = count < 20 and used + amount <= 400_000_000
        assert isinstance(answer, Withdrawal) == fits
        if fits:
            count, used = count + 1, used + amount


@given(st.lists(st.integers(min_value=0, max_value=4), max_size=40))
def test_turns_keep_every_request_once_in_order_and_no_key_twice_in_a_turn(keys: list[int]) -> None:
    groups = turns(keys)
    assert sorted(position for group in groups for position in group) == list(range(len(keys)))
    for group in groups:
        assert len({keys[position] for position in group}) == len(group)
    for key in set(keys):
        order = [position for group in groups for position in group if keys[position] == key]
        assert order == sorted(order)
