"""Identity's use cases: register, make and revoke keys, block, authenticate."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from cambista.identity import workflows
from cambista.identity.errors.principals import CustomerUnknown, EmailTaken, PrincipalUnknown
from cambista.identity.events.keys import ApiKeyIssued, ApiKeyRevoked
from cambista.identity.events.principals import CustomerRegistered, PrincipalAdded, PrincipalStatusChanged
from cambista.identity.rules import keys as key_rules
from cambista.identity.rules import principals as rules
from cambista.identity.rules.keys import KeyDraft
from cambista.identity.rules.roles import STAFF, visible
from cambista.identity.service.keyring import Keyring
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import keys as key_store
from cambista.identity.store import principals as store
from cambista.identity.types.keys import ApiKey, KeyRequest, KeyRevocation, NewApiKey, Scope
from cambista.identity.types.principals import (
    AccountHolder,
    Customer,
    CustomerRequest,
    Page,
    Principal,
    PrincipalRequest,
    StatusChange,
)
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Invalid, Refusal, Unauthenticated
from cambista.kernel.ids import ApiKeyId, parse_id
from cambista.runtime import Action, Once, Reader, Replay, Runtime, Tx

T = TypeVar("T")
PAGE_MAX = 200
TokenSource = Callable[[int], bytes]


class Identity:
    """Who may call. Writes take batches, one verdict each; `authenticate` answers from memory for up to a second."""

    def __init__(
        self, runtime: Runtime, settings: IdentitySettings | None = None, *, token: TokenSource = secrets.token_bytes
    ) -> None:
        self._runtime = runtime
        self._settings = settings or IdentitySettings()
        self._token = token
        self._keyring = Keyring(runtime, self._settings)

    async def create_customers(
        self, requests: Sequence[CustomerRequest], onces: Sequence[Once | None] = ()
    ) -> list[Customer | Refusal | Replay]:
        """Register customers (operator, admin).

        Refuses `email_taken`, `email_invalid`, `text_invalid`, `country_invalid`.
        """
        return await self._runtime.writer.submit(self._create_customers, requests, onces)

    async def create_principals(
        self, requests: Sequence[PrincipalRequest], onces: Sequence[Once | None] = ()
    ) -> list[Principal | Refusal | Replay]:
        """Add staff, partners and machines (admin). Refuses `role_invalid`, `text_invalid`."""
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

    async def create_keys(
        self, requests: Sequence[KeyRequest], onces: Sequence[Once | None] = ()
    ) -> list[NewApiKey | Refusal | Replay]:
        """Make keys: an admin for anybody, a customer or partner for itself.

        The answer to the request that made it holds the key; `render` of a Once sees only the record, so a replay
        never shows the key again. Refuses `scope_unknown`, `scope_not_of_role`, `scope_beyond_caller`, `keys_limit`,
        `expiry_invalid`, `owner_blocked`, `principal_not_found`.
        """
        drawn = [self._draw(request) for request in requests]
        made: dict[int, ApiKey] = {}
        kept = [_keeping(once, made, index) for index, once in enumerate(onces)]
        answers = await self._runtime.writer.submit(self._create_keys, [draft for draft, _ in drawn], kept)
        shown: list[NewApiKey | Refusal | Replay] = []
        for index, (answer, (_, key)) in enumerate(zip(answers, drawn, strict=True)):
            record = made.get(index) if isinstance(answer, Replay) else answer
            shown.append(NewApiKey(record, key) if isinstance(record, ApiKey) else _not_made(answer))
        return shown

    async def revoke_keys(
        self, requests: Sequence[KeyRevocation], onces: Sequence[Once | None] = ()
    ) -> list[ApiKey | Refusal | Replay]:
        """Revoke one's own key, or any (admin), for ever; again is the same revocation. Refuses `key_not_found`."""
        answers = await self._runtime.writer.submit(self._revoke_keys, requests, onces)
        self._keyring.forget()
        return answers

    async def authenticate(self, key: str, *, address: str, trace_id: str, agent: str = "") -> Caller:
        """Who holds this key or session; raises `unauthenticated` when nobody does now (revoked, expired, blocked)."""
        known = await self._keyring.find(key)
        return Caller(
            known.owner_id, known.role, known.key_id, known.scopes, address, trace_id, known.kind, known.client_id,
            known.proved_at, agent,
        )  # fmt: skip

    async def refused_keys(self, tx: Tx, key_ids: Sequence[UUID]) -> set[UUID]:
        """Those of the keys that do not authenticate at this moment of the transaction, whatever memory says."""
        return await key_store.find_refused_keys(tx, key_ids, tx.now) if key_ids else set()

    async def find_customer(self, caller: Caller, id: UUID) -> Customer:
        """A customer: any for staff, itself for a customer; else `customer_not_found`."""
        caller.require(Scope.CUSTOMERS_READ if caller.role in STAFF else Scope.ACCOUNTS_READ, *Role)
        async with self._runtime.db.read() as reader:
            found = await store.find_customer(reader, id) if visible(caller, id) else None
        if found is None:
            raise CustomerUnknown(customer=str(id))
        return found

    async def list_customers(self, caller: Caller, *, limit: int = 50, cursor: str | None = None) -> Page[Customer]:
        """Customers for staff, newest first; at most 200 a page."""
        caller.require(Scope.CUSTOMERS_READ, *STAFF)
        async with self._runtime.db.read() as reader:
            rows = await store.list_customers(reader, _before(cursor), _limit(limit) + 1)
        return _page(rows, limit, [row.id for row in rows])

    async def list_principals(self, caller: Caller, *, limit: int = 50, cursor: str | None = None) -> Page[Principal]:
        """All principals but customers, for admin, compliance and auditor; newest first, at most 200 a page."""
        caller.require(Scope.PRINCIPALS_READ, Role.ADMIN, Role.COMPLIANCE, Role.AUDITOR)
        async with self._runtime.db.read() as reader:
            rows = await store.list_principals(reader, _before(cursor), _limit(limit) + 1)
        return _page(rows, limit, [row.id for row in rows])

    async def list_keys(
        self, caller: Caller, owner_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> Page[ApiKey]:
        """An owner's keys, newest first: one's own, or anybody's for admin and auditor; else `principal_not_found`."""
        caller.require(Scope.KEYS_READ, *Role)
        if caller.id != owner_id and caller.role not in (Role.ADMIN, Role.AUDITOR):
            raise PrincipalUnknown(principal=str(owner_id))
        async with self._runtime.db.read() as reader:
            rows = await key_store.list_keys(reader, owner_id, _before(cursor), _limit(limit) + 1)
        return _page(rows, limit, [row.id for row in rows])

    async def find_holders(self, reader: Reader, ids: Sequence[UUID]) -> dict[UUID, AccountHolder]:
        """Those of the ids that can own money here (customers and partners), with the name their bank knows."""
        return await store.find_holders(reader, ids)

    async def bootstrap(self, home: Path) -> Path | None:
        """On the first start: an admin and its key in `home/admin.key` (mode 0600). None when there is an admin."""
        return await workflows.first_admin(self._runtime, home, self._new_key)

    async def note_uses(self) -> None:
        """Write down when keys were last used, at most once a minute a key."""
        await self._keyring.note_uses()

    def _new_key(self) -> str:
        return key_rules.key_text(
            prefix=self._token(key_rules.PREFIX_BYTES), secret=self._token(key_rules.SECRET_BYTES)
        )

    def _draw(self, request: KeyRequest) -> tuple[KeyDraft, str]:
        key = self._new_key()
        return key_rules.key_draft(request, ApiKeyId(self._runtime.new_id()), key), key

    async def _create_customers(self, tx: Tx, requests: Sequence[CustomerRequest]) -> list[Customer | Refusal]:
        refused = await self.refused_keys(tx, key_ids([request.caller for request in requests]))
        drafts: list[Customer | Refusal] = [
            Unauthenticated()
            if request.caller.key_id in refused
            else rules.customer(request, self._runtime.new_id(), tx.now)
            for request in requests
        ]
        wanted = [draft for draft in drafts if isinstance(draft, Customer)]
        inserted = await store.insert_customers(tx, wanted) if wanted else set()
        answers: list[Customer | Refusal] = []
        for request, draft in zip(requests, drafts, strict=True):
            answer: Customer | Refusal = draft
            if isinstance(draft, Customer) and draft.id not in inserted:
                answer = EmailTaken()
            if isinstance(answer, Customer):
                event = CustomerRegistered(answer.id, answer.country, tx.now)
                tx.emit(event, trace_id=request.caller.trace_id)
            subject = f"customer:{answer.id}" if isinstance(answer, Customer) else "customer"
            _journal(tx, request.caller, "customer.register", subject, answer)
            answers.append(answer)
        return answers

    async def _create_principals(self, tx: Tx, requests: Sequence[PrincipalRequest]) -> list[Principal | Refusal]:
        refused = await self.refused_keys(tx, key_ids([request.caller for request in requests]))
        answers: list[Principal | Refusal] = [
            Unauthenticated()
            if request.caller.key_id in refused
            else rules.principal(request, self._runtime.new_id(), tx.now)
            for request in requests
        ]
        await store.insert_principals(tx, [answer for answer in answers if isinstance(answer, Principal)])
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Principal):
                tx.emit(PrincipalAdded(answer.id, answer.role.value, tx.now), trace_id=request.caller.trace_id)
            subject = f"principal:{answer.id}" if isinstance(answer, Principal) else "principal"
            _journal(tx, request.caller, "principal.add", subject, answer)
        return answers

    async def _set_status(self, tx: Tx, requests: Sequence[StatusChange]) -> list[Principal | Refusal]:
        refused = await self.refused_keys(tx, key_ids([request.caller for request in requests]))
        principals = await store.lock_principals(tx, [request.principal_id for request in requests])
        answers: list[Principal | Refusal] = []
        for request in requests:
            found = principals.get(request.principal_id)
            answer = Unauthenticated() if request.caller.key_id in refused else rules.status_change(request, found)
            if isinstance(answer, Principal) and answer.status is not request.status:
                answer = principals[answer.id] = replace(answer, status=request.status)
                event = PrincipalStatusChanged(answer.id, answer.status.value, tx.now)
                tx.emit(event, trace_id=request.caller.trace_id)
            name = f"principal.{request.status.value}"
            _journal(tx, request.caller, name, f"principal:{request.principal_id}", answer)
            answers.append(answer)
        changed = {answer.id: answer.status for answer in answers if isinstance(answer, Principal)}
        await store.set_status(tx, changed)
        return answers

    async def _create_keys(self, tx: Tx, drafts: Sequence[KeyDraft]) -> list[ApiKey | Refusal]:
        refused = await self.refused_keys(tx, key_ids([draft.request.caller for draft in drafts]))
        owners = await key_store.lock_owners(tx, [draft.request.owner_id for draft in drafts], tx.now)
        fit = [draft for draft in drafts if draft.request.caller.key_id not in refused]
        decided = key_rules.keys(fit, owners, tx.now, keys_max=self._settings.keys_max)
        verdicts = {draft.id: verdict for draft, verdict in zip(fit, decided, strict=True)}
        answers = [verdicts.get(draft.id) or Unauthenticated() for draft in drafts]
        made = [(answer, draft) for answer, draft in zip(answers, drafts, strict=True) if isinstance(answer, ApiKey)]
        await key_store.insert_keys(tx, made)
        for answer, draft in zip(answers, drafts, strict=True):
            caller = draft.request.caller
            if isinstance(answer, ApiKey):
                issued = ApiKeyIssued(answer.id, answer.owner_id, answer.expires_at, tx.now)
                tx.emit(issued, trace_id=caller.trace_id)
            _journal(tx, caller, "key.issue", f"principal:{draft.request.owner_id}", answer)
        return answers

    async def _revoke_keys(self, tx: Tx, requests: Sequence[KeyRevocation]) -> list[ApiKey | Refusal]:
        refused = await self.refused_keys(tx, key_ids([request.caller for request in requests]))
        keys = await key_store.lock_keys(tx, [request.key_id for request in requests])
        answers: list[ApiKey | Refusal] = []
        revoked: list[UUID] = []
        for request in requests:
            found = keys.get(request.key_id)
            answer = Unauthenticated() if request.caller.key_id in refused else key_rules.revocation(request, found)
            if isinstance(answer, ApiKey) and answer.revoked_at is None:
                answer = keys[answer.id] = replace(answer, revoked_at=tx.now)
                revoked.append(answer.id)
                tx.emit(ApiKeyRevoked(answer.id, answer.owner_id, tx.now), trace_id=request.caller.trace_id)
            _journal(tx, request.caller, "key.revoke", f"key:{request.key_id}", answer)
            answers.append(answer)
        await key_store.set_revoked(tx, revoked, tx.now)
        return answers


def key_ids(callers: Sequence[Caller]) -> list[UUID]:
    """The keys those callers came with, each once."""
    return list({caller.key_id for caller in callers if caller.key_id is not None})


def _journal(tx: Tx, caller: Caller, name: str, subject: str, answer: object) -> None:
    """Deeds, and the noes that say something about the caller; a malformed request says nothing."""
    if isinstance(answer, Invalid):
        return
    outcome = answer.code if isinstance(answer, Refusal) else "done"
    facts = {"key": str(answer.id)} if isinstance(answer, ApiKey) else {}
    tx.record(Action(caller, name, subject, outcome, facts))


def _keeping(once: Once | None, made: dict[int, ApiKey], index: int) -> Once | None:
    """The same Once, noting the record its answer was rendered from."""
    if once is None:
        return None
    render = once.render

    def keep(answer: ApiKey) -> tuple[int, bytes]:
        made[index] = answer
        return render(answer)

    return replace(once, render=keep)


def _not_made(answer: ApiKey | Refusal | Replay) -> Refusal | Replay:
    assert not isinstance(answer, ApiKey)
    return answer


def _before(cursor: str | None) -> UUID | None:
    return None if cursor is None else parse_id(cursor)


def _limit(limit: int) -> int:
    return max(1, min(limit, PAGE_MAX))


def _page(rows: Sequence[T], limit: int, ids: Sequence[UUID]) -> Page[T]:
    """The page out of rows read with one to spare, which says whether there are more."""
    shown = _limit(limit)
    return Page(tuple(rows[:shown]), str(ids[shown - 1]) if len(rows) > shown else None)
