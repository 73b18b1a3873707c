"""OAuth2 (RFC 6749 with RFC 9700): the door of clients that act for a partner, or for a customer who agreed."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from cambista.identity.events.oauth import AccessRevoked
from cambista.identity.rules import oauth as rules
from cambista.identity.rules.access_tokens import MARK, Issuer
from cambista.identity.service.access_tokens import AccessTokens
from cambista.identity.service.keyring import Keyring, Known
from cambista.identity.service.oauth_clients import OAuthClients
from cambista.identity.service.oauth_consents import OAuthConsents
from cambista.identity.service.oauth_exchange import OAuthExchange, caller_of
from cambista.identity.service.token_keys import TokenKeys
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import oauth_grants as store
from cambista.identity.types.oauth import Flow, Looked, Presented
from cambista.kernel.callers import Role
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import Action, Runtime, Tx

# How long ended grants are kept: a code or refresh token seen again must find what it belonged to.
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Ending:
    presented: Presented
    client_id: UUID
    grant_id: UUID


class OAuth:
    """`clients` are registered, `consents` given by customers, `exchange` gives tokens, `keys` sign them."""

    def __init__(
        self,
        runtime: Runtime,
        settings: IdentitySettings,
        keyring: Keyring,
        *,
        token: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._runtime = runtime
        self._keyring = keyring
        self.keys = TokenKeys(runtime, settings, token=token)
        self._tokens = AccessTokens(runtime, settings, keyring, self.keys)
        self.clients = OAuthClients(runtime, settings, keyring, token=token)
        self.consents = OAuthConsents(runtime, settings, keyring, self.clients)
        self.exchange = OAuthExchange(runtime, settings, keyring, self.clients, self._tokens)

    @property
    def issuer(self) -> Issuer:
        """Who issues the tokens, and for whom."""
        return self._tokens.issuer

    @staticmethod
    def looks_like_token(text: str) -> bool:
        """Whether a credential can only be an access token."""
        return text.startswith(MARK)

    async def find(self, token: str) -> Known:
        """Who speaks with this access token and what it may; raises `unauthenticated` when nobody may with it now."""
        return await self._tokens.find(token)

    async def introspect(self, presented: Presented, token: str) -> Looked | None:
        """What a token of the asking client is good for now; None: nothing, or it is another's (RFC 7662).

        Refuses `invalid_client`.
        """
        client = await self.clients.recognise(presented)
        looked = await (self._look_at_access(token) if self.looks_like_token(token) else self._look_at_refresh(token))
        return looked if looked is not None and looked.client_id == client.id else None

    async def revoke(self, presented: Presented, token: str) -> None:
        """End the grant behind an access or refresh token of the asking client (RFC 7009); others are left alone.

        Refuses `invalid_client`.
        """
        client = await self.clients.recognise(presented)
        grant_id = await self._grant_behind(token)
        if grant_id is None:
            return
        [verdict] = await self._runtime.writer.submit(self._revoke, [_Ending(presented, client.id, grant_id)])
        self._keyring.forget()
        if isinstance(verdict, Refusal):
            raise verdict

    async def sweep(self) -> None:
        """Forget grants, codes and refresh tokens that ended a week ago."""
        async with self._runtime.db.transaction() as tx:
            await store.sweep(tx, KEPT)

    async def _look_at_access(self, token: str) -> Looked | None:
        try:
            claims = await self._tokens.read(token)
            await self._tokens.find(token)
        except Unauthenticated:
            return None
        scopes = tuple(sorted(claims.scopes))
        return Looked(
            "access_token", scopes, claims.client_id, claims.owner_id, claims.issued_at, claims.expires_at,
            claims.token_id,
        )  # fmt: skip

    async def _look_at_refresh(self, token: str) -> Looked | None:
        async with self._runtime.db.read() as reader:
            found = await store.find_refresh(reader, rules.token_hash(token))
        now = self._runtime.now()
        if found is None or found.used_at is not None or found.expires_at <= now:
            return None
        try:
            await self._keyring.find_grant(found.grant.id)
        except Unauthenticated:
            return None
        grant = found.grant
        issued_at, expires_at = int(found.created_at.timestamp()), int(found.expires_at.timestamp())
        return Looked("refresh_token", grant.scopes, grant.client_id, grant.owner_id, issued_at, expires_at)

    async def _grant_behind(self, token: str) -> UUID | None:
        if self.looks_like_token(token):
            try:
                return (await self._tokens.read(token)).grant_id
            except Unauthenticated:
                return None
        async with self._runtime.db.read() as reader:
            found = await store.find_refresh(reader, rules.token_hash(token))
        return None if found is None else found.grant.id

    async def _revoke(self, tx: Tx, endings: Sequence[_Ending]) -> list[Refusal | None]:
        grants = await store.lock_grants(tx, [each.grant_id for each in endings])
        own = [each for each in endings if each.grant_id in grants]
        for each in own:
            grant = grants[each.grant_id]
            if grant.client_id != each.client_id or grant.revoked_at is not None:
                continue
            await store.set_grants_revoked(tx, [grant.id])
            gone = AccessRevoked(grant.id, grant.client_id, grant.owner_id, "client", tx.now)
            tx.emit(gone, trace_id=each.presented.visitor.trace_id)
            role = Role.PARTNER if grant.flow is Flow.CLIENT_CREDENTIALS else Role.CUSTOMER
            tx.record(Action(caller_of(each.presented, grant, role), "oauth.revoke", f"grant:{grant.id}"))
        return [None] * len(endings)
