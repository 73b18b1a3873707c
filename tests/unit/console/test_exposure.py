"""What tills are worth, and how full they are."""

from datetime import UTC, datetime
from decimal import Decimal

from cambista.console.exposure import Till, tills, total_usd, usd_rates
from cambista.kernel.money import Amount
from cambista.kernel.registry import BTC, COP, PAIRS, USD, USDT, VES
from cambista.ledger import AccountKind, Balance, house_account
from cambista.pricing import CurrentPrice, Rung

NOW = datetime(2026, 11, 24, 17, tzinfo=UTC)


def priced(name: str, mid: str) -> CurrentPrice:
    value = Decimal(mid)
    return CurrentPrice(PAIRS[name].pair, value, value, value, Rung.LIVE, NOW, ("paper",))


def holding(amount: Amount, held: Amount | None = None) -> Balance:
    return Balance(house_account(AccountKind.TILL, amount.asset), amount, held or Amount(0, amount.asset), 1)


def test_an_asset_is_valued_over_as_few_pairs_as_lead_to_the_dollar() -> None:
    rates = usd_rates([priced("BTC/USDT", "80000"), priced("USDT/USD", "0.5"), priced("USD/COP", "4000")])
    assert rates == {
        "USD": Decimal(1), "USDT": Decimal("0.5"), "COP": Decimal("0.00025"), "BTC": Decimal(40000),
    }  # fmt: skip


def test_an_asset_no_price_leads_to_has_no_value_rather_than_zero() -> None:
    assert usd_rates([priced("BTC/USDT", "80000")]) == {"USD": Decimal(1)}
    [till] = tills([holding(Amount.of("10", VES))], {"USD": Decimal(1)}, {})
    assert till.usd is None


def test_tills_stand_in_the_order_of_their_value_and_add_up() -> None:
    balances = [
        holding(Amount.of("5", VES)),
        holding(Amount.of("4000000", COP)),
        holding(Amount.of("0.5", BTC)),
        holding(Amount.of("100", USD)),
    ]
    rates = {"USD": Decimal(1), "COP": Decimal("0.00025"), "BTC": Decimal(80000)}
    found = tills(balances, rates, {})
    assert [till.posted.asset.code for till in found] == ["BTC", "COP", "USD", "VES"]
    assert total_usd(found) == Decimal(41100)


def test_a_till_is_as_full_as_what_it_owns_against_its_target() -> None:
    [till] = tills([holding(Amount.of("150", USDT), Amount.of("50", USDT))], {}, {"USDT": Decimal(100)})
    assert (till.fullness, till.held) == (Decimal("1.5"), Amount.of("50", USDT))
    assert Till(Amount.of("1", USDT), Amount(0, USDT), None, None).fullness is None
