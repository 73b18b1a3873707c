"""API keys: made, revoked, listed; and who calls with one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from cambista.identity.errors.principals import PrincipalUnknown
from cambista.identity.events.keys import ApiKeyIssued, ApiKeyRevoked
from cambista.identity.rules import keys as key_rules
from cambista.identity.rules.keys import KeyDraft
from cambista.identity.service.journaling import journal, key_ids
from cambista.identity.service.keyring import Keyring
from cambista.identity.service.listing import before, page, page_size
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import keys as key_store
from cambista.identity.types.keys import ApiKey, KeyRequest, KeyRevocation, NewApiKey, Scope
from cambista.identity.types.principals import Page
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.kernel.ids import ApiKeyId
from cambista.runtime import Once, Replay, Runtime, Tx

TokenSource = Callable[[int], bytes]


class Keys:
    """The part of identity's door that is about keys, and the memory of credentials all of identity shares."""

    def __init__(self, runtime: Runtime, settings: IdentitySettings, token: TokenSource) -> None:
        self._runtime = runtime
        self._settings = settings
        self._token = token
        self._keyring = Keyring(runtime, settings)

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

    async def list_keys(
        self, caller: Caller, owner_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> Page[ApiKey]:
        """An owner's keys, newest first: one's own, or anybody's for admin and auditor; else `principal_not_found`."""
        caller.require(Scope.KEYS_READ, *Role)
        if caller.id != owner_id and caller.role not in (Role.ADMIN, Role.AUDITOR):
            raise PrincipalUnknown(principal=str(owner_id))
        async with self._runtime.db.read() as reader:
            rows = await key_store.list_keys(reader, owner_id, before(cursor), page_size(limit) + 1)
        return page(rows, limit, [row.id for row in rows])

    async def note_uses(self) -> None:
        """Write down when keys were last used, at most once a minute a key."""
        await self._keyring.note_uses()

    def new_key(self) -> str:
        """A key nobody has yet."""
        return key_rules.key_text(
            prefix=self._token(key_rules.PREFIX_BYTES), secret=self._token(key_rules.SECRET_BYTES)
        )

    def _draw(self, request: KeyRequest) -> tuple[KeyDraft, str]:
        key = self.new_key()
        return key_rules.key_draft(request, ApiKeyId(self._runtime.new_id()), key), key

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
            journal(tx, caller, "key.issue", f"principal:{draft.request.owner_id}", answer)
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
            journal(tx, request.caller, "key.revoke", f"key:{request.key_id}", answer)
            answers.append(answer)
        await key_store.set_revoked(tx, revoked, tx.now)
        return answers


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
