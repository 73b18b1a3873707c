"""Decisions of trading, pure: who may take which quote, and what a trade moves."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId, HoldId, QuoteId, TradeId, TransferId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount
from cambista.ledger import (
    AccountKind,
    Hold,
    HoldClosed,
    HoldStatus,
    InsufficientFunds,
    Posting,
    Transfer,
    customer_account,
    house_account,
)
from cambista.pricing import Offer
from cambista.trading.errors import (
    PriceMoved,
    QuoteExpired,
    QuoteNotFirm,
    QuoteTaken,
    QuoteUnknown,
    TillShort,
    TooManyOpenQuotes,
)
from cambista.trading.types import Acceptance, DirectTrade, Quote, QuoteKind, QuoteRequest, Terms, Trade


def terms_of(offer: Offer) -> Terms:
    return Terms(
        pair=offer.pair,
        side=offer.side,
        price=offer.price,
        base=offer.base,
        quote=offer.quote,
        fee=offer.fee,
        tax=offer.tax or Amount(0, offer.fee.asset),
        spread=offer.spread,
        notional=offer.notional,
        rung=offer.rung,
    )


def quote(id: QuoteId, request: QuoteRequest, offer: Offer, now: datetime, ttl: timedelta) -> Quote:
    return Quote(id, request.customer_id, request.kind, terms_of(offer), now, now + ttl)


def house_pays(terms: Terms) -> Amount:
    """All that leaves the till: the base a buyer gets, or the quote asset that seller, fees, taxes and spread get."""
    if terms.side is Side.BUY:
        return terms.base
    gross = terms.quote + terms.fee + terms.tax
    return gross + terms.spread if terms.spread.units > 0 else gross


def reservation(quote: Quote) -> Hold:
    """The till's side of a firm quote, set aside until the quote expires; hold and quote share their id."""
    amount = house_pays(quote.terms)
    return Hold(HoldId(quote.id), house_account(AccountKind.TILL, amount.asset), amount, quote.expires_at)


def within_open_cap(
    requests: Sequence[QuoteRequest], open_quotes: Mapping[CustomerId, int], cap: int
) -> list[Refusal | None]:
    """One verdict a request, each firm one counting against its customer's cap of open quotes."""
    running = dict(open_quotes)
    verdicts: list[Refusal | None] = []
    for request in requests:
        count = running.get(request.customer_id, 0)
        if request.kind is QuoteKind.FIRM and count >= cap:
            verdicts.append(TooManyOpenQuotes(open=count, allowed=cap))
            continue
        if request.kind is QuoteKind.FIRM:
            running[request.customer_id] = count + 1
        verdicts.append(None)
    return verdicts


def accept(
    acceptances: Sequence[Acceptance], quotes: Mapping[QuoteId, Quote], ids: Sequence[TradeId], now: datetime
) -> list[Trade | Refusal]:
    """A draft trade for each acceptance that its quote allows; another's quote looks like no quote."""
    taken: set[QuoteId] = set()
    drafts: list[Trade | Refusal] = []
    for acceptance, id in zip(acceptances, ids, strict=True):
        found = quotes.get(acceptance.quote_id)
        if found is None or found.customer_id != acceptance.customer_id:
            drafts.append(QuoteUnknown(quote=str(acceptance.quote_id)))
        elif found.kind is QuoteKind.REFERENCE:
            drafts.append(QuoteNotFirm(quote=str(found.id)))
        elif found.kind is QuoteKind.DIRECT or found.id in taken:
            drafts.append(QuoteTaken(quote=str(found.id)))
        else:
            taken.add(found.id)
            drafts.append(Trade(id, found.id, found.customer_id, found.terms, now))
    return drafts


def within_limit(direct: DirectTrade, price: Price) -> bool:
    """Whether `price` is no worse for the customer than the limit given."""
    return price.value <= direct.limit.value if direct.side is Side.BUY else price.value >= direct.limit.value


def price_moved(direct: DirectTrade, price: Price) -> PriceMoved:
    return PriceMoved(pair=str(direct.pair), price=price.text, limit=direct.limit.text)


def settlement(trade: Trade, *, hold: HoldId | None) -> Transfer:
    """What a trade moves: principal between customer and till, fee to fees, tax to taxes, the house's gain to spread.

    `hold` is the till's reservation, captured here. A spread below zero (a discount) is paid by the spread account.
    """
    terms = trade.terms
    quote_asset = terms.quote.asset
    base_till = house_account(AccountKind.TILL, terms.base.asset)
    quote_till = house_account(AccountKind.TILL, quote_asset)
    base_own = customer_account(trade.customer_id, terms.base.asset)
    quote_own = customer_account(trade.customer_id, quote_asset)
    spread = house_account(AccountKind.SPREAD, quote_asset)
    gain = terms.spread
    if terms.side is Side.BUY:
        earner, principal = quote_own, terms.quote - terms.fee - terms.tax - (gain if gain.units > 0 else gain - gain)
        legs = [(quote_own, quote_till, principal), (base_till, base_own, terms.base)]
    else:
        earner = quote_till
        legs = [(base_own, base_till, terms.base), (quote_till, quote_own, terms.quote)]
    legs.append((earner, house_account(AccountKind.FEES, quote_asset), terms.fee))
    legs.append((earner, house_account(AccountKind.TAXES, quote_asset), terms.tax))
    if gain.units > 0:
        legs.append((earner, spread, gain))
    elif gain.units < 0:
        legs.append((spread, quote_till, -gain))
    return Transfer(TransferId(trade.id), "trade", tuple(Posting(*leg) for leg in legs if leg[2].units > 0), hold=hold)


def settled(trade: Trade, refusal: Refusal) -> Refusal:
    """The ledger's no in the customer's words."""
    if isinstance(refusal, HoldClosed):
        taken = refusal.facts.get("status") == HoldStatus.CAPTURED.value
        return QuoteTaken(quote=str(trade.quote_id)) if taken else QuoteExpired(quote=str(trade.quote_id))
    return till_refusal(refusal)


def till_refusal(refusal: Refusal) -> Refusal:
    """A till that is short is the house's trouble (503), not the customer's lack of funds."""
    if isinstance(refusal, InsufficientFunds) and refusal.facts.get("account") == AccountKind.TILL.value:
        return TillShort(asset=refusal.facts["asset"])
    return refusal


def skew(available: Decimal, target: Decimal) -> Decimal:
    """How full a till is against its target, from -1 (empty) to 1 (twice the target or more)."""
    if target <= 0:
        return Decimal(0)
    return max(Decimal(-1), min(Decimal(1), (available - target) / target)).quantize(Decimal("0.001"))
