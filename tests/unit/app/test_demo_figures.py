"""What the demo's customers decide on the spot, and how a run is counted and shown."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from rich.console import Console

from cambista.analytics import PairDay
from cambista.app.demo import Display, Summary, as_json, demo_settings, screen
from cambista.app.demo.books import Sums, Verdict, by_pair, total
from cambista.app.demo.client import Answer
from cambista.app.demo.customers import available, price_limit, withdrawn
from cambista.app.demo.plan import TradeDirectly, Wish, Withdraw
from cambista.app.demo.staff import missing_payment
from cambista.app.demo.summary import progress_line
from cambista.app.demo.tally import Latencies, Tally, most_first
from cambista.app.settings import Settings
from cambista.kernel.money import Amount
from cambista.kernel.registry import BTC, COP, USDT, asset, pair_spec
from cambista.ledger import Difference, TrialBalance, TrialBalanceLine

NOW = datetime(2026, 11, 24, 19, tzinfo=UTC)
BALANCED = TrialBalance(NOW, [TrialBalanceLine(COP, 0, 4), TrialBalanceLine(USDT, 0, 3)])
LOST = Difference("balance", "account 7", 7, "10", "9")


def direct(side: str, tolerance_bps: int) -> TradeDirectly:
    return TradeDirectly(Wish("USDT/COP", side, "100.000000", "USDT"), tolerance_bps)


def withdraw(code: str, share: str) -> Withdraw:
    return Withdraw(code, Decimal(share), to_own_account=True, accepted=True, review_s=1.0)


def trade(pair: str, base: str, quote: str) -> dict[str, str]:
    return {"pair": pair, "base_amount": base, "quote_amount": quote}


def summary(*, differences: tuple[Difference, ...] = (), trial: TrialBalance = BALANCED) -> Summary:
    tally = Tally(customers=2, deposits=3)
    tally.quoted({"rung": "live"})
    tally.quoted({"rung": "cached"})
    tally.traded(trade("USDT/COP", "100.000000", "340000.00"), 1.25)
    tally.refusals["quote_expired"] += 1
    tally.withdrawals["sent"] += 1
    tally.waits["trades"].add(0.012)
    pairs = {"USDT/COP": Sums(1, Decimal("99.99"), Decimal("0.4"), Decimal("0.1"))}
    tills = [Amount.of("340000", COP), Amount.of("-100", USDT)]
    return Summary(7, 12.34, tally, pairs, tills, Verdict(differences, trial))


@pytest.mark.parametrize(
    ("side", "tolerance_bps", "limit"),
    (("buy", 100, "4040.00"), ("sell", 100, "3960.00"), ("buy", -100, "3960.00"), ("sell", -100, "4040.00")),
)
def test_a_limit_is_worse_than_what_was_seen_unless_somebody_bargains(
    side: str, tolerance_bps: int, limit: str
) -> None:
    assert price_limit(direct(side, tolerance_bps), Decimal("4000.00")) == limit


@given(st.sampled_from(("buy", "sell")), st.integers(0, 80), st.decimals("100", "9999", places=2))
def test_a_tolerant_limit_never_refuses_the_price_that_was_seen(side: str, bps: int, price: Decimal) -> None:
    limit = Decimal(price_limit(direct(side, bps), price))
    assert limit >= price if side == "buy" else limit <= price
    assert limit % pair_spec("USDT/COP").tick == 0


def test_who_has_enough_pays_nothing_in_and_who_has_not_pays_the_gap_and_a_fifth() -> None:
    assert missing_payment("COP", Decimal("100"), Decimal("100")) is None
    payment = missing_payment("COP", Decimal("100"), Decimal("40"))
    assert payment is not None
    assert (payment.asset, payment.amount) == ("COP", "72.00")


@given(st.sampled_from(("COP", "USDT", "CLP", "BTC")), st.integers(1, 10**15), st.integers(0, 10**15))
def test_what_is_paid_in_covers_what_was_missing(code: str, needed_units: int, owned_units: int) -> None:
    of = asset(code)
    needed, owned = Amount(needed_units, of).decimal, Amount(owned_units, of).decimal
    payment = missing_payment(code, needed, owned)
    paid = Decimal(0) if payment is None else Amount.parse_positive(payment.amount, of).decimal
    assert owned + paid >= needed


def test_only_what_is_there_is_withdrawn() -> None:
    assert withdrawn(withdraw("COP", "0.25"), Decimal("1000.10")) == "250.02"
    assert withdrawn(withdraw("CLP", "0.5"), Decimal("1001")) == "500"
    assert withdrawn(withdraw("COP", "0.25"), Decimal(0)) is None


def test_what_is_free_is_read_from_the_accounts_and_nothing_from_a_refusal() -> None:
    items = [{"asset": "COP", "available": "5.00"}, {"asset": "USDT", "available": "7.000000"}]
    assert available(Answer(200, {"items": items}), "USDT") == 7
    assert available(Answer(200, {"items": items}), "BTC") == 0
    assert available(Answer(503, {"code": "database_unavailable"}), "USDT") == 0


def test_percentiles_are_by_nearest_rank_and_unknown_before_the_first() -> None:
    waits = Latencies()
    assert waits.percentiles_ms(50, 99) == [None, None]
    for hundredths in range(1, 101):
        waits.add(hundredths / 100)
    assert waits.percentiles_ms(50, 99, 100) == [500.0, 990.0, 1000.0]


def test_trades_are_counted_by_pair_and_the_first_one_is_remembered() -> None:
    tally = Tally()
    tally.traded(trade("USDT/COP", "1.5", "5000"), 0.8)
    tally.traded(trade("USDT/COP", "2.5", "8000"), 1.8)
    tally.traded(trade("BTC/USDT", "0.1", "8000"), 2.8)
    assert (tally.trades, tally.first_trade_s) == (3, 0.8)
    assert (tally.pairs["USDT/COP"].base_volume, tally.pairs["USDT/COP"].quote_volume) == (Decimal(4), Decimal(13000))


def test_the_most_frequent_comes_first_and_the_equally_frequent_by_name() -> None:
    assert list(most_first({"b": 1, "a": 1, "c": 5})) == [("c", 5), ("a", 1), ("b", 1)]


def test_days_add_up_to_one_sum_a_pair() -> None:
    pair = pair_spec("BTC/USDT").pair
    assert pair.base == BTC
    one = [Decimal(each) for each in (1, 2, 100, 3, 4, 5, 6)]
    days = [PairDay(pair, date(2026, 11, day), 2, *one) for day in (24, 25)]
    assert by_pair(days) == {"BTC/USDT": Sums(4, Decimal(200), Decimal(10), Decimal(12))}
    assert total(by_pair(days)) - total(by_pair(days[:1])) == Sums(2, Decimal(100), Decimal(5), Decimal(6))


@pytest.mark.parametrize(
    ("differences", "total_cop", "status"), (((), 0, 0), ((LOST,), 0, 1), ((), 1, 1), ((LOST,), 1, 1))
)
def test_the_exit_status_says_whether_the_books_hold(
    differences: tuple[Difference, ...], total_cop: int, status: int
) -> None:
    trial = TrialBalance(NOW, [TrialBalanceLine(COP, total_cop, 4)])
    assert summary(differences=differences, trial=trial).status == status


def test_the_summary_is_json_with_amounts_as_strings() -> None:
    told = json.loads(json.dumps(as_json(summary())))
    assert (told["customers"], told["quotes"], told["trades"], told["trades_booked"]) == (2, 2, 1, 1)
    assert (told["volume_usd"], told["spread_usd"], told["fees_usd"]) == ("99.99", "0.40", "0.10")
    assert told["pairs"][0]["quote_volume"] == "340000.00"
    assert told["tills"] == {"COP": "+340000.00", "USDT": "-100.000000"}
    assert told["rungs"] == {"cached": 1, "live": 1}
    assert told["refusals"] == {"quote_expired": 1}
    assert told["latency_ms"]["trades"] == {"count": 1, "p50": 12.0, "p99": 12.0}
    assert told["ledger"] == {"balanced": True, "accounts": 7, "differences": []}


def printed(found: Summary) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(screen(found))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_summary_fits_on_one_screen_and_says_what_happened() -> None:
    text = printed(summary())
    assert text.count("\n") <= 24
    for said in ("USDT/COP", "99.99", "quote_expired 1", "sent 1", "+340000.00 COP", "The books balance: 7 accounts"):
        assert said in text


def test_broken_books_are_said_aloud_with_the_difference() -> None:
    text = printed(summary(differences=(LOST,)))
    assert "THE BOOKS DO NOT HOLD" in text
    assert "balance account 7: 10, found 9" in text
    assert "The books balance" not in text


def test_the_progress_is_one_line() -> None:
    line = progress_line(75.2, summary().tally, Sums(1, Decimal("1234.5"), Decimal("2.25"), Decimal("0.5")))
    assert line == "01:15 · 1 trades · 1,234.50 USD · earned 2.75 USD · p50 12 ms, p99 12 ms · 1 refused"
    assert "p50" not in progress_line(0.0, Tally(), Sums())


def test_elsewhere_than_on_a_terminal_a_line_is_said_every_few_seconds() -> None:
    said = io.StringIO()
    with Display(Console(file=said, width=20)) as display:
        for second in range(12):
            display.show(float(second), f"after {second}, in one line however long it is")
    assert said.getvalue().splitlines() == [f"after {second}, in one line however long it is" for second in (5, 10)]


def test_the_real_house_is_not_touched() -> None:
    database = SecretStr("postgresql://prod")
    real = Settings(_env_file=None, home=Path("/srv/house"), database_url=database, database_port=5432)
    demo = demo_settings(real, None, 9)
    assert (demo.home_folder, demo.database_url, demo.database_port) == (Path("/srv/house/demo"), None, None)
    assert demo.on_paper
    assert demo.venues.paper.seed == 9
    assert demo_settings(real, Path("/tmp/elsewhere"), 9).home_folder == Path("/tmp/elsewhere")  # noqa: S108
