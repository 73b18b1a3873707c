"""Certifies each day what the house owes and has, and shows each customer its own leaf."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Protocol
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog

from cambista.audit.errors.solvency import CertificateUnknown, CertificationUnderWay, ProofUnknown
from cambista.audit.rules import liabilities, solvency
from cambista.audit.service.growing import grow
from cambista.audit.settings import AuditSettings
from cambista.audit.store import solvency as store
from cambista.audit.types.solvency import Certificate, LiabilityProof, OwnProofs, Tree
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.canonical import digest
from cambista.ledger import Ledger, Total
from cambista.runtime import Action, Reader, Runtime

_log = structlog.get_logger(__name__)
HOUSE = Caller(UUID(int=0), Role.AUDITOR, credential=Credential.HOUSE)
_SECRETS_OF = uuid5(NAMESPACE_URL, "cambista:audit:liabilities")


class Signs(Protocol):
    """Holds the audit's Ed25519 key."""

    @property
    def public_key(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Books:
    """All that the books say at one moment."""

    as_of: datetime
    owed: Mapping[str, bytes]
    totals: Sequence[Total]


class Solvency:
    """One signed certificate a UTC day: a Merkle-sum tree of liabilities per asset, the reserves beside it."""

    def __init__(self, runtime: Runtime, settings: AuditSettings, signer: Signs, *, ledger: Ledger) -> None:
        self._runtime, self._settings, self._signer, self._ledger = runtime, settings, signer, ledger

    async def certify(self, *, caller: Caller = HOUSE) -> Certificate:
        """Today's certificate, made now unless it stands. Refuses (`certification_under_way`) a second maker."""
        today = self._runtime.now().date()
        # This transaction only holds the turn: it writes nothing, so it delays no event and no vacuum.
        async with self._runtime.db.transaction() as turn:
            if not await store.take_turn(turn):
                raise CertificationUnderWay(day=today.isoformat())
            found = await store.find_certificate(turn, self._runtime.branch, today)
            return found or await self._make(caller)

    async def certify_due(self) -> None:
        """The day's certificate once its hour has come; one that was missed is made later that day."""
        now = self._runtime.now()
        if not solvency.due_since(now, self._settings.solvency_hour_utc):
            return
        async with self._runtime.db.read() as reader:
            if await store.find_certificate(reader, self._runtime.branch, now.date()) is not None:
                return
        try:
            made = await self.certify()
        except CertificationUnderWay:
            return
        _log.info("solvency_certified", day=made.day.isoformat(), sha256=digest(made.statement))
        await self._forget_leaves()

    async def certificate(self, day: date | None = None) -> Certificate:
        """The certificate of that day, or the newest; refuses (`certificate_not_found`) where there is none."""
        async with self._runtime.db.read() as reader:
            return await self._find(reader, day)

    async def own_proofs(self, caller: Caller, day: date | None = None) -> OwnProofs:
        """The caller's own leaves in a day's trees, with all that is needed to check them without the house."""
        async with self._runtime.db.snapshot() as reader:
            certificate = await self._find(reader, day)
            proofs = await self._prove(reader, certificate, caller.id)
        if not proofs:
            raise ProofUnknown(day=certificate.day.isoformat())
        return OwnProofs(certificate, proofs)

    async def _find(self, reader: Reader, day: date | None) -> Certificate:
        found = await store.find_certificate(reader, self._runtime.branch, day)
        if found is None:
            raise CertificateUnknown(**({} if day is None else {"day": day.isoformat()}))
        return found

    async def _make(self, caller: Caller) -> Certificate:
        id, secret = self._runtime.new_id(), secrets.token_bytes(32)
        books = await self._read_books()
        positions = []
        for asset, group in groupby(books.totals, lambda each: each.asset.code):
            tree = await grow(liabilities.asset_key(secret, asset), asset, books.owed.get(asset, b""))
            positions.append(solvency.position(list(group), tree))
            await self._keep(id, asset, tree)
        statement = solvency.statement(self._runtime.branch, books.as_of, positions)
        signature = self._signer.sign(solvency.signed_message(statement))
        made = Certificate(id, books.as_of.date(), books.as_of, statement, signature, self._signer.public_key)
        await self._publish(made, secret, caller)
        return made

    async def _read_books(self) -> _Books:
        """Everything in one snapshot, which is left at once: an old one keeps dead versions of busy tills alive."""
        pages: dict[str, list[bytes]] = {}
        async with self._runtime.db.snapshot() as reader:
            as_of = self._runtime.now()
            totals = await self._ledger.totals(reader)
            page = await self._ledger.owed(reader)
            while page.last is not None:
                for asset, records in page.records.items():
                    pages.setdefault(asset, []).append(records)
                page = await self._ledger.owed(reader, after=page.last)
        return _Books(as_of, {asset: b"".join(each) for asset, each in pages.items()}, totals)

    async def _keep(self, certificate_id: UUID, asset: str, tree: Tree) -> None:
        async with self._runtime.db.transaction() as tx:
            await store.insert_tree(tx, certificate_id, asset, tree)

    async def _publish(self, made: Certificate, secret: bytes, caller: Caller) -> None:
        async with self._runtime.db.transaction() as tx:
            [sealed] = await self._runtime.sealing.seal(tx, [(_SECRETS_OF, _bound_to(made.id), secret.hex())])
            await store.insert_certificate(tx, made, self._runtime.branch, sealed)
            facts = {"day": made.day.isoformat(), "sha256": digest(made.statement)}
            tx.record(Action(caller, "solvency.certify", f"certificate:{made.id}", facts=facts))

    async def _prove(self, reader: Reader, certificate: Certificate, customer_id: UUID) -> list[LiabilityProof]:
        sealed = await store.find_secret(reader, certificate.id)
        [secret] = await self._runtime.sealing.unseal(reader, [(_SECRETS_OF, _bound_to(certificate.id), sealed)])
        assets = await store.list_tree_assets(reader, certificate.id)
        keys = {asset: liabilities.asset_key(bytes.fromhex(secret), asset) for asset in assets}
        places = {asset: liabilities.place_of(key, customer_id) for asset, key in keys.items()}
        chunks = await store.find_chunks(reader, certificate.id, places)
        within = {
            asset: liabilities.chunk_proof(keys[asset], asset, leaves, customer_id)
            for asset, (_, _, leaves) in sorted(chunks.items())
        }
        found = {asset: proof for asset, proof in within.items() if proof is not None}
        starts = {asset: liabilities.tops_beside(*chunks[asset][:2]) for asset in found}
        beside = await store.find_tops(reader, certificate.id, starts)
        return [liabilities.full_proof(proof, chunks[asset][1], beside[asset]) for asset, proof in found.items()]

    async def _forget_leaves(self) -> None:
        oldest = solvency.oldest_kept(self._runtime.now(), self._settings.leaves_kept_days)
        async with self._runtime.db.transaction() as tx:
            await store.forget_leaves(tx, self._runtime.branch, oldest)


def _bound_to(certificate_id: UUID) -> str:
    return f"audit.certificate.secret:{certificate_id}"
