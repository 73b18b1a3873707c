"""The main road: a price becomes a quote, a quote a trade, once, and the money says so."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import UUID

import pytest

from cambista.identity import Customer
from cambista.kernel.ids import QuoteId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import COP, PAIRS, USDT
from cambista.ledger import AccountFrozen, AccountKind, InsufficientFunds, customer_account, house_account
from cambista.pricing import Rung
from cambista.risk import DayLimitExceeded, Limits, TradeLimitExceeded
from cambista.runtime import GroupCommit, Runtime
from cambista.trading import (
    Acceptance,
    DirectTrade,
    IssuedQuote,
    PriceMoved,
    QuoteExpired,
    QuoteKind,
    QuoteNotFirm,
    QuoteRequest,
    QuoteTaken,
    QuoteUnknown,
    TillShort,
    TooManyOpenQuotes,
    Trade,
    TradeUnknown,
)
from tests.houses import OPERATOR, PaperHouse, caller_of, paper_house

PAIR = PAIRS["USDT/COP"].pair


@pytest.fixture
async def paper(runtime: Runtime) -> AsyncIterator[PaperHouse]:
    async with paper_house(runtime) as made:
        yield made


@pytest.fixture
async def ana(paper: PaperHouse) -> Customer:
    return await paper.customer(1, Amount.of("10000000.00", COP), Amount.of("1000", USDT))


def ask(
    customer: Customer, amount: str = "100", side: Side = Side.BUY, kind: QuoteKind = QuoteKind.FIRM
) -> QuoteRequest:
    return QuoteRequest(caller_of(customer), customer.id, PAIR, side, Amount.of(amount, USDT), kind)


async def quote(paper: PaperHouse, request: QuoteRequest) -> IssuedQuote:
    [issued] = await paper.house.trading.request_quotes([request])
    assert isinstance(issued, IssuedQuote), issued
    return issued


def take(customer: Customer, issued: IssuedQuote) -> Acceptance:
    return Acceptance(caller_of(customer), customer.id, issued.quote.id)


async def test_a_bought_quote_moves_exactly_its_terms(paper: PaperHouse, ana: Customer) -> None:
    issued = await quote(paper, ask(ana))
    terms = issued.quote.terms
    assert terms.rung is Rung.LIVE
    [trade] = await paper.house.trading.accept_quotes([take(ana, issued)])
    assert isinstance(trade, Trade)
    assert trade.terms == terms
    balances = await paper.balances(ana.id)
    assert balances["USDT"] == "1100.000000"
    assert Decimal(balances["COP"]) == Decimal("10000000.00") - terms.quote.decimal
    fees, spread = await paper.house.ledger.balances(
        [house_account(k, COP) for k in (AccountKind.FEES, AccountKind.SPREAD)]
    )
    assert (fees.posted, spread.posted) == (terms.fee, terms.spread)
    assert await paper.house.ledger.check() == []
    assert await paper.house.trading.trades(ana.id) == [trade]


async def test_a_sold_quote_pays_the_customer_and_books_fee_and_spread(paper: PaperHouse, ana: Customer) -> None:
    issued = await quote(paper, ask(ana, side=Side.SELL))
    [trade] = await paper.house.trading.accept_quotes([take(ana, issued)])
    assert isinstance(trade, Trade)
    balances = await paper.balances(ana.id)
    assert balances["USDT"] == "900.000000"
    assert Decimal(balances["COP"]) == Decimal("10000000.00") + trade.terms.quote.decimal
    assert await paper.house.ledger.check() == []


async def test_a_firm_quote_reserves_the_till_until_it_expires(paper: PaperHouse, ana: Customer) -> None:
    till = house_account(AccountKind.TILL, USDT)
    await quote(paper, ask(ana))
    [reserved] = await paper.house.ledger.balances([till])
    assert reserved.held == Amount.of("100", USDT)
    await paper.pass_time(16)
    assert await paper.house.ledger.expire_holds() == 1
    [free] = await paper.house.ledger.balances([till])
    assert free.held == Amount.of("0", USDT)


async def test_a_reference_quote_reserves_nothing_and_cannot_be_traded(paper: PaperHouse, ana: Customer) -> None:
    issued = await quote(paper, ask(ana, kind=QuoteKind.REFERENCE))
    [till] = await paper.house.ledger.balances([house_account(AccountKind.TILL, USDT)])
    assert till.held == Amount.of("0", USDT)
    [verdict] = await paper.house.trading.accept_quotes([take(ana, issued)])
    assert isinstance(verdict, QuoteNotFirm)


async def test_an_expired_quote_moves_nothing(paper: PaperHouse, ana: Customer) -> None:
    issued = await quote(paper, ask(ana))
    await paper.pass_time(15)
    [verdict] = await paper.house.trading.accept_quotes([take(ana, issued)])
    assert isinstance(verdict, QuoteExpired)
    await paper.house.ledger.expire_holds()
    [verdict] = await paper.house.trading.accept_quotes([take(ana, issued)])
    assert isinstance(verdict, QuoteExpired)
    assert (await paper.balances(ana.id))["COP"] == "10000000.00"


async def test_a_quote_is_taken_once_however_many_ask_at_once(paper: PaperHouse, ana: Customer) -> None:
    issued = await quote(paper, ask(ana))
    other_writer = GroupCommit(paper.runtime.db)
    jobs = [paper.house.trading.accept_quotes([take(ana, issued)]) for _ in range(10)]
    jobs += [other_writer.submit(paper.house.trading._accept, [take(ana, issued)]) for _ in range(10)]
    verdicts = [verdict for [verdict] in await asyncio.gather(*jobs)]
    assert sum(isinstance(verdict, Trade) for verdict in verdicts) == 1
    assert sum(isinstance(verdict, QuoteTaken) for verdict in verdicts) == 19
    assert (await paper.balances(ana.id))["USDT"] == "1100.000000"


async def test_anothers_quote_and_trade_look_like_none(paper: PaperHouse, ana: Customer) -> None:
    luis = await paper.customer(2, Amount.of("10000000.00", COP))
    issued = await quote(paper, ask(ana))
    [stolen] = await paper.house.trading.accept_quotes([take(luis, issued)])
    assert isinstance(stolen, QuoteUnknown)
    [trade] = await paper.house.trading.accept_quotes([take(ana, issued)])
    assert isinstance(trade, Trade)
    with pytest.raises(QuoteUnknown):
        await paper.house.trading.issued_quote(issued.quote.id, luis.id)
    with pytest.raises(TradeUnknown):
        await paper.house.trading.trade(trade.id, luis.id)
    assert await paper.house.trading.trades(luis.id) == []
    assert (await paper.house.trading.trade(trade.id, None)).id == trade.id


async def test_open_quotes_are_capped_and_freed_by_trading(paper: PaperHouse, ana: Customer) -> None:
    issued = [await quote(paper, ask(ana, "1")) for _ in range(20)]
    [refused] = await paper.house.trading.request_quotes([ask(ana, "1")])
    assert isinstance(refused, TooManyOpenQuotes)
    await paper.house.trading.accept_quotes([take(ana, issued[0])])
    await quote(paper, ask(ana, "1"))


async def test_a_direct_trade_happens_at_the_houses_price_or_not_at_all(paper: PaperHouse, ana: Customer) -> None:
    def direct(limit: str) -> DirectTrade:
        return DirectTrade(caller_of(ana), ana.id, PAIR, Side.BUY, Amount.of("100", USDT), Price.parse(limit, PAIR))

    low, high = await paper.house.trading.trade_directly([direct("100"), direct("99999")])
    assert isinstance(low, PriceMoved)
    assert isinstance(high, Trade)
    assert high.terms.price.value < 10000
    issued = await paper.house.trading.issued_quote(QuoteId(high.quote_id), ana.id)
    assert issued.quote.kind is QuoteKind.DIRECT
    assert await paper.house.ledger.check() == []


async def test_what_a_customer_lacks_is_refused_and_moves_nothing(paper: PaperHouse) -> None:
    poor = await paper.customer(3, Amount.of("100.00", COP))
    issued = await quote(paper, ask(poor))
    [verdict] = await paper.house.trading.accept_quotes([take(poor, issued)])
    assert isinstance(verdict, InsufficientFunds)
    balances = await paper.balances(poor.id)
    assert (balances["COP"], Decimal(balances.get("USDT", "0"))) == ("100.00", Decimal(0))


async def test_a_till_that_is_short_is_the_houses_trouble(paper: PaperHouse, ana: Customer) -> None:
    [till] = await paper.house.ledger.balances([house_account(AccountKind.TILL, USDT)])
    for _ in range(20):
        [verdict] = await paper.house.trading.request_quotes([ask(ana, "200000")])
        if not isinstance(verdict, IssuedQuote):
            break
    assert isinstance(verdict, TillShort)
    assert till.posted == Amount.of("3000000", USDT)


async def test_limits_hold_a_trade_and_a_day(paper: PaperHouse, ana: Customer) -> None:
    await paper.house.risk.set_limits(ana.id, Limits(trade_max=150_00, day_max=250_00), caller=OPERATOR)
    big, first, second, third = [await quote(paper, ask(ana, amount)) for amount in ("200", "100", "100", "100")]
    verdicts = await paper.house.trading.accept_quotes([take(ana, each) for each in (big, first, second, third)])
    assert [type(each) for each in verdicts] == [TradeLimitExceeded, Trade, Trade, DayLimitExceeded]
    used = await paper.house.risk.day_use(ana.id)
    assert Decimal(190) < used.used.decimal < Decimal(210)
    async with paper.runtime.db.read() as reader:
        assert await reader.value("SELECT count(*) FROM runtime.outbox WHERE name = 'RiskLimitExceeded'") == 2
    await paper.pass_time(86_400)
    again = await quote(paper, ask(ana))
    [next_day] = await paper.house.trading.accept_quotes([take(ana, again)])
    assert isinstance(next_day, Trade)


async def test_a_frozen_account_does_not_trade(paper: PaperHouse, ana: Customer) -> None:
    issued = await quote(paper, ask(ana))
    await paper.house.ledger.freeze([customer_account(ana.id, COP)], frozen=True, caller=OPERATOR, reason="test")
    [verdict] = await paper.house.trading.accept_quotes([take(ana, issued)])
    assert isinstance(verdict, AccountFrozen)


async def test_a_stored_quote_is_recomputed_bit_for_bit_from_its_receipt(paper: PaperHouse, ana: Customer) -> None:
    issued = await quote(paper, ask(ana))
    stored = await paper.house.trading.issued_quote(issued.quote.id, ana.id)
    assert stored == issued
    explanation = paper.house.pricing.explain(stored.receipt)
    assert (explanation.matches, explanation.signature_valid) == (True, True)


async def test_a_trade_writes_its_event_and_journal_row_with_it(paper: PaperHouse, ana: Customer) -> None:
    issued = await quote(paper, ask(ana))
    [trade] = await paper.house.trading.accept_quotes([take(ana, issued)])
    assert isinstance(trade, Trade)
    async with paper.runtime.db.read() as reader:
        event = await reader.one(
            "SELECT data->>'trade_id' AS id, subject FROM runtime.outbox WHERE name='TradeExecuted'"
        )
        done = await reader.one("SELECT subject, actor_id FROM runtime.journal WHERE name = 'trade.execute'")
    assert UUID(event["id"]) == trade.id
    assert event["subject"] == f"customer:{ana.id}"
    assert (done["subject"], done["actor_id"]) == (f"trade:{trade.id}", ana.id)
