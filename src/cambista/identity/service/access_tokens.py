"""Access tokens: issued for a grant, and found again when they come back; a checked one is remembered for a second."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from cambista.identity.rules import access_tokens as rules
from cambista.identity.rules.access_tokens import Issuer
from cambista.identity.service.keyring import Keyring, Known
from cambista.identity.service.token_keys import TokenKeys
from cambista.identity.settings import IdentitySettings
from cambista.identity.types.oauth import Claims, Grant, Tokens
from cambista.kernel.callers import Credential
from cambista.kernel.errors import Unauthenticated
from cambista.runtime import Runtime


class _Checked(NamedTuple):
    claims: Claims
    checked_at: float


class AccessTokens:
    """Tokens say themselves what they are good for; whether their grant still stands is asked of the keyring."""

    def __init__(self, runtime: Runtime, settings: IdentitySettings, keyring: Keyring, keys: TokenKeys) -> None:
        self._runtime = runtime
        self._settings = settings
        self._keyring = keyring
        self._keys = keys
        self.issuer = Issuer(settings.origin, f"{settings.origin}/api/v1")
        self._checked: OrderedDict[bytes, _Checked] = OrderedDict()

    async def ready(self) -> None:
        """Have a key to sign with, before anything is promised that needs one."""
        await self._keys.signing()

    async def issue(self, grant: Grant, scopes: Sequence[str], refresh: str = "") -> Tokens:
        """A token for that grant, narrowed to `scopes`; it ends with the grant at the latest."""
        kid, key = await self._keys.signing()
        issued_at = int(self._runtime.now().timestamp())
        seconds = min(self._settings.oauth.access_token_s, int(grant.expires_at.timestamp()) - issued_at)
        claims = Claims(
            grant.id, grant.owner_id, grant.client_id, frozenset(scopes), issued_at, issued_at + seconds,
            str(self._runtime.new_id()),
        )  # fmt: skip
        return Tokens(rules.written(claims, self.issuer, key, kid), seconds, tuple(sorted(scopes)), refresh)

    async def find(self, token: str) -> Known:
        """Who speaks with this token and what it may; raises `unauthenticated` for what is none, over or taken back."""
        claims = await self.read(token)
        known = await self._keyring.find_grant(claims.grant_id)
        meant: tuple[Credential, UUID, UUID | None] = (Credential.TOKEN, claims.owner_id, claims.client_id)
        if (known.kind, known.owner_id, known.client_id) != meant or not known.scopes >= claims.scopes:
            raise Unauthenticated
        return known._replace(scopes=claims.scopes)

    async def read(self, token: str) -> Claims:
        """What the token says, if it is ours and its time has not passed; raises `unauthenticated`."""
        name = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        now = self._runtime.clock.monotonic()
        checked = self._checked.get(name)
        if checked is not None and now - checked.checked_at < self._settings.trust_s:
            if checked.claims.expires_at <= self._runtime.now().timestamp():
                raise Unauthenticated
            return checked.claims
        key = await self._keys.verifying(rules.kid_of(token))
        claims = rules.read(token, self.issuer, key, self._runtime.now())
        self._checked[name] = _Checked(claims, now)
        self._checked.move_to_end(name)
        while len(self._checked) > self._settings.known_keys_max:
            self._checked.popitem(last=False)
        return claims
