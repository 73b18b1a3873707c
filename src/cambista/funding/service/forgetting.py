"""The right to be forgotten, decided where a customer's person, money and payments are all in sight."""

from collections.abc import Sequence
from uuid import UUID

from cambista.funding.rules import forgetting as rules
from cambista.funding.service.screening import settle
from cambista.funding.settings import FundingSettings
from cambista.funding.store import lists as store
from cambista.funding.types import ForgetRequest, Forgotten
from cambista.identity import Identity
from cambista.kernel.errors import Refusal
from cambista.ledger import Ledger, Standing
from cambista.runtime import Action, Tx

_NEVER_MOVED = Standing(has_money=False, moved_at=None)


class Forgetting:
    """Decides a batch inside the transaction it is given."""

    def __init__(self, settings: FundingSettings, *, identity: Identity, ledger: Ledger) -> None:
        self._settings = settings
        self._identity = identity
        self._ledger = ledger

    async def forget(self, tx: Tx, requests: Sequence[ForgetRequest]) -> list[Forgotten | Refusal]:
        answers: list[Forgotten | Refusal | None] = list(
            await self._identity.barred(tx, [request.caller for request in requests])
        )
        ids = list({request.customer_id for request in requests})
        known = await self._identity.find_forgotten(tx, ids)
        standings = await self._ledger.standings(tx, ids)
        payments = await store.find_payments(tx, ids)
        for position, request in enumerate(requests):
            if answers[position] is None:
                id = request.customer_id
                case = rules.Case(standings.get(id, _NEVER_MOVED), payments.get(id), known.get(id), id in known)
                answers[position] = rules.forgetting(request, case, self._settings.kept_years, tx.now)
        settled = settle(answers)
        await self._identity.forget(tx, _new(settled, tx))
        for request, answer in zip(requests, settled, strict=True):
            outcome = answer.code if isinstance(answer, Refusal) else "done"
            tx.record(Action(request.caller, "customer.forget", f"customer:{request.customer_id}", outcome))
        return settled


def _new(answers: Sequence[Forgotten | Refusal], tx: Tx) -> list[UUID]:
    """Those forgotten now, and not before."""
    return sorted({each.customer_id for each in answers if isinstance(each, Forgotten) and each.forgotten_at == tx.now})
