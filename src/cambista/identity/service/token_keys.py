"""Keys of access tokens: shared by all processes through the database, turned in time, never all at once."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from joserfc.jwk import OKPKey

from cambista.identity.rules import token_keys as rules
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import token_keys as store
from cambista.identity.types.oauth import TokenKey
from cambista.kernel.errors import Unauthenticated
from cambista.runtime import Runtime, Tx

KEPT = timedelta(days=1)


class TokenKeys:
    """The keys as last read, believed for `trust_s`: a key that was thrown away verifies nothing a second later."""

    def __init__(
        self, runtime: Runtime, settings: IdentitySettings, *, token: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._runtime = runtime
        self._trust_s = settings.trust_s
        self._token = token
        oauth = settings.oauth
        self._turns = rules.Turns(
            timedelta(seconds=oauth.token_key_s),
            timedelta(seconds=oauth.token_key_ahead_s),
            timedelta(seconds=oauth.access_token_s),
        )
        self._keys: dict[str, TokenKey] = {}
        self._public: dict[str, OKPKey] = {}
        self._private: tuple[str, OKPKey] | None = None
        self._read_at = float("-inf")

    async def verifying(self, kid: str) -> OKPKey:
        """The public key of that name; raises `unauthenticated` when there is none (any more)."""
        await self._refresh()
        key = self._keys.get(kid)
        if key is None or key.verifies_until <= self._runtime.now():
            raise Unauthenticated
        found = self._public.get(kid)
        if found is None:
            found = self._public[kid] = OKPKey.import_key(rules.public_jwk(key.public))
        return found

    async def signing(self) -> tuple[str, OKPKey]:
        """The name of the key that signs now, and the key. Where there is none yet, it is made."""
        await self._refresh()
        now = self._runtime.now()
        chosen = rules.signing(list(self._keys.values()), now)
        if chosen is None:
            await self.turn_in_time()
            await self._refresh()
            chosen = rules.signing(list(self._keys.values()), now)
        assert chosen is not None, "a clock set back before the first key"
        if self._private is None or self._private[0] != chosen.kid:
            async with self._runtime.db.read() as reader:
                seed = await store.unseal(reader, self._runtime, chosen)
            self._private = (chosen.kid, OKPKey.import_key(rules.private_jwk(chosen.public, seed)))
        return self._private

    async def published(self) -> list[rules.Jwk]:
        """The public keys that verify now or will (RFC 7517)."""
        await self._refresh()
        now = self._runtime.now()
        return [
            {**rules.public_jwk(key.public), "kid": key.kid, "use": "sig", "alg": "Ed25519"}
            for key in self._keys.values()
            if key.verifies_until > now
        ]

    async def turn_in_time(self) -> None:
        """Make the next key when its time has come, and drop those no token needs any more."""
        await self._runtime.sealing.ready(self._runtime.db, [store.SUBJECT], new=1)
        async with self._runtime.db.transaction() as tx:
            await store.lock_turn(tx)
            await self._make_due(tx, await store.find_keys(tx, tx.now))
            await store.drop_keys(tx, tx.now - KEPT)
        self._read_at = float("-inf")

    async def turn(self, *, at_once: bool) -> datetime:
        """Turn by hand, in order, or (`at_once`) because keys may be stolen: then no token signed before counts.

        The moment from which the new key signs.
        """
        await self._runtime.sealing.ready(self._runtime.db, [store.SUBJECT], new=1)
        async with self._runtime.db.transaction() as tx:
            await store.lock_turn(tx)
            keys = await store.find_keys(tx, tx.now)
            turn = rules.turned(keys, tx.now, self._turns, at_once=at_once)
            await store.set_ends(tx, turn.ending)
            await store.delete_keys(tx, turn.dropped)
            made = await self._make_due(tx, await store.find_keys(tx, tx.now))
        self._read_at = float("-inf")
        assert made is not None, "what signs now ends within the time a key is published before it signs"
        return made.signs_from

    async def _make_due(self, tx: Tx, keys: list[TokenKey]) -> TokenKey | None:
        due = rules.due(keys, tx.now, self._turns)
        if due is None:
            return None
        made = rules.drawn(self._token(rules.SEED_BYTES), tx.now, due, self._turns)
        await store.insert_keys(tx, self._runtime, [made])
        return made

    async def _refresh(self) -> None:
        now = self._runtime.clock.monotonic()
        if now - self._read_at < self._trust_s:
            return
        async with self._runtime.db.read() as reader:
            keys = await store.find_keys(reader, self._runtime.now())
        self._keys = {key.kid: key for key in keys}
        self._public = {kid: key for kid, key in self._public.items() if kid in self._keys}
        self._read_at = now
