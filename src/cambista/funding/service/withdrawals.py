"""Money going out: asking, four eyes, paying, giving back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from cambista.funding.events import (
    UserActionRequired,
    WithdrawalFact,
    WithdrawalLapsed,
    WithdrawalRejected,
    WithdrawalRequested,
    WithdrawalSent,
)
from cambista.funding.rails import RailPort
from cambista.funding.rules import withdrawals as rules
from cambista.funding.rules.deposits import read_note
from cambista.funding.rules.turns import turns
from cambista.funding.service.screening import THE_HOUSE, Step, journal, screen, settle, write_history
from cambista.funding.settings import FundingSettings
from cambista.funding.store import lists
from cambista.funding.store import withdrawals as store
from cambista.funding.types import (
    Use,
    Withdrawal,
    WithdrawalDecision,
    WithdrawalRequest,
    WithdrawalStatus,
)
from cambista.identity import Identity
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import TransferId, WithdrawalId
from cambista.ledger import Ledger
from cambista.runtime import Runtime, Tx

Verdict = Withdrawal | Refusal
_Turn = Callable[[Tx, Sequence[WithdrawalDecision], Mapping[UUID, Withdrawal]], Awaitable[list[Verdict]]]

StartPayouts = Callable[[Tx, Sequence[Withdrawal]], Awaitable[None]]


async def _paid_by_hand(tx: Tx, sent: Sequence[Withdrawal]) -> None:
    """Where nobody pays by saga, whoever approves has paid."""


class Withdrawals:
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
        self.start_payouts: StartPayouts = _paid_by_hand
        self._frame = rules.Frame(rails, settings.withdrawal_terms(), settings.withdrawal_ttl, identity.step_up)
        self._identity = identity
        self._ledger = ledger

    async def request(self, tx: Tx, requests: Sequence[WithdrawalRequest]) -> list[Verdict]:
        answers: list[Verdict | None] = list(await screen(self._identity, tx, requests))
        await self._draft(tx, requests, answers)
        await self._hold_within_limits(tx, answers)
        settled = settle(answers)
        asked = [answer for answer in settled if isinstance(answer, Withdrawal)]
        await store.insert_withdrawals(tx, self._runtime, asked)
        await write_history(tx, [(each.id, each.status.value, each.requested_by, "") for each in asked])
        for request, answer in zip(requests, settled, strict=True):
            _announce_request(tx, request, answer)
        return settled

    async def _draft(self, tx: Tx, requests: Sequence[WithdrawalRequest], answers: "list[Verdict | None]") -> None:
        holders = await self._identity.find_holders(tx, list({request.customer_id for request in requests}))
        for position, request in enumerate(requests):
            if answers[position] is None:
                ids = (self._runtime.new_id(), self._runtime.new_id())
                holder = holders.get(request.customer_id)
                answers[position] = rules.draft(request, holder, self._frame, ids, tx.now)

    async def _hold_within_limits(self, tx: Tx, answers: "list[Verdict | None]") -> None:
        waiting = {index: each for index, each in enumerate(answers) if isinstance(each, Withdrawal)}
        customers = list({draft.customer_id for draft in waiting.values()})
        if not customers:
            return
        await lists.lock_names(tx, [f"withdrawals:{customer}" for customer in customers])
        used = dict(await store.find_use(tx, customers, tx.now - rules.DAY))
        while waiting:
            waiting = await self._hold_fitting(tx, waiting, used, answers)

    async def _hold_fitting(
        self, tx: Tx, waiting: dict[int, Withdrawal], used: dict[UUID, Use], answers: "list[Verdict | None]"
    ) -> dict[int, Withdrawal]:
        """Hold the money of those within the limits; gives the ones to judge again, since a neighbour that seemed to
        use up the limit before them lacked the funds."""
        within = rules.within_limits(list(waiting.values()), used, self._frame.terms)
        over = {index: no for index, no in zip(waiting, within, strict=True) if isinstance(no, Refusal)}
        fitting = {index: draft for index, draft in waiting.items() if index not in over}
        holds = await self._ledger.hold(tx, [rules.reservation(draft) for draft in fitting.values()])
        short = {index: hold for index, hold in zip(fitting, holds, strict=True) if isinstance(hold, Refusal)}
        for index, draft in fitting.items():
            answers[index] = short.get(index, draft)
            if index not in short:
                used[draft.customer_id] = rules.using(used, draft)
        if short and over:
            return {index: waiting[index] for index in over}
        for index, no in over.items():
            answers[index] = no
        return {}

    async def approve(self, tx: Tx, decisions: Sequence[WithdrawalDecision]) -> list[Verdict]:
        return await self._decide(tx, decisions, "withdrawal.approve", self._approve_turn)

    async def _decide(self, tx: Tx, decisions: Sequence[WithdrawalDecision], name: str, turn: _Turn) -> list[Verdict]:
        """Decide in turns that name each withdrawal once, and journal each decision with the state before and after."""
        answers: list[Verdict | None] = list(await screen(self._identity, tx, decisions))
        states: dict[int, Withdrawal | None] = {}
        for positions in _turns(decisions, answers):
            asked = [decisions[position] for position in positions]
            before = await store.lock_withdrawals(tx, self._runtime, [each.withdrawal_id for each in asked])
            verdicts = await turn(tx, asked, before)
            for position, decision, verdict in zip(positions, asked, verdicts, strict=True):
                answers[position] = verdict
                states[position] = before.get(decision.withdrawal_id)
        settled = settle(answers)
        for position, (decision, answer) in enumerate(zip(decisions, settled, strict=True)):
            journal(tx, decision.caller, (name, f"withdrawal:{decision.withdrawal_id}"), answer, states.get(position))
        return settled

    async def _approve_turn(
        self, tx: Tx, decisions: Sequence[WithdrawalDecision], before: Mapping[UUID, Withdrawal]
    ) -> list[Verdict]:
        verdicts: list[Verdict] = [
            rules.approval(
                each, before.get(each.withdrawal_id), self._frame, TransferId(self._runtime.new_id()), tx.now
            )
            for each in decisions
        ]
        new = {
            position: verdict
            for position, verdict in enumerate(verdicts)
            if isinstance(verdict, Withdrawal) and verdict is not before[verdict.id]
        }
        final = {position: each for position, each in new.items() if each.status is WithdrawalStatus.SENT}
        posted = await self._ledger.post(tx, [rules.payout(each, self._rails) for each in final.values()])
        for (position, withdrawal), result in zip(final.items(), posted, strict=True):
            if isinstance(result, Refusal):
                verdicts[position] = rules.payout_refusal(withdrawal, result)
                del new[position]
        approvals = [(each, decisions[position].caller.id) for position, each in new.items()]
        await store.insert_approvals(tx, approvals, tx.now)
        sent = {position: each for position, each in new.items() if each.status is WithdrawalStatus.SENT}
        await store.set_closed(tx, list(sent.values()))
        await self.start_payouts(tx, list(sent.values()))
        await write_history(tx, [_step(each, decisions[position], "approved") for position, each in new.items()])
        await write_history(tx, [(each.id, "sent", decisions[pos].caller.id, "") for pos, each in sent.items()])
        for position, each in sent.items():
            tx.emit(_fact(WithdrawalSent, tx, each), trace_id=decisions[position].caller.trace_id)
        return verdicts

    async def reject(self, tx: Tx, decisions: Sequence[WithdrawalDecision]) -> list[Verdict]:
        return await self._decide(tx, decisions, "withdrawal.reject", self._reject_turn)

    async def _reject_turn(
        self, tx: Tx, decisions: Sequence[WithdrawalDecision], before: Mapping[UUID, Withdrawal]
    ) -> list[Verdict]:
        verdicts: list[Verdict] = [rules.rejection(each, before.get(each.withdrawal_id), tx.now) for each in decisions]
        new = {
            position: verdict
            for position, verdict in enumerate(verdicts)
            if isinstance(verdict, Withdrawal) and verdict is not before[verdict.id]
        }
        released = await self._release(tx, list(new.values()))
        for position, verdict in zip(list(new), released, strict=True):
            if isinstance(verdict, Refusal):
                verdicts[position] = verdict
                del new[position]
        await store.set_closed(tx, list(new.values()))
        await write_history(tx, [_step(each, decisions[position], "rejected") for position, each in new.items()])
        for position, each in new.items():
            tx.emit(_fact(WithdrawalRejected, tx, each), trace_id=decisions[position].caller.trace_id)
        return verdicts

    async def expire(self, tx: Tx, ids: Sequence[WithdrawalId]) -> int:
        """Give back what was not approved in time; how many."""
        before = await store.lock_withdrawals(tx, self._runtime, ids)
        due = {id: after for id, each in before.items() if (after := rules.expiry(each, tx.now)) is not None}
        released = await self._release(tx, list(due.values()))
        expired = [
            each for each, verdict in zip(due.values(), released, strict=True) if isinstance(verdict, Withdrawal)
        ]
        await store.set_closed(tx, expired)
        await write_history(tx, [(each.id, each.status.value, THE_HOUSE.id, "") for each in expired])
        for each in expired:
            tx.emit(_fact(WithdrawalLapsed, tx, each))
            journal(tx, THE_HOUSE, ("withdrawal.expire", f"withdrawal:{each.id}"), each, before[each.id])
        return len(expired)

    async def _release(self, tx: Tx, withdrawals: Sequence[Withdrawal]) -> list[Verdict]:
        """The hold may have expired in the ledger already; what is gone is gone, either way it is free."""
        released = await self._ledger.release(tx, [each.hold_id for each in withdrawals])
        return [
            result if isinstance(result, Refusal) else each for each, result in zip(withdrawals, released, strict=True)
        ]


def _turns(decisions: Sequence[WithdrawalDecision], answers: "Sequence[Verdict | None]") -> list[list[int]]:
    """Positions still undecided, in groups that name each withdrawal once."""
    open_positions = [position for position, answer in enumerate(answers) if answer is None]
    groups = turns([decisions[position].withdrawal_id for position in open_positions])
    return [[open_positions[index] for index in group] for group in groups]


def _step(withdrawal: Withdrawal, decision: WithdrawalDecision, status: str) -> Step:
    return withdrawal.id, status, decision.caller.id, read_note(decision.note)


def _fact(kind: type[WithdrawalFact], tx: Tx, each: Withdrawal) -> WithdrawalFact:
    amount = each.amount
    return kind(each.id, each.customer_id, amount.asset.code, amount.decimal, each.destination.rail, tx.now)


def _announce_request(tx: Tx, request: WithdrawalRequest, answer: Verdict) -> None:
    trace_id = request.caller.trace_id
    if isinstance(answer, Refusal):
        journal(tx, request.caller, ("withdrawal.request", f"customer:{request.customer_id}"), answer)
        return
    journal(tx, request.caller, ("withdrawal.request", f"withdrawal:{answer.id}"), answer)
    tx.emit(_fact(WithdrawalRequested, tx, answer), trace_id=trace_id)
    about, role = f"withdrawal:{answer.id}", Role.TREASURER.value
    tx.emit(UserActionRequired(about, answer.customer_id, role, "withdrawal_approval", tx.now), trace_id=trace_id)
