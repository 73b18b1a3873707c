"""Certificates over real books: one moment of all balances while trades go on, one a day, and proofs that verify."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest

from cambista.app.build import build
from cambista.audit import (
    AuditKey,
    Certificate,
    CertificateUnknown,
    CertificationUnderWay,
    LiabilityNegative,
    ProofUnknown,
    Solvency,
)
from cambista.audit.rules import liabilities, solvency
from cambista.audit.service import growing
from cambista.audit.store import solvency as store
from cambista.identity import Customer
from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import TransferId
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, USDT
from cambista.ledger import Posted, Posting, Transfer, customer_account
from cambista.pricing import Signer
from cambista.runtime import Runtime, Tx
from tests.databases import open_runtime
from tests.houses import SIGNER_SEED, PaperHouse, caller_of, paper_house, settings


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    async with paper_house(runtime) as made:
        yield made


def positions(certificate: Certificate) -> dict[str, dict[str, str]]:
    return {each["asset"]: each for each in json.loads(certificate.statement)["assets"]}


async def assert_proven(solvent: Solvency, caller: Caller, expected: dict[str, str]) -> None:
    found = await solvent.own_proofs(caller)
    claimed = positions(found.certificate)
    assert {each.leaf.asset for each in found.proofs} == set(expected)
    for proof in found.proofs:
        position, root = claimed[proof.leaf.asset], liabilities.climb(proof)
        assert root[:32].hex() == position["root"]
        assert solvency.units_text(liabilities.node_sum(root), _ASSETS[proof.leaf.asset]) == position["liabilities"]
        assert Amount(proof.leaf.units, _ASSETS[proof.leaf.asset]).text == expected[proof.leaf.asset]


_ASSETS = {"COP": COP, "USDT": USDT}


async def test_each_customer_finds_its_balance_in_the_signed_total(paper: PaperHouse) -> None:
    ana = await paper.customer(1, Amount.of("500.25", COP), Amount.of("3", USDT))
    eva = await paper.customer(2, Amount.of("1", COP))

    certificate = await paper.house.solvency.certify()

    assert positions(certificate)["COP"]["liabilities"] == "501.25"
    await assert_proven(paper.house.solvency, caller_of(ana), {"COP": "500.25", "USDT": "3.000000"})
    await assert_proven(paper.house.solvency, caller_of(eva), {"COP": "1.00"})
    with pytest.raises(ProofUnknown):
        await paper.house.solvency.own_proofs(Caller(UUID(int=99), Role.CUSTOMER))


async def test_the_certificate_is_signed_and_in_the_journal(paper: PaperHouse) -> None:
    certificate = await paper.house.solvency.certify()

    key = AuditKey.from_seed(SIGNER_SEED)
    assert certificate.public_key == key.public_key
    assert certificate.signature == key.sign(solvency.signed_message(certificate.statement))
    async with paper.runtime.db.read() as reader:
        [row] = await reader.all("SELECT subject, facts FROM runtime.journal WHERE name = 'solvency.certify'")
        secret = await store.find_secret(reader, certificate.id)
    assert row["subject"] == f"certificate:{certificate.id}"
    assert json.loads(row["facts"]) == {
        "day": "2026-09-29",
        "sha256": solvency.signed_message(certificate.statement).decode().partition(":")[2],
    }
    assert len(secret) > 64, "sealed, and not the 32 bytes themselves"


@dataclass(slots=True)
class Shuffling:
    """Moves money between customers without a pause until told to stop: the total of all stays what it is."""

    paper: PaperHouse
    customers: list[Customer]
    moved: int = 0
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, seed: int) -> None:
        rng = random.Random(seed)
        while not self.stopped.is_set():
            one, other = (customer_account(each.id, COP) for each in rng.sample(self.customers, 2))
            posting = Posting(one, other, Amount(rng.randrange(1, 500), COP))
            transfer = Transfer(TransferId(self.paper.runtime.new_id()), "move", (posting,))
            [verdict] = await self.paper.runtime.writer.submit(self.paper.house.ledger.post, [transfer])
            self.moved += isinstance(verdict, Posted)


async def test_while_money_moves_the_certificate_is_of_one_moment(
    paper: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read page by page, a balance moved between two pages would be counted twice or not at all."""
    customers = [await paper.customer(number, Amount.of("1000.00", COP)) for number in range(40)]
    shuffling = Shuffling(paper, customers)
    owed = paper.house.ledger.owed
    seen: list[int] = []

    async def small_pages(reader: object, *, after: int = 0) -> object:
        before = shuffling.moved
        while shuffling.moved < before + 20:
            await asyncio.sleep(0)
        page = await owed(reader, after=after, limit=7)  # type: ignore[arg-type]
        seen.append(shuffling.moved)
        return page

    monkeypatch.setattr(paper.house.ledger, "owed", small_pages)
    movers = [asyncio.create_task(shuffling.run(seed)) for seed in range(8)]
    certificate = await paper.house.solvency.certify()
    shuffling.stopped.set()
    await asyncio.gather(*movers)

    assert len(seen) > 5
    assert seen[-1] - seen[0] > 50, "money moved while it was read"
    assert positions(certificate)["COP"]["liabilities"] == "40000.00"
    assert (await paper.house.ledger.trial_balance()).balanced


async def test_held_money_is_still_owed(paper: PaperHouse) -> None:
    from cambista.kernel.ids import HoldId
    from cambista.ledger import Hold

    ana = await paper.customer(1, Amount.of("10", COP))
    later = paper.runtime.now() + timedelta(hours=1)
    async with paper.runtime.db.transaction() as tx:
        account = customer_account(ana.id, COP)
        await paper.house.ledger.hold(tx, [Hold(HoldId(UUID(int=1)), account, Amount.of("10", COP), later)])
    await paper.house.solvency.certify()
    await assert_proven(paper.house.solvency, caller_of(ana), {"COP": "10.00"})


async def test_there_is_one_certificate_a_day_and_one_is_made_when_its_hour_has_come(paper: PaperHouse) -> None:
    house, clock = paper.house, paper.clock
    clock.advance(9 * 3600 + 3600)  # 01:00 of the next day
    await house.solvency.certify_due()
    with pytest.raises(CertificateUnknown):
        await house.solvency.certificate()
    clock.advance(4 * 3600)
    await house.solvency.certify_due()
    first = await house.solvency.certificate()
    clock.advance(3 * 3600)
    await house.solvency.certify_due()
    assert await house.solvency.certify() == first
    clock.advance(24 * 3600)
    await house.solvency.certify_due()
    assert (await house.solvency.certificate()).day == first.day + timedelta(days=1)
    assert await house.solvency.certificate(first.day) == first


async def test_of_two_houses_at_once_one_makes_it(paper: PaperHouse, dsn: str) -> None:
    async with open_runtime(dsn, clock=paper.clock, seed=8) as runtime:
        twin = build(runtime, settings(), Signer.from_seed(SIGNER_SEED), AuditKey.from_seed(SIGNER_SEED))
        async with paper.runtime.db.transaction() as turn:
            assert await store.take_turn(turn)
            with pytest.raises(CertificationUnderWay):
                await twin.solvency.certify()
            await twin.solvency.certify_due()
        both = await asyncio.gather(paper.house.solvency.certify(), twin.solvency.certify(), return_exceptions=True)
    made = [each for each in both if isinstance(each, Certificate)]
    assert made
    assert all(isinstance(each, Certificate | CertificationUnderWay) for each in both)
    assert len({each.id for each in made}) == 1


async def test_leaves_are_forgotten_after_their_time_and_certificates_are_not(paper: PaperHouse) -> None:
    ana = await paper.customer(1, Amount.of("10", COP))
    first = await paper.house.solvency.certify()
    paper.clock.advance(91 * 24 * 3600)
    await paper.house.solvency.certify_due()

    assert await paper.house.solvency.certificate(first.day) == first
    with pytest.raises(ProofUnknown):
        await paper.house.solvency.own_proofs(caller_of(ana), first.day)
    await assert_proven(paper.house.solvency, caller_of(ana), {"COP": "10.00"})


async def test_a_broken_attempt_leaves_no_certificate_and_its_leaves_go_with_the_next_round(
    paper: PaperHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await paper.customer(1, Amount.of("10", COP))

    async def broken(*given: object) -> None:
        raise RuntimeError("killed just before the certificate")

    with monkeypatch.context() as patched:
        patched.setattr(store, "insert_certificate", broken)
        with pytest.raises(RuntimeError):
            await paper.house.solvency.certify()
    with pytest.raises(CertificateUnknown):
        await paper.house.solvency.certificate()

    await paper.house.solvency.certify_due()
    await assert_proven(paper.house.solvency, caller_of(ana), {"COP": "10.00"})
    async with paper.runtime.db.read() as reader:
        assert await reader.value("SELECT count(DISTINCT certificate_id) FROM audit.liability_chunk") == 1


async def test_a_large_tree_grown_in_another_process_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    key = b"\x03" * 32
    records = b"".join(UUID(int=n).bytes + n.to_bytes(8, "big") for n in range(3000))
    here = liabilities.grow(key, "COP", records)
    assert len(records) // liabilities.RECORD > growing.INLINE_MAX
    assert await growing.grow(key, "COP", records) == here
    monkeypatch.setattr(growing, "_RUN", "raise SystemExit(3)")
    with pytest.raises(growing.GrowthFailed):
        await growing.grow(key, "COP", records)


async def test_a_negative_balance_stops_the_certificate(paper: PaperHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger's CHECK holds customers above zero; should it ever fail, nothing is signed over it."""
    await paper.customer(1, Amount.of("10", COP))
    owed = paper.house.ledger.owed

    async def spoilt(reader: object, *, after: int = 0) -> object:
        page = await owed(reader, after=after)  # type: ignore[arg-type]
        minus = {asset: each[:16] + (-1).to_bytes(8, "big", signed=True) for asset, each in page.records.items()}
        return type(page)(minus, page.last)

    monkeypatch.setattr(paper.house.ledger, "owed", spoilt)
    with pytest.raises(LiabilityNegative):
        await paper.house.solvency.certify()
    with pytest.raises(CertificateUnknown):
        await paper.house.solvency.certificate()


async def test_certificates_are_never_rewritten(paper: PaperHouse) -> None:
    await paper.house.solvency.certify()

    async def rewrite(tx: Tx) -> None:
        await tx.execute("UPDATE audit.certificate SET statement = '{}'")

    with pytest.raises(Exception, match=r"permission denied|append"):
        async with paper.runtime.db.transaction() as tx:
            await rewrite(tx)
    assert not isinstance(await paper.house.solvency.certificate(), Refusal)
