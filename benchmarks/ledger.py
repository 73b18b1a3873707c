"""Ledger in process: durable transfers a second from many concurrent callers, each its own request."""

import asyncio
import random
import time
from uuid import UUID

from cambista.kernel.ids import TransferId
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP
from cambista.ledger import Ledger, Posted, Posting, Transfer, customer_account, world_account
from cambista.runtime import Runtime

ACCOUNTS = 10_000


async def prepare(runtime: Runtime, ledger: Ledger) -> None:
    bank = world_account("bank:bench", COP)
    for start in range(0, ACCOUNTS, 1000):
        async with runtime.db.transaction() as tx:
            await ledger.post(
                tx,
                [
                    Transfer(
                        TransferId(runtime.new_id()),
                        "bench",
                        (Posting(bank, customer_account(UUID(int=each), COP), Amount(10**9, COP)),),
                    )
                    for each in range(start + 1, start + 1001)
                ],
            )


async def transfers_per_second(
    runtime: Runtime, ledger: Ledger, *, callers: int, seconds: float, hot: bool, batch_max: int = 512
) -> tuple[float, float, float]:
    """Transfers/s, p50 and p99 in ms. `hot`: every transfer pays one and the same account."""
    rng = random.Random(5)
    refs = [customer_account(UUID(int=each), COP) for each in range(1, ACCOUNTS + 1)]
    latencies: list[float] = []
    ends = time.perf_counter() + seconds

    async def caller() -> None:
        while time.perf_counter() < ends:
            source, destination = rng.sample(refs, 2)
            if hot:
                destination = refs[0] if source is not refs[0] else refs[1]
            transfer = Transfer(
                TransferId(runtime.new_id()), "bench", (Posting(source, destination, Amount(100, COP)),)
            )
            began = time.perf_counter()
            [verdict] = await runtime.writer.submit(ledger.post, [transfer])
            latencies.append(time.perf_counter() - began)
            assert isinstance(verdict, Posted)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took = time.perf_counter() - began
    latencies.sort()
    return len(latencies) / took, latencies[len(latencies) // 2] * 1e3, latencies[int(len(latencies) * 0.99)] * 1e3
