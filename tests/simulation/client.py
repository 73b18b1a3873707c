"""Speaks to the house's doors for customers and operators, as a face of it would: one request, one key, one answer."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from cambista.app.build import House
from cambista.funding import (
    Deposit,
    DepositDecision,
    DepositRequest,
    Destination,
    Payer,
    Withdrawal,
    WithdrawalDecision,
    WithdrawalRequest,
)
from cambista.kernel.callers import Caller, Credential, Role
from cambista.kernel.errors import Refusal
from cambista.kernel.ids import CustomerId, DepositId, QuoteId, TransferId, WithdrawalId
from cambista.kernel.market import Price, Side
from cambista.kernel.money import Amount
from cambista.kernel.registry import ASSETS, PAIRS
from cambista.kernel.time import wire_time
from cambista.ledger import AccountKind, AccountRef
from cambista.risk import Limits
from cambista.runtime import Once, Replay
from cambista.trading import Acceptance, DirectTrade, IssuedQuote, QuoteKind, QuoteRequest, Trade
from tests.simulation import operations as ops
from tests.simulation.funding_model import OUT_OF
from tests.simulation.operations import Outcome

ACCOUNTS = {
    "pse": "Bancolombia 123456",
    "pago_movil": "0102 04141234567",
    "ethereum": "0x52908400098527886E0F7030069857D2E4169EE7",
    "bitcoin": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
}
STRANGER = "Somebody Else"
OPERATOR = Caller(UUID(int=2), Role.OPERATOR)


class Client:
    """Turns an operation into a call of the right door, and the answer into an Outcome. `names` are the customers'."""

    def __init__(self, names: Mapping[UUID, str]) -> None:
        self._names = names

    async def ask(self, house: House, operation: ops.Operation, key: str | None) -> Outcome:
        """One try. A refusal is an Outcome; whatever else the house raises is raised here."""
        try:
            return await self._ask(house, operation, key)
        except Refusal as refusal:
            return Outcome(refused=refusal.code)

    async def _ask(self, house: House, operation: ops.Operation, key: str | None) -> Outcome:
        match operation:
            case ops.RequestQuote() | ops.AcceptQuote() | ops.DirectTrade():
                return await self._trade(house, operation, key)
            case ops.Deposit() | ops.DecideDeposit() | ops.RequestWithdrawal() | ops.DecideWithdrawal():
                return await self._fund(house, operation, key)
            case _:
                return Outcome(fields=await self._operate(house, operation))

    async def _trade(self, house: House, operation: Any, key: str | None) -> Outcome:
        caller = Caller(operation.customer, Role.CUSTOMER)
        customer = CustomerId(operation.customer)
        once = _once(caller, operation, key)
        match operation:
            case ops.RequestQuote():
                amount = Amount(operation.units, ASSETS[operation.amount_asset])
                pair, side = PAIRS[operation.pair].pair, Side(operation.side)
                request = QuoteRequest(caller, customer, pair, side, amount, QuoteKind(operation.kind))
                answers: Sequence[object] = await house.trading.request_quotes([request], once)
            case ops.AcceptQuote():
                answers = await house.trading.accept_quotes(
                    [Acceptance(caller, customer, QuoteId(operation.quote))], once
                )
            case ops.DirectTrade():
                pair = PAIRS[operation.pair].pair
                direct = DirectTrade(
                    caller,
                    customer,
                    pair,
                    Side(operation.side),
                    Amount(operation.units, pair.base),
                    Price(Decimal(operation.limit), pair),
                )
                answers = await house.trading.trade_directly([direct], once)
        return _outcome(answers[0])

    async def _fund(self, house: House, operation: Any, key: str | None) -> Outcome:
        funding = house.funding
        match operation:
            case ops.Deposit():
                caller = Caller(operation.by, Role.TREASURER)
                request = self._deposit(caller, operation)
                answers: Sequence[object] = await funding.record_deposits([request], _once(caller, operation, key))
            case ops.DecideDeposit():
                caller = Caller(operation.approver, Role.TREASURER)
                decide = funding.approve_deposits if operation.approve else funding.reject_deposits
                decision = DepositDecision(caller, DepositId(operation.deposit))
                answers = await decide([decision], _once(caller, operation, key))
            case ops.RequestWithdrawal():
                own = operation.by == operation.customer
                role = Role.CUSTOMER if own else Role.OPERATOR
                caller = Caller(operation.by, role, credential=Credential.HOUSE)
                wish = self._withdrawal(caller, operation)
                answers = await funding.request_withdrawals([wish], _once(caller, operation, key))
            case ops.DecideWithdrawal():
                caller = Caller(operation.approver, Role.TREASURER, credential=Credential.HOUSE)
                settle = funding.approve_withdrawals if operation.approve else funding.reject_withdrawals
                verdict = WithdrawalDecision(caller, WithdrawalId(operation.withdrawal))
                answers = await settle([verdict], _once(caller, operation, key))
        return _outcome(answers[0])

    def _deposit(self, caller: Caller, asked: ops.Deposit) -> DepositRequest:
        names = {"own": self._names[asked.customer], "stranger": STRANGER}
        payer = Payer(names[asked.payer]) if asked.payer in names else None
        amount = Amount(asked.units, ASSETS[asked.asset])
        bank = "0102" if asked.rail == "pago_movil" else None
        return DepositRequest(caller, asked.customer, amount, asked.rail, asked.reference, payer, None, bank)

    def _withdrawal(self, caller: Caller, asked: ops.RequestWithdrawal) -> WithdrawalRequest:
        rail = OUT_OF[asked.asset]
        to = Destination(rail, ACCOUNTS[rail], self._names[asked.customer])
        return WithdrawalRequest(caller, asked.customer, Amount(asked.units, ASSETS[asked.asset]), to)

    async def _operate(self, house: House, operation: ops.Operation) -> dict[str, object]:
        match operation:
            case ops.ExpireHolds():
                await house.ledger.expire_holds()
            case ops.ExpireWithdrawals():
                await house.funding.expire()
            case ops.Tick():
                await house.trading.watch_tills()
                await house.pricing.tick()
            case ops.DeliverEvents():
                await house.relay.deliver("analytics")
            case ops.Reverse():
                async with house.runtime.db.transaction() as tx:
                    verdict = await house.ledger.reverse(
                        tx, TransferId(operation.transfer), new_id=TransferId(operation.new_transfer), caller=OPERATOR
                    )
                    if isinstance(verdict, Refusal):
                        raise verdict
                    return {"booked_at": wire_time(verdict.booked_at)}
            case ops.Freeze():
                ref = AccountRef(AccountKind.CUSTOMER.value, str(operation.customer), operation.asset)
                await house.ledger.freeze([ref], frozen=operation.frozen, caller=OPERATOR, reason="simulated")
            case ops.SetLimits():
                limits = Limits(operation.trade_max, operation.day_max)
                await house.risk.set_limits(CustomerId(operation.customer), limits, caller=OPERATOR)
            case ops.ConfigurePrice():
                await house.pricing.set_configured(
                    PAIRS[operation.pair].pair,
                    bid=Decimal(operation.bid),
                    ask=Decimal(operation.ask),
                    expires_at=house.runtime.now() + timedelta(seconds=operation.seconds),
                    caller=OPERATOR,
                )
            case _:
                raise AssertionError(operation)
        return {}


def _once(caller: Caller, operation: ops.Operation, key: str | None) -> list[Once | None]:
    if key is None:
        return [None]
    fingerprint = sha256(repr(operation).encode()).digest()
    return [Once(caller.id, type(operation).__name__, key, fingerprint, _render)]


def _render(answer: object) -> tuple[int, bytes]:
    """The stored answer; as a face would, without anything that changes from one look to the next."""
    fields = FIELDS[type(answer)](answer)
    return 200, json.dumps(fields, sort_keys=True).encode()


def render_answer(answer: object) -> bytes:
    """The bytes a client gets."""
    return _render(answer)[1]


def _outcome(answer: object) -> Outcome:
    if isinstance(answer, Refusal):
        return Outcome(refused=answer.code)
    if isinstance(answer, Replay):
        return Outcome(fields=json.loads(answer.body), body=answer.body, replayed=not answer.first)
    body = _render(answer)[1]
    return Outcome(fields=json.loads(body), body=body)


def _terms(terms: Any) -> dict[str, object]:
    return {
        "pair": str(terms.pair),
        "side": terms.side.value,
        "price": terms.price.text,
        "base": terms.base.units,
        "quote": terms.quote.units,
        "fee": terms.fee.units,
        "spread": terms.spread.units,
        "notional": terms.notional.units,
        "rung": terms.rung.value,
    }


def _quote_fields(issued: Any) -> dict[str, object]:
    quote = issued.quote
    return {
        "id": str(quote.id),
        "customer_id": str(quote.customer_id),
        "kind": quote.kind.value,
        "expires_at": wire_time(quote.expires_at),
        "receipt": issued.receipt.content.decode(),
        **_terms(quote.terms),
    }


def _trade_fields(trade: Any) -> dict[str, object]:
    return {
        "id": str(trade.id),
        "quote_id": str(trade.quote_id),
        "customer_id": str(trade.customer_id),
        "executed_at": wire_time(trade.executed_at),
        **_terms(trade.terms),
    }


def _deposit_fields(deposit: Any) -> dict[str, object]:
    return {
        "id": str(deposit.id),
        "status": deposit.status.value,
        "transfer_id": str(deposit.transfer_id),
        "recorded_at": wire_time(deposit.recorded_at),
        "decided_at": wire_time(deposit.decided_at) if deposit.decided_at else None,
    }


def _withdrawal_fields(withdrawal: Any) -> dict[str, object]:
    return {
        "id": str(withdrawal.id),
        "status": withdrawal.status.value,
        "hold_id": str(withdrawal.hold_id),
        "requested_at": wire_time(withdrawal.requested_at),
        "expires_at": wire_time(withdrawal.expires_at),
        "decided_at": wire_time(withdrawal.decided_at) if withdrawal.decided_at else None,
        "transfer_id": str(withdrawal.transfer_id) if withdrawal.transfer_id else None,
    }


FIELDS: Mapping[type, Callable[[Any], dict[str, object]]] = {
    IssuedQuote: _quote_fields,
    Trade: _trade_fields,
    Deposit: _deposit_fields,
    Withdrawal: _withdrawal_fields,
}
