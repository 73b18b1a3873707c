"""Money coming in: recording, and deciding what is under review."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from cambista.funding.events import DepositReceived, DepositReviewed, UserActionRequired
from cambista.funding.rails import RailPort
from cambista.funding.rules import deposits as rules
from cambista.funding.rules.deposits import Draft, Terms
from cambista.funding.rules.turns import turns
from cambista.funding.service.screening import Step, journal, screen, settle, write_history
from cambista.funding.settings import FundingSettings
from cambista.funding.store import deposits as store
from cambista.funding.store import lists
from cambista.funding.types import Deposit, DepositDecision, DepositRequest, DepositStatus
from cambista.identity import Identity
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import TransferId
from cambista.ledger import Ledger
from cambista.runtime import Runtime, Tx

Verdict = Deposit | Refusal


class Deposits:
    """Each use case decides a batch inside the transaction it is given."""

    def __init__(
        self,
        runtime: Runtime,
        settings: FundingSettings,
        rails: Mapping[str, RailPort],
        *,
        identity: Identity,
        ledger: Ledger,
    ) -> None:
        self._runtime = runtime
        self._rails = rails
        self._terms = Terms(settings.review_missing_payer, timedelta(days=settings.paid_within_days))
        self._identity = identity
        self._ledger = ledger

    async def record(self, tx: Tx, requests: Sequence[DepositRequest]) -> list[Verdict]:
        answers: list[Verdict | None] = list(await screen(self._identity, tx, requests))
        drafts: dict[int, Draft] = {}
        for position, request in enumerate(requests):
            if answers[position] is None:
                draft = self._draft(tx, request)
                if isinstance(draft, Refusal):
                    answers[position] = draft
                else:
                    drafts[position] = draft
        if drafts:
            judged = await self._judge(tx, list(drafts.values()))
            booked = await self._book(tx, judged, list(drafts.values()))
            for position, verdict in zip(drafts, judged, strict=True):
                answers[position] = verdict if isinstance(verdict, Refusal) else booked.get(verdict.id, verdict)
        settled = settle(answers)
        self._announce(tx, requests, settled, drafts)
        return settled

    def _draft(self, tx: Tx, request: DepositRequest) -> Draft | Refusal:
        ids = (self._runtime.new_id(), self._runtime.new_id())
        return rules.draft(request, self._rails, self._terms, tx.now, ids)

    async def _judge(self, tx: Tx, drafts: Sequence[Draft]) -> list[Verdict]:
        await lists.lock_names(tx, [f"deposit:{draft.deposit.rail}:{draft.reference_folded}" for draft in drafts])
        recorded = await store.find_recorded(tx, self._runtime, drafts)
        holders = await self._identity.find_holders(tx, list({draft.deposit.customer_id for draft in drafts}))
        return rules.judge(drafts, recorded, holders, self._rails, self._terms)

    async def _book(self, tx: Tx, judged: Sequence[Verdict], drafts: Sequence[Draft]) -> dict[UUID, Verdict]:
        """Post and write the new deposits; the verdict on each, by its id (a repeat shares its first's)."""
        fresh = [
            (verdict, draft)
            for verdict, draft in zip(judged, drafts, strict=True)
            if isinstance(verdict, Deposit) and verdict.id == draft.deposit.id
        ]
        posted = await self._ledger.post(tx, [rules.receipt(deposit, self._rails) for deposit, _ in fresh])
        verdicts: dict[UUID, Verdict] = {
            deposit.id: result if isinstance(result, Refusal) else deposit
            for (deposit, _), result in zip(fresh, posted, strict=True)
        }
        written = [(deposit, draft) for deposit, draft in fresh if verdicts[deposit.id] is deposit]
        await store.insert_deposits(tx, self._runtime, written)
        await write_history(tx, [(each.id, each.status.value, each.recorded_by, "") for each, _ in written])
        return verdicts

    def _announce(
        self,
        tx: Tx,
        requests: Sequence[DepositRequest],
        answers: Sequence[Verdict],
        drafts: Mapping[int, Draft],
    ) -> None:
        for position, (request, answer) in enumerate(zip(requests, answers, strict=True)):
            if isinstance(answer, Refusal):
                journal(tx, request.caller, ("deposit.record", f"customer:{request.customer_id}"), answer)
            elif answer.id == drafts[position].deposit.id:
                journal(tx, request.caller, ("deposit.record", f"deposit:{answer.id}"), answer)
                _emit_received(tx, request.caller, answer)

    async def approve(self, tx: Tx, decisions: Sequence[DepositDecision]) -> list[Verdict]:
        return await self._decide(tx, decisions, DepositStatus.CREDITED)

    async def reject(self, tx: Tx, decisions: Sequence[DepositDecision]) -> list[Verdict]:
        return await self._decide(tx, decisions, DepositStatus.REJECTED)

    async def _decide(self, tx: Tx, decisions: Sequence[DepositDecision], outcome: DepositStatus) -> list[Verdict]:
        answers: list[Verdict | None] = list(await screen(self._identity, tx, decisions))
        open_positions = [position for position, answer in enumerate(answers) if answer is None]
        states: dict[int, Deposit | None] = {}
        for turn in turns([decisions[position].deposit_id for position in open_positions]):
            positions = [open_positions[index] for index in turn]
            asked = [decisions[position] for position in positions]
            before = await store.lock_deposits(tx, self._runtime, [each.deposit_id for each in asked])
            verdicts = await self._decide_turn(tx, asked, before, outcome)
            for position, decision, verdict in zip(positions, asked, verdicts, strict=True):
                answers[position] = verdict
                states[position] = before.get(decision.deposit_id)
        settled = settle(answers)
        name = "deposit.approve" if outcome is DepositStatus.CREDITED else "deposit.reject"
        for position, (decision, answer) in enumerate(zip(decisions, settled, strict=True)):
            journal(tx, decision.caller, (name, f"deposit:{decision.deposit_id}"), answer, states.get(position))
        return settled

    async def _decide_turn(
        self,
        tx: Tx,
        decisions: Sequence[DepositDecision],
        before: Mapping[UUID, Deposit],
        outcome: DepositStatus,
    ) -> list[Verdict]:
        verdicts: list[Verdict] = []
        moved: list[tuple[int, Deposit, TransferId]] = []
        for position, decision in enumerate(decisions):
            found = before.get(decision.deposit_id)
            verdict = rules.decision(decision, found, outcome, tx.now)
            verdicts.append(verdict)
            if isinstance(verdict, Deposit) and verdict is not found:
                moved.append((position, verdict, TransferId(self._runtime.new_id())))
        posted = await self._ledger.post(tx, [rules.settlement(each, self._rails, id) for _, each, id in moved])
        written: list[tuple[Deposit, TransferId]] = []
        steps: list[Step] = []
        for (position, deposit, id), result in zip(moved, posted, strict=True):
            decision = decisions[position]
            if isinstance(result, Refusal):
                verdicts[position] = result
            else:
                written.append((deposit, id))
                steps.append((deposit.id, deposit.status.value, decision.caller.id, rules.read_note(decision.note)))
                _emit_reviewed(tx, decision.caller, deposit)
        await store.set_decided(tx, written)
        await write_history(tx, steps)
        return verdicts


def _emit_received(tx: Tx, caller: Caller, deposit: Deposit) -> None:
    amount = deposit.amount
    tx.emit(
        DepositReceived(
            deposit.id,
            deposit.customer_id,
            amount.asset.code,
            amount.decimal,
            deposit.rail,
            deposit.status.value,
            tx.now,
        ),
        trace_id=caller.trace_id,
    )
    if deposit.review_reason is not None:
        about, role = f"deposit:{deposit.id}", Role.COMPLIANCE.value
        tx.emit(
            UserActionRequired(about, deposit.customer_id, role, deposit.review_reason.value, tx.now),
            trace_id=caller.trace_id,
        )


def _emit_reviewed(tx: Tx, caller: Caller, deposit: Deposit) -> None:
    amount = deposit.amount
    tx.emit(
        DepositReviewed(
            deposit.id,
            deposit.customer_id,
            amount.asset.code,
            amount.decimal,
            deposit.rail,
            deposit.status.value,
            tx.now,
        ),
        trace_id=caller.trace_id,
    )
