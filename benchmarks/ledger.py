"""Ledger in process: durable transfers a second from many concurrent callers, each its own request."""

import asyncio
import random
import time
from itertools import cycle
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


def _postings(*, hot: bool) -> list[Posting]:
    """What the callers ask for: random pairs of accounts, or random accounts that all pay the same one."""
    rng = random.Random(5)
    refs = [customer_account(UUID(int=each), COP) for each in range(1, ACCOUNTS + 1)]
    amount = Amount(100, COP)
    if hot:
        return [Posting(rng.choice(refs[1:]), refs[0], amount) for _ in range(20_000)]
    pairs = (rng.sample(refs, 2) for _ in range(20_000))
    return [Posting(source, destination, amount) for source, destination in pairs]


async def transfers_per_second(
    runtime: Runtime, ledger: Ledger, *, callers: int, seconds: float, hot: bool
) -> tuple[float, float, float]:
    """Transfers/s, p50 and p99 in ms. `hot`: every transfer pays one and the same account."""
    postings = cycle(_postings(hot=hot))
    latencies: list[float] = []
    ends = time.perf_counter() + seconds

    async def caller() -> None:
        while time.perf_counter() < ends:
            transfer = Transfer(TransferId(runtime.new_id()), "bench", (next(postings),))
            began = time.perf_counter()
            [verdict] = await runtime.writer.submit(ledger.post, [transfer])
            latencies.append(time.perf_counter() - began)
            assert isinstance(verdict, Posted)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took = time.perf_counter() - began
    latencies.sort()
    return len(latencies) / took, latencies[len(latencies) // 2] * 1e3, latencies[int(len(latencies) * 0.99)] * 1e3
