"""One short walk over the whole road, for breaking it at every single border."""

import itertools
from typing import Any
from uuid import UUID, uuid5

from tests.databases import TestServer
from tests.simulation import operations as ops
from tests.simulation.faults import Fault, FaultPlan
from tests.simulation.run import Simulation
from tests.simulation.verdicts import expect

DONE = (
    "AcceptQuote done", "DecideDeposit done", "DecideWithdrawal done", "DeliverEvents done", "Deposit done",
    "DirectTrade done", "ExpireHolds done", "ExpireWithdrawals done", "Freeze done", "RequestQuote done",
    "RequestWithdrawal done", "Reverse done", "SetLimits done", "Tick done",
)  # fmt: skip


async def walk(server: TestServer, fault: Fault | None = None, at: int = 0) -> Simulation:
    """Walk the road with `fault` at its `at`-th transaction (0: at each, once); all comes out as if nothing broke."""
    async with server.database() as dsn:
        simulation = Simulation(dsn, seed=1, plan=FaultPlan(fault=fault, at=at))
        await simulation.open()
        try:
            await _road(simulation)
            await simulation.finish()
        finally:
            await simulation.close()
    return simulation


async def sweep(server: TestServer) -> int:
    """One walk for each fault at each transaction, alone; how many walks."""
    walks = 0
    for fault in Fault:
        for at in itertools.count(1):
            walked = await walk(server, fault, at)
            walks += 1
            if not walked.plan.struck:
                break  # the road has fewer transactions
    return walks


async def _road(simulation: Simulation) -> None:
    ana, luis = simulation.people[:2]
    clerk, chief, second = simulation.staff

    async def done(operation: ops.Operation) -> dict[str, Any]:
        outcome = await simulation.ask(operation)
        expect(not outcome.refused, "the_road_is_open", f"{operation}: {outcome.refused}")
        return outcome.fields or {}

    await done(ops.Deposit(clerk, ana, "COP", 60_000_000_00, "pse", "A-1"))
    await done(ops.Deposit(chief, ana, "COP", 60_000_000_00, "pse", "A-1"))
    waiting = await done(ops.Deposit(clerk, luis, "USDT", 900_000000, "tron", "B-1", "stranger"))
    await done(ops.DecideDeposit(chief, UUID(waiting["id"]), True))
    await done(ops.SetLimits(luis, 1_000_00, 2_000_00))
    quote = await done(ops.RequestQuote(ana, "USDT/COP", "buy", 500_000000, "USDT", "firm"))
    trade = await done(ops.AcceptQuote(ana, UUID(quote["id"])))
    await done(ops.RequestQuote(luis, "USDT/COP", "sell", 300_000000, "USDT", "firm"))
    await done(ops.DirectTrade(luis, "USDT/COP", "sell", 200_000000, "2000", True))
    await done(ops.Tick())
    await done(ops.DeliverEvents())
    small = await done(ops.RequestWithdrawal(ana, ana, "COP", 1_000_000_00))
    await done(ops.DecideWithdrawal(chief, UUID(small["id"]), True))
    large = await done(ops.RequestWithdrawal(ana, ana, "COP", 50_000_000_00))
    await done(ops.DecideWithdrawal(chief, UUID(large["id"]), True))
    await done(ops.DecideWithdrawal(second, UUID(large["id"]), True))
    other = await done(ops.RequestWithdrawal(luis, luis, "COP", 100_000_00))
    await done(ops.DecideWithdrawal(chief, UUID(other["id"]), False))
    await done(ops.RequestWithdrawal(luis, luis, "COP", 100_000_00))
    simulation.happen(ops.PassTime(16.0))
    await done(ops.ExpireHolds())
    simulation.happen(ops.PassTime(601.0))
    await done(ops.ExpireWithdrawals())
    await done(ops.Reverse(UUID(trade["id"]), uuid5(UUID(trade["id"]), "reversal")))
    await done(ops.Freeze(luis, "USDT", True))
    await simulation.check()
