"""The demo's plan: fixed by its seed, as fast as asked, and made of things the house can understand."""

from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.app.demo.people import USUAL_SIZES, people
from cambista.app.demo.plan import (
    Look,
    Patience,
    PayIn,
    Step,
    TakeQuote,
    TradeDirectly,
    Wish,
    Withdraw,
    means_to_trade,
    steps,
)
from cambista.app.demo.rails import WAYS
from cambista.funding.rails import RAILS
from cambista.identity.rules import principals as identity_rules
from cambista.kernel.money import Amount
from cambista.kernel.registry import ASSETS, PAIRS, asset, pair_spec

SEEDS = st.integers(0, 2**32)
CROWDS = st.integers(1, 40)


def plan(seed: int, *, customers: int = 8, rate: float = 5.0, length: int = 200) -> list[Step]:
    return list(islice(steps(seed, people(seed, customers), rate), length))


def wishes(found: list[Step]) -> list[Wish]:
    return [each.act.wish for each in found if isinstance(each.act, TakeQuote | TradeDirectly | Look)]


@given(SEEDS, CROWDS)
def test_a_seed_fixes_who_comes_and_what_they_set_out_to_do(seed: int, customers: int) -> None:
    assert plan(seed, customers=customers) == plan(seed, customers=customers)


def test_another_seed_is_another_day() -> None:
    assert plan(1) != plan(2)
    assert people(1, 8) != people(2, 8)


@given(SEEDS, CROWDS)
def test_more_customers_never_change_those_who_came_before(seed: int, customers: int) -> None:
    assert people(seed, customers + 5)[:customers] == people(seed, customers)


@given(SEEDS, st.floats(0.1, 100))
def test_the_rate_moves_nothing_but_the_times(seed: int, rate: float) -> None:
    slow, fast = plan(seed, rate=rate), plan(seed, rate=2 * rate)
    assert [(each.customer, each.act) for each in slow] == [(each.customer, each.act) for each in fast]
    assert [each.at_s for each in slow] == pytest.approx([2 * each.at_s for each in fast])


@pytest.mark.parametrize("rate", (0.5, 5.0, 80.0))
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_as_many_trades_are_meant_a_second_as_were_asked_for(seed: int, rate: float) -> None:
    found = plan(seed, rate=rate, length=6000)
    meant = sum(means_to_trade(each.act) for each in found)
    assert meant / found[-1].at_s == pytest.approx(rate, rel=0.06)


@given(SEEDS, CROWDS)
def test_time_only_goes_on_and_everybody_is_someone(seed: int, customers: int) -> None:
    found = plan(seed, customers=customers)
    assert all(one.at_s <= other.at_s for one, other in pairwise(found))
    assert {each.customer for each in found} <= set(range(customers))


def test_everybody_comes_and_everything_happens() -> None:
    found = plan(1, length=3000)
    assert {each.customer for each in found} == set(range(8))
    assert {type(each.act) for each in found} == {TakeQuote, TradeDirectly, Look, PayIn, Withdraw}
    taken = [each.act for each in found if isinstance(each.act, TakeQuote)]
    assert {each.patience for each in taken} == set(Patience)
    assert any(each.clicks == 2 for each in taken)
    assert any(each.another_click for each in taken)
    assert {each.side for each in wishes(found)} == {"buy", "sell"}
    assert {each.same_hands for each in (step.act for step in found) if isinstance(each, PayIn)} == {True, False}


def test_a_customer_trades_pairs_of_its_own_and_together_they_trade_all() -> None:
    who = people(5, 12)
    found = list(islice(steps(5, who, 5.0), 5000))
    for step in found:
        if isinstance(step.act, TakeQuote | TradeDirectly | Look):
            assert step.act.wish.pair in who[step.customer].pairs
    assert {each.pair for each in wishes(found)} == set(PAIRS)


@given(SEEDS)
def test_every_amount_is_one_the_house_can_read(seed: int) -> None:
    found = plan(seed, customers=12)
    for wish in wishes(found):
        pair = pair_spec(wish.pair)
        amount = Amount.parse_positive(wish.amount, asset(wish.amount_asset))
        assert amount.asset in (pair.pair.base, pair.pair.quote)
        assert amount.asset != pair.pair.base or pair.minimum <= amount
    for step in found:
        if isinstance(step.act, PayIn):
            Amount.parse_positive(step.act.amount, asset(step.act.asset))
        if isinstance(step.act, TradeDirectly):
            assert step.act.wish.amount_asset == pair_spec(step.act.wish.pair).pair.base.code


@given(SEEDS, CROWDS)
def test_everyone_can_be_registered(seed: int, customers: int) -> None:
    who = people(seed, customers)
    for person in who:
        assert identity_rules.read_text(person.full_name, field="full_name", length_max=200) == person.full_name
        assert identity_rules.read_country(person.country)
        assert identity_rules.read_email(f"{person.handle}+0a1b2c3d@example.com")
        assert all(amount > 0 for _, amount in person.purse)
    assert len({person.handle for person in who}) == customers


@pytest.mark.parametrize("code", sorted(ASSETS))
def test_there_is_a_usual_size_and_a_way_to_pay_for_every_asset(code: str) -> None:
    assert USUAL_SIZES[code] > 0
    way, rail = WAYS[code], RAILS[WAYS[code].rail]
    assert code in rail.facts.assets
    assert rail.facts.names_payer == way.names_payer


@pytest.mark.parametrize("code", sorted(set(ASSETS) - {"BTC"}))
@pytest.mark.parametrize("number", (0, 7, 499))
def test_every_account_is_one_its_rail_can_read(code: str, number: int) -> None:
    assert RAILS[WAYS[code].rail].read_account(WAYS[code].account_of(number))
