"""Identity's use cases: register customers, add principals, block; keys stand in a file of their own."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from cambista.identity import workflows
from cambista.identity.errors.principals import CustomerUnknown, EmailTaken, PrincipalUnknown
from cambista.identity.events.principals import (
    CustomerForgotten,
    CustomerRegistered,
    PrincipalAdded,
    PrincipalStatusChanged,
)
from cambista.identity.rules import principals as rules
from cambista.identity.rules.roles import STAFF, owner_seen, permission, visible
from cambista.identity.rules.step_up import require_enrolled
from cambista.identity.service.factors import SecondFactors
from cambista.identity.service.invitations import invite_new, refuse_taken
from cambista.identity.service.journaling import journal, key_ids
from cambista.identity.service.keys import Keys, TokenSource
from cambista.identity.service.listing import before, page, page_size
from cambista.identity.service.notices import Notices
from cambista.identity.service.people import People
from cambista.identity.service.second_steps import SecondSteps
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import forgetting
from cambista.identity.store import principals as store
from cambista.identity.store.people import find_by_email as find_logins_by_email
from cambista.identity.store.people import find_contacts
from cambista.identity.types.keys import Scope
from cambista.identity.types.principals import (
    AccountHolder,
    Customer,
    CustomerRequest,
    Page,
    Principal,
    PrincipalRequest,
    Status,
    StatusChange,
)
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import Once, Reader, Replay, Runtime, Tx

SEALED_AT_ONCE = 500


class Identity(Keys):
    """Who may call. Writes take batches, one verdict each; `authenticate` answers from memory for up to a second."""

    def __init__(
        self, runtime: Runtime, settings: IdentitySettings | None = None, *, token: TokenSource = secrets.token_bytes
    ) -> None:
        super().__init__(runtime, settings or IdentitySettings(), token)
        self.notices = Notices(runtime)
        self.people = People(runtime, self._settings, self._keyring)
        self.factors = SecondFactors(runtime, self._settings, self._keyring, find_contacts)
        self.second_steps = SecondSteps(self.people.desk, self.factors)

    @property
    def house_name(self) -> str:
        """How the house signs its letters."""
        return self._settings.house_name

    @property
    def step_up(self) -> timedelta:
        """For how long a second factor shown in a session counts as fresh."""
        return self._settings.step_up

    def require_second_factor(self, caller: Caller, *, enrolling: bool) -> None:
        """Refuse a session of staff that showed no second factor all but setting one up (`second_factor_required`)."""
        if self._settings.staff_second_factor:
            require_enrolled(caller, enrolling=enrolling)

    async def create_customers(
        self, requests: Sequence[CustomerRequest], onces: Sequence[Once | None] = ()
    ) -> list[Customer | Refusal | Replay]:
        """Register customers (operator, admin).

        Refuses `email_taken`, `email_invalid`, `text_invalid`, `country_invalid`.
        """
        await self._runtime.sealing.ready(self._runtime.db, new=len(requests))
        return await self._runtime.writer.submit(self._create_customers, requests, onces)

    async def create_principals(
        self, requests: Sequence[PrincipalRequest], onces: Sequence[Once | None] = ()
    ) -> list[Principal | Refusal | Replay]:
        """Add staff, partners and machines (admin); whoever has an `email` is invited to log in.

        Refuses `role_invalid`, `text_invalid`, `email_invalid`, `email_taken`, `language_invalid`.
        """
        return await self._runtime.writer.submit(self._create_principals, requests, onces)

    async def set_status(
        self, requests: Sequence[StatusChange], onces: Sequence[Once | None] = ()
    ) -> list[Principal | Refusal | Replay]:
        """Block or unblock (admin; compliance for customers and partners): a blocked one's keys stop authenticating.

        Refuses `principal_not_found`, `self_block`.
        """
        answers = await self._runtime.writer.submit(self._set_status, requests, onces)
        self._keyring.forget()
        return answers

    async def find_customer(self, caller: Caller, id: UUID) -> Customer:
        """A customer: any for staff, itself for a customer; else `customer_not_found`."""
        caller.require(Scope.CUSTOMERS_READ if caller.role in STAFF else Scope.ACCOUNTS_READ, *Role)
        async with self._runtime.db.read_for(owner_seen(caller)) as reader:
            found = await store.find_customer(reader, self._runtime, id) if visible(caller, id) else None
        if found is None:
            raise CustomerUnknown(customer=str(id))
        return found

    async def list_customers(self, caller: Caller, *, limit: int = 50, cursor: str | None = None) -> Page[Customer]:
        """Customers for staff, newest first; at most 200 a page."""
        caller.require(Scope.CUSTOMERS_READ, *STAFF)
        async with self._runtime.db.read() as reader:
            rows = await store.list_customers(reader, self._runtime, before(cursor), page_size(limit) + 1)
        return page(rows, limit, [row.id for row in rows])

    async def list_principals(self, caller: Caller, *, limit: int = 50, cursor: str | None = None) -> Page[Principal]:
        """All principals but customers, for admin, compliance and auditor; newest first, at most 200 a page."""
        caller.require(Scope.PRINCIPALS_READ, Role.ADMIN, Role.COMPLIANCE, Role.AUDITOR)
        async with self._runtime.db.read() as reader:
            rows = await store.list_principals(reader, before(cursor), page_size(limit) + 1)
        return page(rows, limit, [row.id for row in rows])

    async def find_principal(self, caller: Caller, id: UUID) -> Principal:
        """Any principal, for admin, compliance and auditor; else `principal_not_found`. A customer's has no name."""
        caller.require(Scope.PRINCIPALS_READ, Role.ADMIN, Role.COMPLIANCE, Role.AUDITOR)
        async with self._runtime.db.read() as reader:
            found = await store.find_principals(reader, [id])
        if id not in found:
            raise PrincipalUnknown(principal=str(id))
        return found[id]

    async def find_by_email(self, caller: Caller, email: str) -> UUID | None:
        """Whose address this is: a customer's for staff, staff's own for who sees them too. Refuses `email_invalid`.

        Addresses lie sealed: only a whole one can be looked for.
        """
        caller.require(Scope.CUSTOMERS_READ, *STAFF)
        address = rules.read_email(email)
        blind = self.people.desk.blind(address)
        async with self._runtime.db.read() as reader:
            customers = await store.find_customers_by_email(reader, self._runtime, [address])
            login = (await find_logins_by_email(reader, [blind]))[blind].login
        if address in customers:
            return customers[address]
        sees_all = permission(caller, Scope.PRINCIPALS_READ, Role.ADMIN, Role.COMPLIANCE, Role.AUDITOR) is None
        return login.principal_id if login is not None and (sees_all or login.role is Role.CUSTOMER) else None

    async def find_holders(self, reader: Reader, ids: Sequence[UUID]) -> dict[UUID, AccountHolder]:
        """Those of the ids that can own money here (customers and partners), with the name their bank knows."""
        return await store.find_holders(reader, self._runtime, ids)

    async def find_forgotten(self, reader: Reader, ids: Sequence[UUID]) -> dict[UUID, datetime | None]:
        """Those of the ids that are customers, with when they were forgotten (None: they are not)."""
        return await forgetting.find_forgotten(reader, ids)

    async def forget(self, tx: Tx, ids: Sequence[UUID]) -> None:
        """Forget these customers when the caller's transaction commits, for ever: their data key is shredded, their
        credentials end, what names them is emptied. Whether that may be is decided by who sees their money too."""
        if not ids:
            return
        await forgetting.forget(tx, self._runtime, ids)
        tx.emit(*(CustomerForgotten(id, tx.now) for id in ids))
        tx.emit(*(PrincipalStatusChanged(id, Status.BLOCKED.value, tx.now) for id in ids))
        self._keyring.forget()

    async def seal_clear_rows(self) -> int:
        """Seal what a house before this one kept clear, in bounded batches; how many rows."""
        done = 0
        while True:
            async with self._runtime.db.transaction() as tx:
                sealed = await store.seal_clear(tx, self._runtime, SEALED_AT_ONCE)
            if sealed == 0:
                return done
            done += sealed

    async def bootstrap(self, home: Path) -> Path | None:
        """On the first start: an admin and its key in `home/admin.key` (mode 0600). None when there is an admin."""
        return await workflows.first_admin(self._runtime, home, self.new_key)

    async def _create_customers(self, tx: Tx, requests: Sequence[CustomerRequest]) -> list[Customer | Refusal]:
        refused = await self.refused_keys(tx, key_ids([request.caller for request in requests]))
        drafts: list[Customer | Refusal] = [
            Unauthenticated()
            if request.caller.key_id in refused
            else rules.customer(request, self._runtime.new_id(), tx.now)
            for request in requests
        ]
        wanted = [draft for draft in drafts if isinstance(draft, Customer)]
        inserted = await store.insert_customers(tx, self._runtime, wanted)
        answers: list[Customer | Refusal] = []
        for request, draft in zip(requests, drafts, strict=True):
            answer: Customer | Refusal = draft
            if isinstance(draft, Customer) and draft.id not in inserted:
                answer = EmailTaken()
            if isinstance(answer, Customer):
                event = CustomerRegistered(answer.id, answer.country, tx.now)
                tx.emit(event, trace_id=request.caller.trace_id)
            subject = f"customer:{answer.id}" if isinstance(answer, Customer) else "customer"
            journal(tx, request.caller, ("customer.register", subject), answer)
            answers.append(answer)
        return answers

    async def _create_principals(self, tx: Tx, requests: Sequence[PrincipalRequest]) -> list[Principal | Refusal]:
        barred = await self.barred(tx, [request.caller for request in requests])
        answers: list[Principal | Refusal] = [
            no or rules.principal(request, self._runtime.new_id(), tx.now)
            for request, no in zip(requests, barred, strict=True)
        ]
        answers = await refuse_taken(tx, self.people.desk, list(zip(requests, answers, strict=True)))
        await store.insert_principals(tx, [answer for answer in answers if isinstance(answer, Principal)])
        made = [(each, got) for each, got in zip(requests, answers, strict=True) if isinstance(got, Principal)]
        await invite_new(tx, self.people.desk, made)
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Principal):
                tx.emit(PrincipalAdded(answer.id, answer.role.value, tx.now), trace_id=request.caller.trace_id)
            subject = f"principal:{answer.id}" if isinstance(answer, Principal) else "principal"
            journal(tx, request.caller, ("principal.add", subject), answer)
        return answers

    async def _set_status(self, tx: Tx, requests: Sequence[StatusChange]) -> list[Principal | Refusal]:
        barred = await self.barred(tx, [request.caller for request in requests])
        ids = [request.principal_id for request in requests]
        principals = await store.lock_principals(tx, ids)
        # Who is forgotten does not come back.
        for id, moment in (await forgetting.find_forgotten(tx, ids)).items():
            if moment is not None:
                del principals[id]
        answers: list[Principal | Refusal] = []
        for request, no in zip(requests, barred, strict=True):
            before = principals.get(request.principal_id)
            answer = no or rules.status_change(request, before)
            if isinstance(answer, Principal) and answer.status is not request.status:
                answer = principals[answer.id] = replace(answer, status=request.status)
                event = PrincipalStatusChanged(answer.id, answer.status.value, tx.now)
                tx.emit(event, trace_id=request.caller.trace_id)
            name = f"principal.{request.status.value}"
            journal(tx, request.caller, (name, f"principal:{request.principal_id}"), answer, before)
            answers.append(answer)
        changed = {answer.id: answer.status for answer in answers if isinstance(answer, Principal)}
        await store.set_status(tx, changed)
        return answers
