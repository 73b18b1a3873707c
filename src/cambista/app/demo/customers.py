"""The demo's customers in flesh: each step of the plan carried out at the house's counter, come what may."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Any

from cambista.app.demo.client import Answer, Api
from cambista.app.demo.people import written
from cambista.app.demo.plan import Act, Look, Patience, PayIn, Step, TakeQuote, TradeDirectly, Wish, Withdraw
from cambista.app.demo.rails import WAYS
from cambista.app.demo.staff import Customer, Payment, Staff, missing_payment
from cambista.kernel.registry import asset, pair_spec

AT_ONCE_MAX = 128
LATE_S = 0.5
BEHIND_MAX_S = 1.0
LEAVE_S = 5.0
BPS = Decimal(10_000)


class Crowd:
    """Carries the plan out, at most `AT_ONCE_MAX` steps at a time; what comes while so many wait is left out."""

    def __init__(self, api: Api, staff: Staff, customers: Sequence[Customer]) -> None:
        self._api = api
        self._staff = staff
        self._customers = customers
        self._closing = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    async def follow(self, plan: Iterator[Step]) -> None:
        """Live the plan until `close`; then nobody new comes, who thinks leaves, who is being served is served.

        A failure of a step is a bug and ends it.
        """
        try:
            await self._follow(plan)
        finally:
            await self._empty()

    async def _follow(self, plan: Iterator[Step]) -> None:
        late_s = self._api.elapsed_s
        for step in plan:
            wait_s = step.at_s + late_s - self._api.elapsed_s
            # What was missed is not made up for in a burst.
            late_s += max(0.0, -wait_s - BEHIND_MAX_S)
            if not await self._pause(max(0.0, wait_s)):
                return
            if len(self._under_way) < AT_ONCE_MAX:
                self._under_way.add(asyncio.create_task(self._act(self._customers[step.customer], step.act)))
            else:
                await asyncio.wait(self._under_way, timeout=BEHIND_MAX_S, return_when=asyncio.FIRST_COMPLETED)
            self._collect()

    def close(self) -> None:
        """Let `follow` end, soon."""
        self._closing.set()

    async def _empty(self) -> None:
        self._closing.set()
        if self._under_way:
            _, waiting = await asyncio.wait(self._under_way, timeout=LEAVE_S)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            self._under_way -= waiting
        self._collect()

    def _collect(self) -> None:
        done = {task for task in self._under_way if task.done()}
        self._under_way -= done
        for task in done:
            task.result()

    async def _pause(self, seconds: float) -> bool:
        """Whether the house is still open after that time."""
        # At least one turn of the loop: with no time at all `wait_for` gives up before it has looked.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), max(seconds, 1e-3))
        return not self._closing.is_set()

    async def _act(self, customer: Customer, act: Act) -> None:
        match act:
            case TakeQuote():
                await self._take_quote(customer, act)
            case TradeDirectly():
                await self._trade_directly(customer, act)
            case Look():
                await self._ask(customer, act.wish, "reference")
            case PayIn():
                payment = Payment(act.asset, act.amount, act.payer, act.same_hands, act.accepted)
                await self._staff.take_in(customer, payment)
            case Withdraw():
                await self._withdraw(customer, act)

    async def _ask(self, customer: Customer, wish: Wish, kind: str) -> Mapping[str, Any] | None:
        body = {"pair": wish.pair, "side": wish.side, "amount": wish.amount, "amount_asset": wish.amount_asset}
        answer = await self._api.post(customer.key, "/quotes", {**body, "kind": kind})
        if not answer.good:
            return None
        self._api.tally.quoted(answer.body)
        return answer.body

    async def _take_quote(self, customer: Customer, act: TakeQuote) -> None:
        quote = await self._ask(customer, act.wish, "firm")
        if quote is None or act.patience is Patience.NEVER:
            return
        late_s = _lifetime_s(quote) + LATE_S if act.patience is Patience.LATE else 0.0
        if not await self._pause(late_s + act.think_s):
            return
        if act.wish.tops_up and act.patience is Patience.PROMPT:
            await self._top_up(customer, quote)
        once = self._api.next_name()
        for _ in range(act.clicks):
            await self._trade(customer, {"quote_id": quote["id"]}, once)
        if act.another_click:
            await self._trade(customer, {"quote_id": quote["id"]}, self._api.next_name())

    async def _trade_directly(self, customer: Customer, act: TradeDirectly) -> None:
        seen = await self._ask(customer, act.wish, "reference")
        if seen is None:
            return
        if act.wish.tops_up:
            await self._top_up(customer, seen)
        base, fiat = act.wish.pair.split("/")
        limit = price_limit(act, Decimal(seen["price"]))
        body = {"asset": base, "fiat": fiat, "side": act.wish.side, "amount": act.wish.amount, "price": limit}
        await self._trade(customer, body, self._api.next_name())

    async def _trade(self, customer: Customer, body: Mapping[str, Any], once: str) -> None:
        answer = await self._api.post(customer.key, "/trades", body, once=once)
        if answer.good and answer.repeated:
            self._api.tally.repeats += 1
        elif answer.good:
            self._api.tally.traded(answer.body, self._api.elapsed_s)

    async def _top_up(self, customer: Customer, quote: Mapping[str, Any]) -> None:
        paid = "quote" if quote["side"] == "buy" else "base"
        code = quote[f"{paid}_asset"]
        payment = missing_payment(code, Decimal(quote[f"{paid}_amount"]), await self._available(customer, code))
        if payment is not None:
            await self._staff.take_in(customer, payment)

    async def _available(self, customer: Customer, code: str) -> Decimal:
        return available(await self._api.get(customer.key, "/accounts"), code)

    async def _withdraw(self, customer: Customer, act: Withdraw) -> None:
        amount = withdrawn(act, await self._available(customer, act.asset))
        if amount is None:
            return
        way = WAYS[act.asset]
        holder = customer.person.full_name if act.to_own_account else "Otra Persona"
        destination = {"rail": way.rail, "account": way.account_of(customer.number), "holder": holder}
        asked = {"asset": act.asset, "amount": amount, "destination": destination}
        answer = await self._api.post(customer.key, "/withdrawals", asked)
        if answer.good:
            await self._pause(act.review_s)
            await self._staff.review_withdrawal(answer.body, accepted=act.accepted)


def available(accounts: Answer, code: str) -> Decimal:
    """What the answer of `GET /accounts` says is free of one asset."""
    items = accounts.body["items"] if accounts.good else ()
    return sum((Decimal(each["available"]) for each in items if each["asset"] == code), Decimal(0))


def withdrawn(act: Withdraw, owned: Decimal) -> str | None:
    """The amount asked for, on the wire; None when there is nothing to ask for."""
    of = asset(act.asset)
    amount = (owned * act.share).quantize(Decimal(1).scaleb(-min(of.scale, 2)), ROUND_DOWN)
    return written(amount, of) if amount > 0 else None


def price_limit(act: TradeDirectly, price: Decimal) -> str:
    """The worst price the customer takes, on the pair's tick: above what was seen to buy, below it to sell."""
    buys = act.wish.side == "buy"
    tick = pair_spec(act.wish.pair).tick
    worse = Decimal(act.tolerance_bps) / BPS * (1 if buys else -1)
    return f"{(price * (1 + worse)).quantize(tick, ROUND_UP if buys else ROUND_DOWN):f}"


def _lifetime_s(quote: Mapping[str, Any]) -> float:
    created, expires = (datetime.fromisoformat(quote[name]) for name in ("created_at", "expires_at"))
    return (expires - created).total_seconds()
