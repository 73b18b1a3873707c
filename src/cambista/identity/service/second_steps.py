"""The second step of a login: whoever holds the first step's ticket shows a factor, and gets a session."""

from typing import Any

from cambista.identity.errors.people import TicketInvalid
from cambista.identity.rules.tokens import token_hash
from cambista.identity.service.desk import Desk, known
from cambista.identity.service.factors import SecondFactors
from cambista.identity.service.proving import Prover
from cambista.identity.service.sessions import open_sessions
from cambista.identity.store import tickets as store
from cambista.identity.types.factors import SecondStep
from cambista.identity.types.people import NewSession, PendingLogin, Visitor
from cambista.kernel.errors import Refusal
from cambista.runtime import Action, Tx


class SecondSteps:
    """Ticket, factor and session are one transaction: a factor is not spent without a session, nor twice for two."""

    def __init__(self, desk: Desk, factors: SecondFactors) -> None:
        self._desk = desk
        self._db = desk.runtime.db
        self._factors = factors

    async def complete(self, step: SecondStep) -> NewSession:
        """Open the session. Refuses `ticket_invalid`, `second_factor_wrong`, `second_factor_delayed`.

        A wrong factor does not use up the ticket.
        """
        async with self._db.transaction() as tx:
            verdict = await self._decide(tx, step)
        if isinstance(verdict, Refusal):
            raise verdict
        return verdict

    async def send_code(self, visitor: Visitor, ticket: str) -> None:
        """Send a code to the ticket's person. Refuses `ticket_invalid`, `factor_not_found`, `sms_limit`."""
        async with self._db.transaction() as tx:
            pending = await _pending(tx, ticket)
            await self._factors.send_code_to(tx, Prover(pending.owner_id, pending.role, visitor.address))

    async def ask_passkey(self, ticket: str) -> dict[str, Any]:
        """What the ticket's person lets a passkey sign. Refuses `ticket_invalid`, `factor_not_found`."""
        async with self._db.transaction() as tx:
            pending = await _pending(tx, ticket)
            return await self._factors.ask_passkey_of(tx, pending.owner_id)

    async def _decide(self, tx: Tx, step: SecondStep) -> NewSession | Refusal:
        try:
            pending = await _pending(tx, step.ticket)
        except TicketInvalid as stale:
            return stale
        prover = Prover(pending.owner_id, pending.role, step.visitor.address)
        refusal = await self._factors.proving.prove(tx, prover, step.proof)
        tx.record(_action(pending, step, "done" if refusal is None else refusal.code))
        if refusal is not None:
            return refusal
        await store.use_tickets(tx, [pending.id])
        [opened] = await open_sessions(tx, self._desk, [(pending, tx.now)])
        return opened


async def _pending(tx: Tx, ticket: str) -> PendingLogin:
    hash = token_hash(ticket)
    found = (await store.lock_tickets(tx, [hash])).get(hash)
    if found is None:
        raise TicketInvalid
    return found


def _action(pending: PendingLogin, step: SecondStep, outcome: str) -> Action:
    caller = known(step.visitor, pending.owner_id, pending.role)
    subject, facts = f"principal:{pending.owner_id}", {"factor": step.proof.kind.value}
    return Action(caller, "login.second_factor", subject, outcome, facts)
