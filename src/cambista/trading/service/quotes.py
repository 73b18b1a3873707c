"""Trading's use cases: quote, accept a quote, trade at once. Requests decided together commit together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from cambista.identity import Identity
from cambista.kernel.callers import Caller
from cambista.kernel.errors import Limited, Refusal
from cambista.kernel.ids import CustomerId, HoldId, QuoteId, TradeId
from cambista.kernel.market import Pair
from cambista.ledger import AccountKind, Ledger, Period
from cambista.pricing import Offer, OfferRequest, Pricing
from cambista.risk import Allowance, Risk, RiskLimitExceeded, Use
from cambista.runtime import Action, Once, Replay, Runtime, Tx
from cambista.trading.errors import QuoteUnknown, TradeUnknown
from cambista.trading.events import QuoteIssued, TradeExecuted
from cambista.trading.rules import quotes as rules
from cambista.trading.service.orders import Orders
from cambista.trading.service.refusing import record_refusal, refuse_keys
from cambista.trading.settings import TradingSettings
from cambista.trading.store import quotes as store
from cambista.trading.types import (
    Acceptance,
    DirectTrade,
    IssuedQuote,
    Quote,
    QuoteKind,
    QuoteRequest,
    Trade,
    TradedReceipt,
)

LIST_MAX = 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _PricedQuote:
    request: QuoteRequest
    quote_id: QuoteId
    offer: Offer | Refusal


@dataclass(frozen=True, slots=True)
class _PricedTrade:
    request: DirectTrade
    quote_id: QuoteId
    offer: Offer | Refusal


class Trading:
    """Customers' quotes and trades. Every door takes a batch and gives one verdict each."""

    def __init__(  # noqa: PLR0913 - the rooms below, each by its name
        self,
        runtime: Runtime,
        settings: TradingSettings,
        *,
        identity: Identity,
        ledger: Ledger,
        pricing: Pricing,
        risk: Risk,
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._identity = identity
        self._ledger = ledger
        self._pricing = pricing
        self._risk = risk
        self._ttl = timedelta(seconds=settings.quote_ttl_s)
        self._skews: dict[str, Decimal] = {}
        self.orders = Orders(runtime, settings, identity=identity, ledger=ledger, pricing=pricing)

    async def request_quotes(
        self, requests: Sequence[QuoteRequest], onces: Sequence[Once | None] = ()
    ) -> list[IssuedQuote | Refusal | Replay]:
        """Price each request; a firm quote also reserves the till until it expires.

        Refuses `no_price`, `amount_too_small`, `amount_too_large`, `open_quotes_exceeded`, `till_short`,
        `account_frozen`.
        """
        ids = [QuoteId(self._runtime.new_id()) for _ in requests]
        offers = await self._offers(requests, ids)
        priced = [_PricedQuote(*each) for each in zip(requests, ids, offers, strict=True)]
        return await self._runtime.writer.submit(self._issue, priced, onces)

    async def accept_quotes(
        self, acceptances: Sequence[Acceptance], onces: Sequence[Once | None] = ()
    ) -> list[Trade | Refusal | Replay]:
        """Turn quotes into trades, each at most once.

        Refuses `quote_not_found`, `quote_expired`, `quote_taken`, `quote_not_firm`, `insufficient_funds`,
        `limit_exceeded`, `account_frozen`.
        """
        return await self._runtime.writer.submit(self._accept, acceptances, onces)

    async def trade_directly(
        self, requests: Sequence[DirectTrade], onces: Sequence[Once | None] = ()
    ) -> list[Trade | Refusal | Replay]:
        """Trade at once at the house's price if it is no worse than the limit given, else `price_moved`."""
        ids = [QuoteId(self._runtime.new_id()) for _ in requests]
        offers = await self._offers(requests, ids)
        priced = [_PricedTrade(*each) for each in zip(requests, ids, offers, strict=True)]
        return await self._runtime.writer.submit(self._trade_directly, priced, onces)

    async def issued_quote(self, id: QuoteId, owner: CustomerId | None) -> IssuedQuote:
        """The quote with its receipt; `owner` None sees all. Another's is `quote_not_found`."""
        async with self._runtime.db.read_for(owner) as reader:
            found = await store.find_issued(reader, id)
        if found is None or owner not in (None, found.quote.customer_id):
            raise QuoteUnknown(quote=str(id))
        return found

    async def trade(self, id: TradeId, owner: CustomerId | None) -> Trade:
        """The trade; `owner` None sees all. Another's is `trade_not_found`."""
        async with self._runtime.db.read_for(owner) as reader:
            found = await store.find_trade(reader, id)
        if found is None or owner not in (None, found.customer_id):
            raise TradeUnknown(trade=str(id))
        return found

    async def trades(self, owner: CustomerId | None, *, before: TradeId | None = None, limit: int = 50) -> list[Trade]:
        """Trades, newest first, from below `before`; at most 200."""
        async with self._runtime.db.read_for(owner) as reader:
            return await store.list_trades(reader, owner, before, min(limit, LIST_MAX))

    async def quotes(self, owner: CustomerId | None, *, before: QuoteId | None = None, limit: int = 50) -> list[Quote]:
        """Quotes, newest first, from below `before`; at most 200."""
        async with self._runtime.db.read_for(owner) as reader:
            return await store.list_quotes(reader, owner, before, min(limit, LIST_MAX))

    async def receipts(
        self, period: Period, owner: UUID | None = None, *, after: TradeId | None = None, limit: int = 1000
    ) -> list[TradedReceipt]:
        """Receipts of what was traded in a period, from above trade `after`; `owner` None: of everybody."""
        async with self._runtime.db.read() as reader:
            return await store.list_receipts(reader, period, owner, after, limit)

    async def watch_tills(self) -> None:
        """Read how full the tills are, for the skew of the next prices."""
        targets = self._settings.till_targets
        tills = await self._ledger.balances_of(AccountKind.TILL) if targets else []
        self._skews = {
            till.account.asset: rules.skew(till.available.decimal, targets.get(till.account.asset, Decimal(0)))
            for till in tills
        }

    async def _offers(
        self, requests: Sequence[QuoteRequest | DirectTrade], ids: Sequence[QuoteId]
    ) -> list[Offer | Refusal]:
        return await self._pricing.offers(
            [
                OfferRequest(id, each.customer_id, each.pair, each.side, each.amount, self._skew(each.pair))
                for each, id in zip(requests, ids, strict=True)
            ]
        )

    def _skew(self, pair: Pair) -> Decimal:
        return self._skews.get(pair.base.code, Decimal(0))

    async def _issue(self, tx: Tx, priced: Sequence[_PricedQuote]) -> list[IssuedQuote | Refusal]:
        verdicts: list[IssuedQuote | Refusal | None] = [
            each.offer if isinstance(each.offer, Refusal) else None for each in priced
        ]
        await refuse_keys(self._identity, tx, [each.request.caller for each in priced], verdicts)
        waiting = {index: priced[index] for index, verdict in enumerate(verdicts) if verdict is None}
        firm = {each.request.customer_id for each in waiting.values() if each.request.kind is QuoteKind.FIRM}
        open_quotes = await store.count_open_quotes(tx, list(firm), tx.now) if firm else {}
        while waiting:
            waiting = await self._issue_fitting(tx, waiting, open_quotes, verdicts)
        await store.insert_quotes(tx, [each for each in verdicts if isinstance(each, IssuedQuote)])
        for each, verdict in zip(priced, verdicts, strict=True):
            _announce_quote(tx, each.request, verdict)
        return [verdict for verdict in verdicts if verdict is not None]

    async def _issue_fitting(
        self,
        tx: Tx,
        waiting: Mapping[int, _PricedQuote],
        open_quotes: dict[CustomerId, int],
        verdicts: "list[IssuedQuote | Refusal | None]",
    ) -> dict[int, _PricedQuote]:
        """Issue those within the cap of open quotes; gives the ones to judge again, since a neighbour that seemed to
        take a place before them found the till short."""
        requests = [each.request for each in waiting.values()]
        judged = rules.within_open_cap(requests, open_quotes, self._settings.open_quotes_max)
        over = {index: no for index, no in zip(waiting, judged, strict=True) if no is not None}
        quotes = {index: self._quote(each, tx) for index, each in waiting.items() if index not in over}
        firm = {index: quote for index, quote in quotes.items() if quote.kind is QuoteKind.FIRM}
        holds = await self._ledger.hold(tx, [rules.reservation(quote) for quote in firm.values()])
        short = {
            index: rules.till_refusal(hold)
            for index, hold in zip(firm, holds, strict=True)
            if isinstance(hold, Refusal)
        }
        for index, quote in quotes.items():
            offer = waiting[index].offer
            assert isinstance(offer, Offer)
            verdicts[index] = short.get(index) or IssuedQuote(quote, offer.receipt)
        for index, quote in firm.items():
            if index not in short:
                open_quotes[quote.customer_id] = open_quotes.get(quote.customer_id, 0) + 1
        if short and over:
            return {index: waiting[index] for index in over}
        for index, no in over.items():
            verdicts[index] = no
        return {}

    def _quote(self, priced: _PricedQuote, tx: Tx) -> Quote:
        assert isinstance(priced.offer, Offer)
        return rules.quote(priced.quote_id, priced.request, priced.offer, tx.now, self._ttl)

    async def _accept(self, tx: Tx, acceptances: Sequence[Acceptance]) -> list[Trade | Refusal]:
        quotes = await store.find_quotes(tx, [each.quote_id for each in acceptances])
        ids = [TradeId(id) for id in self._runtime.new_ids(len(acceptances))]
        drafts = rules.accept(acceptances, quotes, ids, tx.now)
        return await self._settle(
            tx, [each.caller for each in acceptances], drafts, [HoldId(each.quote_id) for each in acceptances]
        )

    async def _trade_directly(self, tx: Tx, priced: Sequence[_PricedTrade]) -> list[Trade | Refusal]:
        drafts = [self._direct_draft(each, tx) for each in priced]
        verdicts = await self._settle(tx, [each.request.caller for each in priced], drafts, [None] * len(priced))
        issued = [
            IssuedQuote(
                Quote(each.quote_id, verdict.customer_id, QuoteKind.DIRECT, verdict.terms, tx.now, tx.now),
                each.offer.receipt,
            )
            for each, verdict in zip(priced, verdicts, strict=True)
            if isinstance(verdict, Trade) and isinstance(each.offer, Offer)
        ]
        await store.insert_quotes(tx, issued)
        return verdicts

    def _direct_draft(self, priced: _PricedTrade, tx: Tx) -> Trade | Refusal:
        offer, request = priced.offer, priced.request
        if isinstance(offer, Refusal):
            return offer
        if not rules.within_limit(request, offer.price):
            return rules.price_moved(request, offer.price)
        return Trade(
            TradeId(self._runtime.new_id()), priced.quote_id, request.customer_id, rules.terms_of(offer), tx.now
        )

    async def _settle(
        self,
        tx: Tx,
        callers: Sequence[Caller],
        drafts: Sequence[Trade | Refusal],
        holds: Sequence[HoldId | None],
    ) -> list[Trade | Refusal]:
        """Judge limits, post the money and write the trades; everything a trade is commits here or not at all."""
        verdicts: list[Trade | Refusal | None] = [d if isinstance(d, Refusal) else None for d in drafts]
        await refuse_keys(self._identity, tx, callers, verdicts)
        waiting = {
            index: trade for index, trade in enumerate(drafts) if verdicts[index] is None and isinstance(trade, Trade)
        }
        allowance = await self._risk.locked(tx, (trade.customer_id for trade in waiting.values()))
        while waiting:
            waiting = await self._settle_fitting(tx, waiting, holds, (allowance, verdicts))
        done = [(caller, trade) for caller, trade in zip(callers, verdicts, strict=True) if isinstance(trade, Trade)]
        await self._risk.book(tx, [_use(trade) for _, trade in done])
        await store.insert_trades(tx, [trade for _, trade in done])
        for caller, trade in done:
            _announce_trade(tx, caller, trade)
        for caller, draft, verdict in zip(callers, drafts, verdicts, strict=True):
            if isinstance(verdict, Trade):
                continue
            if isinstance(draft, Trade) and isinstance(verdict, Limited):
                tx.emit(_limit_event(draft, verdict), trace_id=caller.trace_id)
            subject = f"quote:{draft.quote_id}" if isinstance(draft, Trade) else f"customer:{caller.id}"
            record_refusal(tx, caller, "trade.execute", subject, verdict)
        return [verdict for verdict in verdicts if verdict is not None]

    async def _settle_fitting(
        self,
        tx: Tx,
        waiting: Mapping[int, Trade],
        holds: Sequence[HoldId | None],
        counted: "tuple[Allowance, list[Trade | Refusal | None]]",
    ) -> dict[int, Trade]:
        """Settle those that fit the limits; gives the ones to judge again, since a neighbour that seemed to go before
        them was refused by the ledger and used up nothing."""
        allowance, verdicts = counted
        judged = dict(zip(waiting, allowance.judge([_use(trade) for trade in waiting.values()]), strict=True))
        fitting = {index: trade for index, trade in waiting.items() if judged[index] is None}
        verdicts_of_limits = {index: no for index, no in judged.items() if no is not None}
        posted = await self._ledger.post(
            tx, [rules.settlement(trade, hold=holds[index]) for index, trade in fitting.items()]
        )
        for (index, trade), result in zip(fitting.items(), posted, strict=True):
            verdicts[index] = rules.settled(trade, result) if isinstance(result, Refusal) else trade
        allowance.use(_use(trade) for index, trade in fitting.items() if verdicts[index] is trade)
        if any(isinstance(verdicts[index], Refusal) for index in fitting):
            return {index: waiting[index] for index in verdicts_of_limits}
        for index, no in verdicts_of_limits.items():
            verdicts[index] = no
        return {}


def _use(trade: Trade) -> Use:
    return Use(trade.customer_id, trade.terms.notional)


def _limit_event(trade: Trade, refusal: Refusal) -> RiskLimitExceeded:
    facts = {name: str(value) for name, value in refusal.facts.items()}
    return RiskLimitExceeded(
        trade.customer_id, facts["limit"], Decimal(facts["asked"]), Decimal(facts["allowed"]), facts["asset"]
    )


def _announce_quote(tx: Tx, request: QuoteRequest, verdict: IssuedQuote | Refusal | None) -> None:
    if not isinstance(verdict, IssuedQuote):
        record_refusal(tx, request.caller, "quote.request", f"customer:{request.customer_id}", verdict)
        return
    quote, terms = verdict.quote, verdict.quote.terms
    tx.emit(
        QuoteIssued(
            quote.id,
            quote.customer_id,
            quote.kind.value,
            str(terms.pair),
            terms.side.value,
            terms.price.value,
            terms.base.text,
            terms.quote.text,
            terms.rung.value,
            quote.expires_at,
        ),
        trace_id=request.caller.trace_id,
    )
    tx.record(Action(request.caller, "quote.request", f"quote:{quote.id}", facts={"receipt": verdict.receipt.sha256}))


def _announce_trade(tx: Tx, caller: Caller, trade: Trade) -> None:
    terms = trade.terms
    tx.emit(
        TradeExecuted(
            trade.id,
            trade.quote_id,
            trade.customer_id,
            str(terms.pair),
            terms.base.asset.code,
            terms.quote.asset.code,
            terms.side.value,
            terms.price.value,
            terms.base.decimal,
            terms.quote.decimal,
            terms.fee.decimal,
            terms.spread.decimal,
            terms.notional.decimal,
            terms.notional.asset.code,
            terms.rung.value,
            trade.executed_at,
        ),
        trace_id=caller.trace_id,
    )
    tx.record(Action(caller, "trade.execute", f"trade:{trade.id}", facts={"quote": str(trade.quote_id)}))
