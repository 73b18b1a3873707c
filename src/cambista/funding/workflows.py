"""The payout saga: a withdrawal let go is paid by its rail, asked for when in doubt, given back when refused."""

from collections.abc import Mapping, Sequence
from typing import cast
from uuid import UUID

from cambista.funding.events import WithdrawalReturned
from cambista.funding.rails import PayingRail, Payment, RailPort
from cambista.funding.rules import withdrawals as rules
from cambista.funding.service.screening import THE_HOUSE, journal, write_history
from cambista.funding.store import withdrawals as store
from cambista.funding.types import Withdrawal
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import TransferId, WithdrawalId
from cambista.ledger import Ledger
from cambista.runtime import SHREDDED, Runtime, Tx
from cambista.runtime.sagas import Context, Done, Elsewhere, Outcome, Program, Refused, Retry, Sagas, Step, each

PAYOUT = "withdrawal_payout"
PAID = "paid"
TIMEOUT_S = 30.0
# Banks settle within days; a payment that is neither made nor refused by then is looked at by people.
PATIENCE_S = 3 * 86_400.0


class Payouts:
    """Pays what is approved on rails that can be told and asked (`PayingRail`); on the others people have paid.

    The books move at the approval, as for every withdrawal. Steps: `leave` (undone by giving the money back) → `send`
    (the rail, by the step's id) → `settle` (the history says `paid`).
    """

    def __init__(self, runtime: Runtime, rails: Mapping[str, RailPort], *, ledger: Ledger, sagas: Sagas) -> None:
        self._runtime, self._ledger, self._sagas = runtime, ledger, sagas
        self._paying = {name: cast("PayingRail", rail) for name, rail in rails.items() if hasattr(rail, "pay")}
        self._rails = rails
        sagas.register(self._program())

    def _program(self) -> Program:
        send = Elsewhere(self._pay, self._ask, timeout_s=TIMEOUT_S, absent_after_s=2 * TIMEOUT_S)
        return Program(
            PAYOUT,
            (
                Step("leave", each(self._leave), each(self._give_back)),
                Step("send", send, no_return=True, patience_s=PATIENCE_S),
                Step("settle", each(self._settle)),
            ),
            attempts_max=12,
        )

    async def start(self, tx: Tx, sent: Sequence[Withdrawal]) -> None:
        """With the transaction that lets them go; those on rails worked by hand need no saga."""
        due = [each.id for each in sent if each.destination.rail in self._paying]
        await self._sagas.start_many(tx, PAYOUT, [(id, {"withdrawal_id": str(id)}) for id in due])

    async def _leave(self, tx: Tx, context: Context) -> Outcome:
        return Done()

    async def _pay(self, context: Context) -> Outcome:
        payment = await self._payment(context)
        if payment.destination.account == SHREDDED:
            return Refused("customer_forgotten")
        return await self._paying[payment.destination.rail].pay(payment)

    async def _ask(self, context: Context) -> Outcome:
        payment = await self._payment(context)
        return await self._paying[payment.destination.rail].find(payment)

    async def _payment(self, context: Context) -> Payment:
        async with self._runtime.db.read() as reader:
            found = await store.find_withdrawal(reader, self._runtime, _id(context))
        assert found is not None, "a withdrawal is never deleted"
        return Payment(context.step_id, found.amount, found.destination)

    async def _settle(self, tx: Tx, context: Context) -> Outcome:
        await write_history(tx, [(_id(context), PAID, THE_HOUSE.id, "")])
        return Done()

    async def _give_back(self, tx: Tx, context: Context) -> Outcome:
        """Undo the payout in the books; where an account is frozen, later, and then by people."""
        before = (await store.lock_withdrawals(tx, self._runtime, [_id(context)]))[_id(context)]
        returned = rules.returned(before)
        [booked] = await self._ledger.post(tx, [rules.giving_back(before, self._rails, TransferId(context.step_id))])
        if isinstance(booked, Refusal):
            return Retry(reason=booked.code)
        await store.set_closed(tx, [returned])
        await write_history(tx, [(returned.id, returned.status.value, THE_HOUSE.id, context.reason)])
        journal(tx, THE_HOUSE, ("withdrawal.return", f"withdrawal:{returned.id}"), returned, before)
        amount = returned.amount
        tx.emit(
            WithdrawalReturned(
                returned.id, returned.customer_id, amount.asset.code, amount.decimal, returned.destination.rail, tx.now
            )
        )
        return Done()


def _id(context: Context) -> WithdrawalId:
    return WithdrawalId(UUID(str(context.payload["withdrawal_id"])))
