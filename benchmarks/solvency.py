"""Proof of liabilities: seconds to certify a house with a million customers, and what the rest of it notices."""

import asyncio
import time
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from cambista.app.build import House
from cambista.audit.rules import liabilities
from cambista.kernel.callers import Caller, Role

ASSET = "USDC"
_FILL = """
WITH filled AS (
    INSERT INTO ledger.account (kind, owner, asset, posted, floor)
    SELECT 'customer', '00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'), $2, n * 1000 % 999983, 0
    FROM generate_series(1, $1::bigint) n RETURNING posted
)
INSERT INTO ledger.account (kind, owner, asset, posted) SELECT 'world', 'bank:bench', $2, -sum(posted) FROM filled
"""


@dataclass(frozen=True, slots=True)
class Certified:
    """Seconds for a certificate of everything, the longest the event loop was away meanwhile, and for one proof."""

    seconds: float
    stall_ms: float
    proof_ms: float


async def fill(house: House, customers: int) -> None:
    """That many customers with a balance, straight into the table: nobody asks for their statements here."""
    connection = await asyncpg.connect(house.dsn)
    try:
        await connection.execute(_FILL, customers, ASSET, timeout=300)
        await connection.execute("VACUUM ANALYZE ledger.account", timeout=300)
    finally:
        await connection.close()


def grow_seconds(customers: int) -> float:
    """The tree alone, in this process: what one core needs for the hashing."""
    records = b"".join(UUID(int=n).bytes + (n * 1000).to_bytes(8, "big") for n in range(customers))
    began = time.perf_counter()
    liabilities.grow(b"\x05" * 32, ASSET, records)
    return time.perf_counter() - began


async def certify(house: House) -> Certified:
    """One certificate, as the house makes it every day, with a ticker beside it that wants a turn each millisecond."""
    stalls: list[float] = []
    done = asyncio.Event()

    async def tick() -> None:
        while not done.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            stalls.append(time.perf_counter() - began - 0.001)

    ticking = asyncio.create_task(tick())
    began = time.perf_counter()
    await house.solvency.certify()
    seconds = time.perf_counter() - began
    done.set()
    await ticking
    return Certified(seconds, max(stalls) * 1e3, await _proof_ms(house))


async def _proof_ms(house: House, times: int = 50) -> float:
    began = time.perf_counter()
    for number in range(1, times + 1):
        customer = Caller(UUID(f"00000000-0000-4000-8000-{number * 997:012x}"), Role.CUSTOMER)
        found = await house.solvency.own_proofs(customer)
        assert [each.leaf.asset for each in found.proofs] == [ASSET]
    return (time.perf_counter() - began) / times * 1e3
