"""What the simulation has found in the house, each with the shortest way to it."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.databases import TestServer
from tests.simulation import operations as ops
from tests.simulation.faults import FaultPlan, Stumble
from tests.simulation.operations import Outcome
from tests.simulation.races import Race, race
from tests.simulation.run import Simulation


@pytest.fixture
async def simulation(server: TestServer) -> AsyncIterator[Simulation]:
    """A house just opened, in which nothing breaks by itself."""
    async with server.database() as dsn:
        made = Simulation(dsn, seed=1, plan=FaultPlan())
        await made.open()
        try:
            yield made
        finally:
            await made.close()


@pytest.fixture
async def running(server: TestServer) -> AsyncIterator[Race]:
    async with server.database() as dsn, race(dsn, houses=1) as made:
        yield made


async def _done(simulation: Simulation, operation: ops.Operation) -> UUID:
    outcome = await simulation.ask(operation)
    assert outcome.fields, f"{operation}: {outcome.refused}"
    return UUID(str(outcome.fields["id"]))


def _deposit(simulation: Simulation, number: int = 1, asset: str = "COP") -> ops.Deposit:
    rail = {"COP": "pse", "USDT": "tron"}[asset]
    return ops.Deposit(simulation.staff[0], simulation.people[0], asset, 9_000_000_00, rail, f"F-{number}")


async def test_a_quote_can_be_taken_after_the_clock_went_back(simulation: Simulation) -> None:
    """The books' time never falls, so a till that was used lately is ahead of a clock that went back."""
    ana = simulation.people[0]
    await _done(simulation, _deposit(simulation))
    await _done(simulation, ops.RequestQuote(ana, "USDT/COP", "buy", 10_000000, "USDT", "reference"))
    simulation.happen(ops.PassTime(-60.0))
    quote = await _done(simulation, ops.RequestQuote(ana, "USDT/COP", "buy", 10_000000, "USDT", "firm"))
    await _done(simulation, ops.AcceptQuote(ana, quote))


async def test_a_market_that_speaks_is_heard_after_the_clock_went_back(simulation: Simulation) -> None:
    """Words from before a source's last were passed over, for as long as the clock was behind them."""
    ana = simulation.people[0]
    simulation.happen(ops.PassTime(7200.0))
    await simulation.ask(ops.RequestQuote(ana, "USDT/COP", "buy", 10_000000, "USDT", "reference"))
    simulation.happen(ops.PassTime(-7200.0))
    outcome = await simulation.ask(ops.RequestQuote(ana, "USDT/COP", "buy", 10_000000, "USDT", "reference"))
    assert outcome.fields, outcome.refused
    assert outcome.fields["rung"] == "live"


async def test_a_price_from_a_clock_that_was_ahead_does_not_stay(simulation: Simulation) -> None:
    """Its age is below zero until the clock has caught up: it was sold as `cached` for that long, and then as new."""
    ana = simulation.people[0]
    simulation.happen(ops.PassTime(7200.0))
    await simulation.ask(ops.RequestQuote(ana, "USDT/COP", "buy", 10_000000, "USDT", "reference"))
    simulation.happen(ops.Silence(("paper_exchange", "paper_otc", "paper_p2p"), True))
    simulation.happen(ops.PassTime(-7200.0))
    for seconds in (1200.0, 6000.0, 60.0):
        simulation.happen(ops.PassTime(seconds))
        outcome = await simulation.ask(ops.RequestQuote(ana, "USDT/COP", "buy", 10_000000, "USDT", "reference"))
        assert outcome.refused == "no_price", outcome.fields


async def test_an_account_is_frozen_though_the_transaction_that_opened_it_failed(simulation: Simulation) -> None:
    """The ledger remembered the account's number from a transaction that was rolled back, and froze nothing."""
    ana = simulation.people[0]
    db = simulation.house.house.runtime.db
    undisturbed, db.fault = db.fault, _stumble
    with pytest.raises(Stumble):
        await simulation.client.ask(simulation.house.house, _deposit(simulation), "lost")
    db.fault = undisturbed
    await simulation.ask(ops.Freeze(ana, "COP", True))
    outcome = await simulation.ask(_deposit(simulation, 2))
    assert outcome.refused == "account_frozen"


async def test_a_trade_refused_for_funds_uses_up_no_limit_of_its_neighbours(running: Race) -> None:
    """Requests that wait together are decided together, and a refused one must not refuse the next."""
    ana = running.people[0]
    await _ask(running, ops.Deposit(running.staff[0], ana, "COP", 1_000_000_00, "pse", "N-1"), "deposit")
    await _ask(running, ops.SetLimits(ana, 1_000_00, 1_000_00), None)
    large = ops.DirectTrade(ana, "USDT/COP", "buy", 900_000000, "9000", True)
    small = ops.DirectTrade(ana, "USDT/COP", "buy", 150_000000, "9000", True)
    outcomes = await running.at_once([(large, "large"), (small, "small")])
    assert [outcome.refused for outcome in outcomes] == ["insufficient_funds", ""]


async def test_a_withdrawal_refused_for_funds_uses_up_no_limit_of_its_neighbours(running: Race) -> None:
    ana = running.people[0]
    await _ask(running, ops.Deposit(running.staff[0], ana, "COP", 1_000_000_00, "pse", "N-1"), "deposit")
    large = ops.RequestWithdrawal(ana, ana, "COP", 5_000_000_00)
    small = ops.RequestWithdrawal(ana, ana, "COP", 500_000_00)
    outcomes = await running.at_once([*((large, f"large-{number}") for number in range(6)), (small, "small")])
    assert [outcome.refused for outcome in outcomes] == [*["insufficient_funds"] * 6, ""]


async def test_a_quote_refused_for_the_till_uses_up_no_place_of_its_neighbours(running: Race) -> None:
    ana = running.people[0]
    large = ops.RequestQuote(ana, "BTC/USDT", "buy", 100_000000, "BTC", "firm")
    small = ops.RequestQuote(ana, "BTC/USDT", "buy", 1_000000, "BTC", "firm")
    outcomes = await running.at_once([*((large, f"large-{number}") for number in range(6)), (small, "small")])
    assert [outcome.refused for outcome in outcomes] == [*["till_short"] * 6, ""]


def _stumble(point: str) -> None:
    raise Stumble(point)


async def _ask(running: Race, operation: ops.Operation, key: str | None) -> Outcome:
    outcome = await running.ask(running.houses[0], operation, key)
    assert not outcome.refused, outcome
    return outcome
