"""A handful of seeds of the whole simulation; `make simulate SEEDS=200` runs many."""

import asyncpg
import pytest

from tests.databases import TestServer
from tests.simulation.run import command, connected, simulate

SEEDS = (1, 2, 3, 4, 5)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_seed_keeps_every_rule(server: TestServer, seed: int) -> None:
    try:
        await simulate(server, seed)
    except Exception as error:
        error.add_note(f"repeat it with: {command(seed)}")
        raise


async def test_the_same_seed_gives_the_same_run(server: TestServer) -> None:
    one, other = [await simulate(server, 6, steps=80) for _ in range(2)]
    assert one == other


async def test_another_seed_gives_another_run(server: TestServer) -> None:
    one, other = [await simulate(server, seed, steps=20) for seed in (7, 8)]
    assert one.trace != other.trace


async def test_the_books_cannot_be_rewritten_by_the_house_itself(dsn: str) -> None:
    async with connected(dsn) as connection:
        await connection.execute("SET ROLE cambista_app")
        for table in ("ledger.posting", "ledger.transfer", "trading.trade", "trading.quote", "runtime.journal"):
            for deed in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(deed)


async def test_the_books_cannot_be_rewritten_by_their_owner_either(dsn: str) -> None:
    async with connected(dsn) as connection:
        for table in ("ledger.posting", "ledger.transfer", "trading.trade", "trading.quote", "runtime.journal"):
            with pytest.raises(asyncpg.RestrictViolationError):
                await connection.execute(f"DELETE FROM {table}")
