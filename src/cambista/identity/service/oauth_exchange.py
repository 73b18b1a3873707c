"""The token endpoint's use cases: credentials, codes and refresh tokens exchanged for access tokens."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from cambista.identity.errors.oauth import ClientUnauthorized, CodeMisused, GrantInvalid, GrantReused
from cambista.identity.events.oauth import AccessGranted, AccessRevoked
from cambista.identity.rules import oauth as rules
from cambista.identity.service.access_tokens import AccessTokens
from cambista.identity.service.keyring import Keyring
from cambista.identity.service.oauth_clients import OAuthClients
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import keys as key_store
from cambista.identity.store import oauth_grants as store
from cambista.identity.types.oauth import (
    Client,
    Code,
    CodeRequest,
    DirectRequest,
    Flow,
    Grant,
    Presented,
    RefreshRequest,
    Tokens,
)
from cambista.identity.types.people import Visitor
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Refusal
from cambista.runtime import Action, Runtime, Tx


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request of a client that showed who it is, with what was drawn for it: a grant's id, and a refresh token."""

    request: DirectRequest | CodeRequest | RefreshRequest
    client: Client
    grant_id: UUID
    refresh: str = field(repr=False)


class OAuthExchange:
    """Each exchange is decided and written in one transaction; the access token is made of what that decided."""

    def __init__(
        self,
        runtime: Runtime,
        settings: IdentitySettings,
        keyring: Keyring,
        clients: OAuthClients,
        tokens: AccessTokens,
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._keyring = keyring
        self._clients = clients
        self._tokens = tokens

    async def directly(self, request: DirectRequest) -> Tokens:
        """A token for the client's own partner.

        Refuses `invalid_client`, `unauthorized_client`, `invalid_scope`.
        """
        asked = await self._asked(request, Flow.CLIENT_CREDENTIALS)
        scopes = rules.narrowed(request.scopes, asked.client.scopes)
        grant = await self._decide(self._grant_directly, asked)
        return await self._tokens.issue(grant, scopes)

    async def of_code(self, request: CodeRequest) -> Tokens:
        """The tokens a customer agreed to. A code that comes again ends all that came of it.

        Refuses `invalid_client`, `unauthorized_client`, `invalid_grant`.
        """
        asked = await self._asked(request, Flow.AUTHORIZATION_CODE)
        grant = await self._decide(self._exchange_codes, asked)
        refresh = asked.refresh if Flow.REFRESH_TOKEN in asked.client.flows else ""
        return await self._tokens.issue(grant, grant.scopes, refresh)

    async def of_refresh(self, request: RefreshRequest) -> Tokens:
        """The next access and refresh token. A refresh token that comes again ends its grant.

        Refuses `invalid_client`, `unauthorized_client`, `invalid_grant`, `invalid_scope`.
        """
        asked = await self._asked(request, Flow.REFRESH_TOKEN)
        grant = await self._decide(self._refresh, asked)
        return await self._tokens.issue(grant, request.scopes or grant.scopes, asked.refresh)

    async def _asked(self, request: DirectRequest | CodeRequest | RefreshRequest, flow: Flow) -> _Asked:
        client = await self._clients.recognise(request.presented)
        if flow not in client.flows:
            raise ClientUnauthorized(flows=[each.value for each in client.flows])
        await self._tokens.ready()
        refresh = self._clients.draw(rules.REFRESH_MARK)
        return _Asked(request, client, self._runtime.new_id(), refresh)

    async def _decide(
        self, use_case: Callable[[Tx, Sequence[_Asked]], Awaitable[list[Grant | Refusal]]], asked: _Asked
    ) -> Grant:
        [verdict] = await self._runtime.writer.submit(use_case, [asked])
        if isinstance(verdict, Grant):
            return verdict
        assert isinstance(verdict, Refusal)
        if isinstance(verdict, GrantReused):
            self._keyring.forget()
        raise verdict

    async def _grant_directly(self, tx: Tx, asked: Sequence[_Asked]) -> list[Grant | Refusal]:
        # It lives exactly as long as its one token: there is nothing to refresh.
        until = tx.now + timedelta(seconds=self._settings.oauth.access_token_s)
        grants = []
        for each in asked:
            client = each.client
            grant = Grant(
                each.grant_id, client.id, client.name, client.owner_id, client.scopes, Flow.CLIENT_CREDENTIALS, tx.now,
                until,
            )  # fmt: skip
            grants.append(grant)
            tx.record(_action(each, grant, "oauth.token"))
        await store.insert_grants(tx, grants)
        return list(grants)

    async def _exchange_codes(self, tx: Tx, asked: Sequence[_Asked]) -> list[Grant | Refusal]:
        requests = [each.request for each in asked if isinstance(each.request, CodeRequest)]
        codes = await store.lock_codes(tx, [rules.token_hash(request.code) for request in requests])
        made: list[Grant] = []
        changed: dict[bytes, Code] = {}
        answers: list[Grant | Refusal] = []
        for each, request in zip(asked, requests, strict=True):
            found = codes.get(rules.token_hash(request.code))
            refusal = rules.code_refusal(request, each.client, found, tx.now)
            if found is None or refusal is not None:
                answers.append(refusal or GrantInvalid())
                if found is not None and isinstance(refusal, CodeMisused):
                    codes[found.hash] = changed[found.hash] = replace(found, used_at=tx.now)
                if found is not None and isinstance(refusal, GrantReused):
                    await self._end(tx, each, found.grant_id, "code_reused")
                continue
            grant = self._granted(each, found, tx.now)
            made.append(grant)
            codes[found.hash] = changed[found.hash] = replace(found, used_at=tx.now, grant_id=grant.id)
            tx.emit(
                AccessGranted(grant.id, grant.client_id, grant.owner_id, tx.now),
                trace_id=request.presented.visitor.trace_id,
            )
            tx.record(_action(each, grant, "oauth.exchange"))
            answers.append(grant)
        await store.insert_grants(tx, made)
        await store.set_codes_used(tx, list(changed.values()))
        refreshing = [each for each in asked if Flow.REFRESH_TOKEN in each.client.flows]
        await self._give_refresh(tx, refreshing, {grant.id: grant for grant in made})
        return answers

    async def _refresh(self, tx: Tx, asked: Sequence[_Asked]) -> list[Grant | Refusal]:
        requests = [each.request for each in asked if isinstance(each.request, RefreshRequest)]
        found = await store.lock_refresh(tx, [rules.token_hash(request.token) for request in requests])
        asleep = await key_store.find_refused_keys(tx, [each.grant.id for each in found.values()], tx.now)
        used: list[bytes] = []
        good: dict[UUID, Grant] = {}
        answers: list[Grant | Refusal] = []
        for each, request in zip(asked, requests, strict=True):
            token = found.get(rules.token_hash(request.token))
            refusal: Refusal | None = rules.refresh_refusal(request, each.client, token, tx.now)
            if token is None or refusal is not None:
                answers.append(refusal or GrantInvalid())
                if token is not None and isinstance(refusal, GrantReused):
                    await self._end(tx, each, token.grant.id, "refresh_reused")
                continue
            if token.grant.id in asleep:
                # The customer or the partner is blocked: not for ever, so the token is not used up.
                answers.append(GrantInvalid())
                continue
            found[token.hash] = replace(token, used_at=tx.now)
            used.append(token.hash)
            good[each.grant_id] = token.grant
            tx.record(_action(each, token.grant, "oauth.refresh"))
            answers.append(token.grant)
        await store.set_refresh_used(tx, used)
        await self._give_refresh(tx, asked, good)
        return answers

    def _granted(self, asked: _Asked, code: Code, now: datetime) -> Grant:
        until = now + timedelta(seconds=self._settings.oauth.grant_s)
        client = asked.client
        return Grant(
            asked.grant_id, client.id, client.name, code.owner_id, code.scopes, Flow.AUTHORIZATION_CODE, now, until
        )

    async def _give_refresh(self, tx: Tx, asked: Sequence[_Asked], grants: dict[UUID, Grant]) -> None:
        """Store the refresh tokens drawn for those that have a grant; none outlives it."""
        until = tx.now + timedelta(seconds=self._settings.oauth.refresh_token_s)
        rows = [
            (rules.token_hash(each.refresh), grant, min(until, grant.expires_at))
            for each in asked
            if (grant := grants.get(each.grant_id)) is not None
        ]
        await store.insert_refresh(tx, rows)

    async def _end(self, tx: Tx, asked: _Asked, grant_id: UUID | None, reason: str) -> None:
        """End a grant because what is good once came twice."""
        grants = await store.lock_grants(tx, [] if grant_id is None else [grant_id])
        for grant in grants.values():
            if grant.revoked_at is None:
                await store.set_grants_revoked(tx, [grant.id])
                gone = AccessRevoked(grant.id, grant.client_id, grant.owner_id, reason, tx.now)
                tx.emit(gone, trace_id=asked.request.presented.visitor.trace_id)
            tx.record(_action(asked, grant, "oauth.reuse", outcome=reason))


def _action(asked: _Asked, grant: Grant, name: str, *, outcome: str = "done") -> Action:
    role = Role.PARTNER if grant.flow is Flow.CLIENT_CREDENTIALS else Role.CUSTOMER
    caller = caller_of(asked.request.presented, grant, role)
    return Action(caller, name, f"grant:{grant.id}", outcome)


def caller_of(presented: Presented, grant: Grant, role: Role) -> Caller:
    """Who acts when a client exchanges something: the client, on behalf of the grant's owner."""
    visitor: Visitor = presented.visitor
    return Caller(
        grant.owner_id, role, grant.id, frozenset(grant.scopes), visitor.address, visitor.trace_id, Credential.TOKEN,
        grant.client_id, None, visitor.agent,
    )  # fmt: skip
