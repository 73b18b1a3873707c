"""What a trade moves, and who may take which quote."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambista.kernel.callers import Caller, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId, HoldId, QuoteId, TradeId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, PAIRS, USD, USDT
from cambista.ledger import AccountKind, HoldClosed, InsufficientFunds
from cambista.pricing import Rung
from cambista.trading import (
    Acceptance,
    DirectTrade,
    Quote,
    QuoteExpired,
    QuoteKind,
    QuoteNotFirm,
    QuoteRequest,
    QuoteTaken,
    QuoteUnknown,
    Terms,
    TillShort,
    TooManyOpenQuotes,
    Trade,
)
from cambista.trading.rules import quotes as rules

PAIR = PAIRS["USDT/COP"].pair
ANA, LUIS = CustomerId(UUID(int=1)), CustomerId(UUID(int=2))
CALLER = Caller(ANA, Role.CUSTOMER)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def terms(side: Side, base: int, quote: int, *, fee: int, spread: int, tax: int = 0) -> Terms:
    return Terms(
        PAIR, side, Price(Decimal(4000), PAIR), Amount(base, USDT), Amount(quote, COP),
        Amount(fee, COP), Amount(tax, COP), Amount(spread, COP), Amount(100, USD), Rung.LIVE,
    )  # fmt: skip


def quote(id: int = 7, kind: QuoteKind = QuoteKind.FIRM, customer: CustomerId = ANA) -> Quote:
    promised = terms(Side.BUY, 10**6, 400_400, fee=400, spread=3000)
    return Quote(QuoteId(UUID(int=id)), customer, kind, promised, NOW, NOW + timedelta(seconds=15))


def trade(promised: Terms) -> Trade:
    return Trade(TradeId(UUID(int=8)), QuoteId(UUID(int=7)), ANA, promised, NOW)


def changes(promised: Terms) -> dict[tuple[str, str], int]:
    net: dict[tuple[str, str], int] = {}
    for posting in rules.settlement(trade(promised), hold=None).postings:
        assert posting.amount.units > 0
        for ref, units in ((posting.source, -posting.amount.units), (posting.destination, posting.amount.units)):
            net[ref.kind, ref.asset] = net.get((ref.kind, ref.asset), 0) + units
    return net


sums = st.integers(0, 10**5)


@given(
    st.sampled_from(Side),
    st.integers(1, 10**12),
    st.integers(10**6, 10**12),
    st.tuples(sums, sums, sums),
    st.booleans(),
)
def test_a_trade_conserves_every_asset_and_moves_just_its_terms(
    side: Side, base: int, quoted: int, parts: tuple[int, int, int], below_fair: bool
) -> None:
    fee, tax, spread = parts[0], parts[1], -parts[2] if below_fair else parts[2]
    net = changes(terms(side, base, quoted, fee=fee, spread=spread, tax=tax))
    assert net.get(("taxes", "COP"), 0) == tax
    sign = 1 if side is Side.BUY else -1
    assert net["customer", "USDT"] == sign * base
    assert net["customer", "COP"] == -sign * quoted
    assert net.get(("fees", "COP"), 0) == fee
    assert net.get(("spread", "COP"), 0) == spread
    assert sum(units for (_, asset), units in net.items() if asset == "COP") == 0
    assert sum(units for (_, asset), units in net.items() if asset == "USDT") == 0


@given(st.integers(1, 10**9), st.integers(0, 10**5), st.integers(-(10**5), 10**5))
def test_the_reservation_covers_all_that_leaves_the_till(quoted: int, fee: int, spread: int) -> None:
    selling = terms(Side.SELL, 10**6, quoted, fee=fee, spread=spread)
    leaving = sum(
        posting.amount.units
        for posting in rules.settlement(trade(selling), hold=None).postings
        if posting.source.kind == AccountKind.TILL
    )
    assert rules.house_pays(selling).units == leaving
    buying = terms(Side.BUY, 10**6, 10**9, fee=fee, spread=abs(spread))
    assert rules.house_pays(buying) == buying.base


def verdicts(*acceptances: Acceptance, quotes: tuple[Quote, ...]) -> list[Trade | Refusal]:
    ids = [TradeId(UUID(int=100 + each)) for each in range(len(acceptances))]
    return rules.accept(acceptances, {each.id: each for each in quotes}, ids, NOW)


def test_a_quote_is_taken_once_by_its_owner() -> None:
    firm = quote()
    mine, again = Acceptance(CALLER, ANA, firm.id), Acceptance(CALLER, ANA, firm.id)
    strangers = Acceptance(Caller(LUIS, Role.CUSTOMER), LUIS, firm.id)
    nobodys = Acceptance(CALLER, ANA, QuoteId(UUID(int=99)))
    stranger, first, second, unknown = verdicts(strangers, mine, again, nobodys, quotes=(firm,))
    assert isinstance(stranger, QuoteUnknown)
    assert isinstance(first, Trade)
    assert isinstance(second, QuoteTaken)
    assert isinstance(unknown, QuoteUnknown)


def test_a_reference_quote_informs_and_a_direct_one_is_spent() -> None:
    reference, direct = quote(1, QuoteKind.REFERENCE), quote(2, QuoteKind.DIRECT)
    asked = [Acceptance(CALLER, ANA, each.id) for each in (reference, direct)]
    assert [type(each) for each in verdicts(*asked, quotes=(reference, direct))] == [QuoteNotFirm, QuoteTaken]


def test_open_firm_quotes_are_capped_for_each_customer_alone() -> None:
    def ask(customer: CustomerId, kind: QuoteKind = QuoteKind.FIRM) -> QuoteRequest:
        return QuoteRequest(CALLER, customer, PAIR, Side.BUY, Amount(1, USDT), kind)

    asked = [ask(ANA), ask(ANA), ask(ANA, QuoteKind.REFERENCE), ask(LUIS)]
    judged = rules.within_open_cap(asked, {ANA: 1}, 2)
    assert [type(each) for each in judged] == [type(None), TooManyOpenQuotes, type(None), type(None)]


@pytest.mark.parametrize(
    ("side", "limit", "fine"),
    [(Side.BUY, "4000", True), (Side.BUY, "3999.99", False), (Side.SELL, "4000", True), (Side.SELL, "4000.01", False)],
)
def test_a_direct_trade_happens_only_at_a_price_no_worse_than_the_limit(side: Side, limit: str, fine: bool) -> None:
    direct = DirectTrade(CALLER, ANA, PAIR, side, Amount(10**6, USDT), Price.parse(limit, PAIR))
    assert rules.within_limit(direct, Price(Decimal(4000), PAIR)) is fine


@pytest.mark.parametrize(
    ("refusal", "told"),
    [
        (HoldClosed(status="captured"), QuoteTaken),
        (HoldClosed(status="open"), QuoteExpired),
        (HoldClosed(status="expired"), QuoteExpired),
        (InsufficientFunds(asset="USDT", account="till"), TillShort),
        (InsufficientFunds(asset="COP", account="customer"), InsufficientFunds),
    ],
)
def test_the_ledgers_no_is_told_in_the_customers_words(refusal: Refusal, told: type[Refusal]) -> None:
    assert type(rules.settled(trade(quote().terms), refusal)) is told


@given(st.decimals(min_value=0, max_value=10**9, places=2), st.decimals(min_value=0, max_value=10**9, places=2))
def test_the_skew_stays_between_minus_one_and_one(available: Decimal, target: Decimal) -> None:
    assert -1 <= rules.skew(available, target) <= 1


def test_the_reservation_is_made_for_the_quotes_own_time() -> None:
    firm = quote()
    hold = rules.reservation(firm)
    assert (hold.id, hold.expires_at) == (HoldId(firm.id), firm.expires_at)
    assert hold.account.kind == AccountKind.TILL
