"""Requests of signed keys: the signature checked, the nonce used up."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from cambista.identity.errors.signing import RequestReplayed, SignatureRequired
from cambista.identity.rules import signing as rules
from cambista.identity.service.keyring import Known
from cambista.identity.settings import IdentitySettings
from cambista.identity.store import keys as key_store
from cambista.identity.store import signing as store
from cambista.identity.types.signing import Signed, UsedNonce
from cambista.kernel.errors import Refusal, Unauthenticated
from cambista.runtime import SHREDDED, Runtime, Tx

# Nonces outlive their requests by this much, so that a clock set back that far lets no replay in.
NONCES_KEPT = timedelta(minutes=10)


class _Secret(NamedTuple):
    sealed: bytes
    text: str
    read_at: float

    def __repr__(self) -> str:
        return "_Secret(***)"


class Signing:
    """Lets a signed request in once. Secrets are remembered open for as long as keys are."""

    def __init__(self, runtime: Runtime, settings: IdentitySettings) -> None:
        self._runtime = runtime
        self._settings = settings
        self._secrets: OrderedDict[UUID, _Secret] = OrderedDict()

    async def check(self, known: Known, signed: Signed | None) -> datetime:
        """When the request was proved: now.

        Refuses `signature_required`, `signature_invalid`, `signature_expired`, `request_replayed`.
        """
        if signed is None:
            raise SignatureRequired
        request = await signed()
        now = self._runtime.now()
        window = timedelta(seconds=self._settings.signature_window_s)
        until = rules.signed_until(request, await self._secret(known), now, window)
        used = UsedNonce(known.key_id, request.nonce, until)
        [verdict] = await self._runtime.writer.submit(self._use, [used])
        if isinstance(verdict, Refusal):
            raise verdict
        return now

    async def forget_nonces(self) -> None:
        """Drop nonces of requests that have long been too old."""
        async with self._runtime.db.transaction() as tx:
            await store.forget_nonces(tx, tx.now - NONCES_KEPT)

    async def _secret(self, known: Known) -> str:
        assert known.signing_secret is not None
        now = self._runtime.clock.monotonic()
        found = self._secrets.get(known.key_id)
        if found is None or found.sealed != known.signing_secret or now - found.read_at >= self._settings.trust_s:
            found = await self._open(known, known.signing_secret, now)
        if found.text == SHREDDED:
            raise Unauthenticated
        return found.text

    async def _open(self, known: Known, sealed: bytes, now: float) -> _Secret:
        asked = (known.owner_id, key_store.secret_place(known.key_id), sealed)
        async with self._runtime.db.read() as reader:
            [text] = await self._runtime.sealing.unseal(reader, [asked])
        found = self._secrets[known.key_id] = _Secret(sealed, text, now)
        self._secrets.move_to_end(known.key_id)
        while len(self._secrets) > self._settings.known_keys_max:
            self._secrets.popitem(last=False)
        return found

    async def _use(self, tx: Tx, nonces: Sequence[UsedNonce]) -> list[Refusal | None]:
        fresh = await store.insert_nonces(tx, nonces)
        verdicts: list[Refusal | None] = []
        for each in nonces:
            first = (each.key_id, each.nonce) in fresh
            # The same nonce twice in one batch: the first has it.
            fresh.discard((each.key_id, each.nonce))
            verdicts.append(None if first else RequestReplayed())
        return verdicts
