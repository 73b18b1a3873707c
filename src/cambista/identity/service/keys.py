"""API keys: made, revoked, listed; and who calls with one."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID

from cambista.identity.errors.principals import PrincipalUnknown
from cambista.identity.errors.signing import AddressNotAllowed
from cambista.identity.events.keys import ApiKeyIssued, ApiKeyRevoked, ApiKeyRotated
from cambista.identity.rules import keys as key_rules
from cambista.identity.rules import signing as signing_rules
from cambista.identity.rules.keys import KeyDraft, Rotation
from cambista.identity.rules.roles import OVERSEERS, owner_seen
from cambista.identity.rules.sessions import agent_hash
from cambista.identity.rules.step_up import step_up_refusal
from cambista.identity.service.journaling import journal, key_ids
from cambista.identity.service.keyring import Keyring, Known
from cambista.identity.service.listing import before, page, page_size
from cambista.identity.service.oauth import OAuth
from cambista.identity.service.sessions import end_foreign
from cambista.identity.service.signing import Signing
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import keys as key_store
from cambista.identity.types.keys import ApiKey, KeyRequest, KeyRevocation, KeyRotation, NewApiKey, Scope
from cambista.identity.types.principals import Page
from cambista.identity.types.signing import Signed
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Denied, Refusal, Unauthenticated
from cambista.kernel.ids import ApiKeyId
from cambista.runtime import Action, Once, Replay, Runtime, Tx

TokenSource = Callable[[int], bytes]
SUSPICION_S = 60
SUSPICIONS_MAX = 10_000


class Keys:
    """The part of identity's door that is about keys, and the memory of credentials all of identity shares.

    `oauth` is the door of OAuth2's clients.
    """

    def __init__(self, runtime: Runtime, settings: IdentitySettings, token: TokenSource) -> None:
        self._runtime = runtime
        self._settings = settings
        self._token = token
        self._keyring = Keyring(runtime, settings)
        self._signing = Signing(runtime, settings)
        self.oauth = OAuth(runtime, settings, self._keyring, token=token)
        self._suspicions: OrderedDict[tuple[UUID, str, str], float] = OrderedDict()

    async def create_keys(
        self, requests: Sequence[KeyRequest], onces: Sequence[Once | None] = ()
    ) -> list[NewApiKey | Refusal | Replay]:
        """Make keys: an admin for anybody, a customer or partner for itself.

        The answer to the request that made it holds the key; `render` of a Once sees only the record, so a replay
        never shows the key again. Refuses `scope_unknown`, `scope_not_of_role`, `scope_beyond_caller`, `keys_limit`,
        `expiry_invalid`, `owner_blocked`, `principal_not_found`.
        """
        signed = [request.owner_id for request in requests if request.signed]
        if signed:
            await self._runtime.sealing.ready(self._runtime.db, signed, new=len(signed))
        return await self._make(self._create_keys, requests, onces)

    async def rotate_keys(
        self, requests: Sequence[KeyRotation], onces: Sequence[Once | None] = ()
    ) -> list[NewApiKey | Refusal | Replay]:
        """Put a new key in the place of one's own, or of any (admin): same name, scopes, addresses and expiry.

        The old one works on for the overlap. Refuses `key_not_found`, `key_ended`, `overlap_invalid`,
        `scope_beyond_caller`, `keys_limit`, `owner_blocked`.
        """
        answers = await self._make(self._rotate_keys, requests, onces)
        self._keyring.forget()
        return answers

    async def revoke_keys(
        self, requests: Sequence[KeyRevocation], onces: Sequence[Once | None] = ()
    ) -> list[ApiKey | Refusal | Replay]:
        """Revoke one's own key, or any (admin), for ever; again is the same revocation. Refuses `key_not_found`."""
        answers = await self._runtime.writer.submit(self._revoke_keys, requests, onces)
        self._keyring.forget()
        return answers

    async def authenticate(
        self, key: str, *, address: str, trace_id: str, agent: str = "", signed: Signed | None = None
    ) -> Caller:
        """Who holds this key, session or access token; raises `unauthenticated` when nobody does now.

        A session belongs to the user agent it was opened with: one that comes with another is ended.
        A key may be bound to addresses (`address_not_allowed`) or to signing: then `signed` is asked for the request,
        which may refuse `signature_required`, `signature_invalid`, `signature_expired`, `request_replayed`.
        """
        is_token = self.oauth.looks_like_token(key)
        known = await (self.oauth.find(key) if is_token else self._keyring.find(key))
        caller = Caller(
            known.owner_id, known.role, known.key_id, known.scopes, address, trace_id, known.kind, known.client_id,
            known.proved_at, agent,
        )  # fmt: skip
        if known.agent_hash is not None and known.agent_hash != agent_hash(agent):
            await end_foreign(self._runtime, self._keyring, caller)
            raise Unauthenticated
        if known.networks or known.signing_secret is not None:
            return await self._bound(known, caller, signed)
        return caller

    async def _bound(self, known: Known, caller: Caller, signed: Signed | None) -> Caller:
        """The caller, with a key that opens from certain addresses or with a signature only."""
        try:
            if known.networks and not key_rules.comes_from(known.networks, caller.address):
                raise AddressNotAllowed
            if known.signing_secret is None:
                return caller
            return replace(caller, proved_at=await self._signing.check(known, signed))
        except Denied as refusal:
            await self._suspect(known.key_id, caller, refusal)
            raise

    async def _suspect(self, key_id: UUID, caller: Caller, refusal: Refusal) -> None:
        """Journal that a key came from elsewhere or unsigned: once a minute each, so that noise fills no disk."""
        seen, now = (key_id, caller.address, refusal.code), self._runtime.clock.monotonic()
        last = self._suspicions.get(seen)
        if last is not None and now - last < SUSPICION_S:
            return
        self._suspicions[seen] = now
        self._suspicions.move_to_end(seen)
        while len(self._suspicions) > SUSPICIONS_MAX:
            self._suspicions.popitem(last=False)
        await self._runtime.record(Action(caller, "key.use", f"key:{key_id}", refusal.code))

    async def refused_keys(self, tx: Tx, key_ids: Sequence[UUID]) -> set[UUID]:
        """Those of the keys that do not authenticate at this moment of the transaction, whatever memory says."""
        return await key_store.find_refused_keys(tx, key_ids, tx.now) if key_ids else set()

    async def barred(self, tx: Tx, callers: Sequence[Caller]) -> list[Refusal | None]:
        """Why each may not do a deed that takes a fresh second factor, or None.

        Its key or session has ended meanwhile (`unauthenticated`), or `step_up_required`.
        """
        refused = await self.refused_keys(tx, key_ids(callers))
        within = self._settings.step_up
        return [
            Unauthenticated() if caller.key_id in refused else step_up_refusal(caller, tx.now, within)
            for caller in callers
        ]

    async def list_keys(
        self, caller: Caller, owner_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> Page[ApiKey]:
        """An owner's keys, newest first: one's own, or anybody's for admin and auditor; else `principal_not_found`."""
        caller.require(Scope.KEYS_READ, *Role)
        if caller.id != owner_id and caller.role not in OVERSEERS:
            raise PrincipalUnknown(principal=str(owner_id))
        async with self._runtime.db.read_for(owner_seen(caller)) as reader:
            rows = await key_store.list_keys(reader, owner_id, before(cursor), page_size(limit) + 1)
        return page(rows, limit, [row.id for row in rows])

    def note_use(self, caller: Caller) -> None:
        """Note that somebody is active who sends no request: a session that looks on does not rest."""
        if caller.key_id is not None:
            self._keyring.note_use(caller.key_id)

    async def forget_nonces(self) -> None:
        """Drop the nonces of signed requests that are too old to be sent again."""
        await self._signing.forget_nonces()

    async def note_uses(self) -> None:
        """Write down when keys were last used, at most once a minute a key."""
        await self._keyring.note_uses()

    def new_key(self) -> str:
        """A key nobody has yet."""
        return key_rules.key_text(
            prefix=self._token(key_rules.PREFIX_BYTES), secret=self._token(key_rules.SECRET_BYTES)
        )

    async def _make(
        self,
        use_case: Callable[[Tx, Sequence[KeyDraft]], Awaitable[Sequence[ApiKey | Refusal]]],
        requests: Sequence[KeyRequest] | Sequence[KeyRotation],
        onces: Sequence[Once | None],
    ) -> list[NewApiKey | Refusal | Replay]:
        """Draw a key for each request, and show it to the one whose request made it."""
        drawn = [self._draw(request) for request in requests]
        made: dict[int, ApiKey] = {}
        kept = [_keeping(once, made, index) for index, once in enumerate(onces)]
        answers = await self._runtime.writer.submit(use_case, [draft for draft, _ in drawn], kept)
        shown: list[NewApiKey | Refusal | Replay] = []
        for index, (answer, (draft, key)) in enumerate(zip(answers, drawn, strict=True)):
            record = made.get(index) if isinstance(answer, Replay) else answer
            if isinstance(record, ApiKey):
                shown.append(NewApiKey(record, key, draft.signing_secret if record.signed else ""))
            else:
                shown.append(_not_made(answer))
        return shown

    def _draw(self, request: KeyRequest | KeyRotation) -> tuple[KeyDraft, str]:
        key, secret = self.new_key(), ""
        if isinstance(request, KeyRotation) or request.signed:
            secret = signing_rules.secret_text(self._token(key_rules.SECRET_BYTES))
        return key_rules.key_draft(request, ApiKeyId(self._runtime.new_id()), key, secret), key

    async def _create_keys(self, tx: Tx, drafts: Sequence[KeyDraft]) -> list[ApiKey | Refusal]:
        came_with = key_ids([draft.request.caller for draft in drafts])
        barred = await self.barred(tx, [draft.request.caller for draft in drafts])
        asked = [draft.request for draft in drafts if isinstance(draft.request, KeyRequest)]
        owners = await key_store.lock_owners(tx, [request.owner_id for request in asked], tx.now)
        callers = await key_store.find_keys(tx, came_with)
        fit = [draft for draft, no in zip(drafts, barred, strict=True) if no is None]
        decided = key_rules.keys(fit, owners, tx.now, keys_max=self._settings.keys_max, callers=callers)
        verdicts = {draft.id: verdict for draft, verdict in zip(fit, decided, strict=True)}
        answers = [no or verdicts[draft.id] for draft, no in zip(drafts, barred, strict=True)]
        made = [(answer, draft) for answer, draft in zip(answers, drafts, strict=True) if isinstance(answer, ApiKey)]
        await key_store.insert_keys(tx, self._runtime.sealing, made)
        for answer, request in zip(answers, asked, strict=True):
            if isinstance(answer, ApiKey):
                issued = ApiKeyIssued(answer.id, answer.owner_id, answer.expires_at, tx.now)
                tx.emit(issued, trace_id=request.caller.trace_id)
            journal(tx, request.caller, ("key.issue", f"principal:{request.owner_id}"), answer)
        return answers

    async def _rotate_keys(self, tx: Tx, drafts: Sequence[KeyDraft]) -> list[ApiKey | Refusal]:
        requests = [draft.request for draft in drafts if isinstance(draft.request, KeyRotation)]
        came_with, ids = key_ids([request.caller for request in requests]), [request.key_id for request in requests]
        barred = await self.barred(tx, [request.caller for request in requests])
        callers = await key_store.find_keys(tx, came_with)
        before = await key_store.find_keys(tx, ids)
        # Owners first, then keys: in that order they are locked everywhere.
        owners = await key_store.lock_owners(tx, [key.owner_id for key in before.values()], tx.now)
        keys = await key_store.lock_keys(tx, ids)
        bounds = key_rules.KeyBounds(self._settings.keys_max, self._settings.rotation_overlap_max_s)
        answers: list[ApiKey | Refusal] = []
        for draft, request, no in zip(drafts, requests, barred, strict=True):
            found = keys.get(request.key_id)
            answer: Rotation | Refusal | None = no
            if answer is None:
                answer = key_rules.rotation(draft, found, owners.get(found.owner_id) if found else None, tx.now, bounds)
            if isinstance(answer, Rotation):
                answer = key_rules.beyond_caller(request.caller, answer.made, callers) or answer
            if isinstance(answer, Rotation):
                keys[request.key_id] = answer.replaced
                await self._replace(tx, draft, answer)
            answers.append(answer.made if isinstance(answer, Rotation) else answer)
            journal(tx, request.caller, ("key.rotate", f"key:{request.key_id}"), answers[-1], found)
        return answers

    async def _replace(self, tx: Tx, draft: KeyDraft, rotation: Rotation) -> None:
        made, replaced = rotation.made, rotation.replaced
        await key_store.insert_keys(tx, self._runtime.sealing, [(made, draft)])
        await key_store.set_replaced(tx, [replaced])
        ends_at = replaced.revoked_at or replaced.expires_at
        assert ends_at is not None
        rotated = ApiKeyRotated(replaced.id, made.id, made.owner_id, ends_at, tx.now)
        tx.emit(rotated, trace_id=draft.request.caller.trace_id)

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
            journal(tx, request.caller, ("key.revoke", f"key:{request.key_id}"), answer, found)
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
