"""Concurrent and duplicated requests, through one house and through two at once on the same database."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.databases import TestServer
from tests.simulation import operations as ops
from tests.simulation.races import Race, race

CAPITAL_COP = 20_000_000_00
REUSED = "idempotency_key_reused"


@pytest.fixture(params=[1, 2], ids=["one_house", "two_houses"])
async def running(request: pytest.FixtureRequest, server: TestServer) -> AsyncIterator[Race]:
    async with server.database() as dsn, race(dsn, houses=request.param) as made:
        yield made


async def _deposit(running: Race, customer: UUID, asset: str = "COP", units: int = CAPITAL_COP) -> None:
    rail = {"COP": "pse", "USDT": "tron"}[asset]
    asked = ops.Deposit(running.staff[0], customer, asset, units, rail, f"R-{customer}-{asset}")
    outcome = await running.ask(running.houses[0], asked, f"deposit-{customer}-{asset}")
    assert not outcome.refused


async def _quote(running: Race, customer: UUID, units: int, key: str) -> UUID:
    asked = ops.RequestQuote(customer, "USDT/COP", "buy", units, "USDT", "firm")
    outcome = await running.ask(running.houses[0], asked, key)
    assert outcome.fields, outcome
    return UUID(str(outcome.fields["id"]))


async def test_a_quote_taken_by_eight_at_once_is_traded_once(running: Race) -> None:
    requests: list[tuple[ops.Operation, str | None]] = []
    for customer in running.people:
        await _deposit(running, customer)
        quote = await _quote(running, customer, 50_000000, "q")
        requests += [(ops.AcceptQuote(customer, quote), f"key-{each}") for each in range(8)]
    running.rng.shuffle(requests)
    outcomes = await running.at_once(requests)
    done = [outcome for outcome in outcomes if not outcome.refused]
    assert len(done) == len(running.people)
    assert {outcome.refused for outcome in outcomes} == {"", "quote_taken"}


async def test_one_key_sent_eight_times_at_once_gets_one_answer_eight_times(running: Race) -> None:
    requests: list[tuple[ops.Operation, str | None]] = []
    for customer in running.people:
        await _deposit(running, customer)
        quote = await _quote(running, customer, 50_000000, "q")
        requests += [(ops.AcceptQuote(customer, quote), "the-key")] * 8
    running.rng.shuffle(requests)
    outcomes = await running.at_once(requests)
    assert not any(outcome.refused for outcome in outcomes)
    assert len({outcome.body for outcome in outcomes}) == len(running.people)


async def test_one_key_with_two_bodies_at_once_stands_for_one_of_them(running: Race) -> None:
    customer = running.people[0]
    await _deposit(running, customer)
    first, second = [await _quote(running, customer, 50_000000, f"q{each}") for each in range(2)]
    requests: list[tuple[ops.Operation, str | None]] = [
        (ops.AcceptQuote(customer, quote), "the-key") for quote in (first, second, first, second)
    ]
    outcomes = await running.at_once(requests)
    assert sorted(outcome.refused for outcome in outcomes) == ["", "", REUSED, REUSED]


async def test_money_is_spent_once_by_sixteen_who_want_it(running: Race) -> None:
    customer = running.people[0]
    await _deposit(running, customer, units=1_000_000_00)
    direct = ops.DirectTrade(customer, "USDT/COP", "buy", 100_000000, "9000", True)
    outcomes = await running.at_once([(direct, f"key-{each}") for each in range(16)])
    done = [outcome for outcome in outcomes if not outcome.refused]
    assert 1 <= len(done) <= 3
    assert {outcome.refused for outcome in outcomes} == {"", "insufficient_funds"}


async def test_a_days_limit_holds_against_sixteen_at_once(running: Race) -> None:
    # The day's first trades find no row of use to lock, so two writers both judge from zero.
    customer = running.people[0]
    await _deposit(running, customer)
    await running.ask(running.houses[0], ops.SetLimits(customer, 100_00, 250_00), None)
    direct = ops.DirectTrade(customer, "USDT/COP", "buy", 99_000000, "9000", True)
    outcomes = await running.at_once([(direct, f"key-{each}") for each in range(16)])
    assert sum(not outcome.refused for outcome in outcomes) == 2
    assert {outcome.refused for outcome in outcomes} == {"", "limit_exceeded"}


async def test_a_payment_reported_by_eight_at_once_is_credited_once(running: Race) -> None:
    requests: list[tuple[ops.Operation, str | None]] = [
        (ops.Deposit(running.staff[each % 3], customer, "COP", 900_00, "pse", f"P-{number}"), f"key-{customer}-{each}")
        for number, customer in enumerate(running.people)
        for each in range(8)
    ]
    running.rng.shuffle(requests)
    outcomes = await running.at_once(requests)
    assert not any(outcome.refused for outcome in outcomes)
    assert len({str(outcome.fields["id"]) for outcome in outcomes if outcome.fields}) == len(running.people)


async def test_a_balance_leaves_once_whoever_asks_and_approves(running: Race) -> None:
    customer = running.people[0]
    await _deposit(running, customer, units=50_000_000_00)
    asked = ops.RequestWithdrawal(customer, customer, "COP", 45_000_000_00)
    outcomes = await running.at_once([(asked, f"key-{each}") for each in range(8)])
    [made] = [outcome.fields for outcome in outcomes if outcome.fields]
    assert {outcome.refused for outcome in outcomes} <= {"", "insufficient_funds", "limit_exceeded"}
    decisions: list[tuple[ops.Operation, str | None]] = [
        (ops.DecideWithdrawal(approver, UUID(str(made["id"])), True), f"approve-{number}-{approver}")
        for number in range(3)
        for approver in running.staff
    ]
    decided = await running.at_once(decisions)
    assert any(outcome.fields and outcome.fields["status"] == "sent" for outcome in decided)


async def test_everything_at_once_keeps_every_rule(running: Race) -> None:
    rng = running.rng
    for customer in running.people:
        await _deposit(running, customer)
        await _deposit(running, customer, "USDT", 5_000_000000)
    for round_number in range(4):
        quotes = {
            await _quote(running, customer, 20_000000, f"q-{round_number}-{each}"): customer
            for customer in running.people
            for each in range(2)
        }
        requests: list[tuple[ops.Operation, str | None]] = [(ops.ExpireHolds(), None), (ops.ExpireHolds(), None)]
        for quote, customer in quotes.items():
            accept = ops.AcceptQuote(customer, quote)
            requests += [(accept, f"a-{quote}"), (accept, f"a-{quote}"), (accept, f"b-{quote}")]
        for number, customer in enumerate(running.people):
            side = rng.choice(("buy", "sell"))
            limit = "9000" if side == "buy" else "100"
            direct = ops.DirectTrade(customer, "USDT/COP", side, 30_000000, limit, True)
            wish = ops.RequestQuote(customer, "USDT/COP", side, 10_000000, "USDT", "firm")
            out = ops.RequestWithdrawal(customer, customer, "USDT", 40_000000)
            again = ops.Deposit(running.staff[0], customer, "COP", 100_00, "pse", f"X-{round_number}-{number}")
            requests += [(each, f"{round_number}") for each in (direct, direct, wish, wish, out, out)]
            requests += [(again, f"{round_number}-{customer}"), (again, f"again-{round_number}-{customer}")]
        rng.shuffle(requests)
        await running.at_once(requests)
        running.houses[0].clock.advance(10)
        for house in running.houses:
            house.hear_market(["paper_exchange", "paper_otc", "paper_p2p"])
