"""The reference model of money in and out: deposits once each, withdrawals through four eyes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from tests.simulation import operations as ops
from tests.simulation.books import Name, ReferenceBooks
from tests.simulation.verdicts import Judgement, expect, judgement

WITHDRAWAL_TTL = timedelta(seconds=600)
DAILY_COUNT = 6
DAY = timedelta(hours=24)
CHANNELS = {"pse": "bank:pse", "pago_movil": "bank:pago_movil", "tron": "chain:tron", "bitcoin": "chain:bitcoin"}
# Rails of which the bank says who paid.
NAMES_PAYER = frozenset({"pse", "pago_movil"})
OUT_OF = {"COP": "pse", "VES": "pago_movil", "USDT": "ethereum", "BTC": "bitcoin"}
SECOND_APPROVER_ABOVE = {"COP": 40_000_000_00, "VES": 2_000_000_00, "USDT": 10_000_000000, "BTC": 10_000000}
MINIMUM = {"COP": 10_000_00, "VES": 100_00, "USDT": 1_000000, "BTC": 10_000}
MAXIMUM = {"COP": 200_000_000_00, "VES": 10_000_000_00, "USDT": 50_000_000000, "BTC": 50_000000}
DAILY_MAXIMUM = {asset: 2 * units for asset, units in MAXIMUM.items()}


@dataclass
class DepositSeen:
    asked: ops.Deposit
    status: str
    transfer: UUID
    decided: bool = False


@dataclass
class WithdrawalSeen:
    asked: ops.RequestWithdrawal
    hold: UUID
    requested_at: datetime
    expires_at: datetime
    status: str = "requested"
    approvals: set[UUID] = field(default_factory=set)

    @property
    def needed(self) -> int:
        return 2 if self.asked.units > SECOND_APPROVER_ABOVE[self.asked.asset] else 1


@dataclass
class FundingModel:
    books: ReferenceBooks
    deposits: dict[UUID, DepositSeen] = field(default_factory=dict)
    natural: dict[tuple[str, str], UUID] = field(default_factory=dict)
    withdrawals: dict[UUID, WithdrawalSeen] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------------ judging
    def judge(self, operation: ops.Operation, now: datetime) -> Judgement:
        match operation:
            case ops.Deposit():
                return self._judge_deposit(operation)
            case ops.DecideDeposit():
                return self._judge_deposit_decision(operation)
            case ops.RequestWithdrawal():
                return self._judge_withdrawal(operation, now)
            case ops.DecideWithdrawal():
                return self._judge_withdrawal_decision(operation, now)
            case _:
                return Judgement()

    def _judge_deposit(self, asked: ops.Deposit) -> Judgement:
        first = self._first(asked)
        other = first is not None and _content(first.asked) != _content(asked)
        frozen = first is None and self.books.frozen(self._lands_on(asked))
        return judgement({"deposit_conflict": other, "account_frozen": frozen})

    def _judge_deposit_decision(self, asked: ops.DecideDeposit) -> Judgement:
        seen = self.deposits.get(asked.deposit)
        if seen is None:
            return judgement({"deposit_not_found": True})
        is_open = seen.status == "review"
        own = _own(seen.asked)
        return judgement(
            {
                "four_eyes": asked.approver in (seen.asked.by, seen.asked.customer),
                "deposit_decided": not is_open and (not seen.decided or seen.status != _outcome(asked)),
                "account_frozen": is_open and asked.approve and self.books.frozen(own),
            }
        )

    def _judge_withdrawal(self, asked: ops.RequestWithdrawal, now: datetime) -> Judgement:
        own: Name = ("customer", str(asked.customer), asked.asset)
        recent = [
            each
            for each in self.withdrawals.values()
            if each.asked.customer == asked.customer
            and each.status in ("requested", "sent")
            and each.requested_at > now - DAY
        ]
        units = sum(each.asked.units for each in recent if each.asked.asset == asked.asset)
        over = len(recent) >= DAILY_COUNT or units + asked.units > DAILY_MAXIMUM[asked.asset]
        return judgement(
            {
                "insufficient_funds": self.books.available(own) < asked.units,
                "account_frozen": self.books.frozen(own),
                "withdrawal_too_small": asked.units < MINIMUM[asked.asset],
                "withdrawal_too_large": asked.units > MAXIMUM[asked.asset],
                "limit_exceeded": over,
            }
        )

    def _judge_withdrawal_decision(self, asked: ops.DecideWithdrawal, now: datetime) -> Judgement:
        seen = self.withdrawals.get(asked.withdrawal)
        if seen is None:
            return judgement({"withdrawal_not_found": True})
        own: Name = ("customer", str(seen.asked.customer), seen.asked.asset)
        late = seen.status == "expired" or (seen.status == "requested" and seen.expires_at <= now)
        pays = (
            asked.approve
            and seen.status == "requested"
            and not self._repeats(seen, asked)
            and len(seen.approvals) + 1 >= seen.needed
        )
        # Held money may have been freed by the ledger's sweep at a time the clock has since gone back from.
        freed = seen.status == "requested" and self.books.holds[seen.hold].status != "open"
        return judgement(
            {
                "four_eyes": asked.approve and asked.approver in (seen.asked.by, seen.asked.customer),
                "withdrawal_expired": late or (pays and freed),
                "withdrawal_decided": seen.status in ("sent", "rejected") and not self._repeats(seen, asked),
                "account_frozen": pays and not freed and self.books.frozen(own, self._paid_to(seen)),
            },
        )

    @staticmethod
    def _repeats(seen: WithdrawalSeen, asked: ops.DecideWithdrawal) -> bool:
        if asked.approve:
            return asked.approver in seen.approvals and seen.status in ("requested", "sent")
        return seen.status == "rejected"

    # ----------------------------------------------------------------------------------------------- applying
    def apply(self, operation: ops.Operation, fields: dict[str, Any], now: datetime) -> None:
        match operation:
            case ops.Deposit():
                self._apply_deposit(operation, fields)
            case ops.DecideDeposit():
                self._apply_deposit_decision(operation, fields)
            case ops.RequestWithdrawal():
                self._apply_withdrawal(operation, fields)
            case ops.DecideWithdrawal():
                self._apply_withdrawal_decision(operation, fields)
            case ops.ExpireWithdrawals():
                self._expire(now)
            case _:
                pass

    def _apply_deposit(self, asked: ops.Deposit, fields: dict[str, Any]) -> None:
        first = self.natural.get((asked.rail, asked.reference))
        id = UUID(fields["id"])
        if first is not None:
            expect(first == id, "deposit_counted_once", f"{asked.rail} {asked.reference} again is {id}")
            return
        status = self._expected_status(asked)
        expect(fields["status"] == status, "doubtful_deposits_wait", f"{asked} is {fields['status']}")
        recorded = datetime.fromisoformat(fields["recorded_at"])
        leg = (("world", CHANNELS[asked.rail], asked.asset), self._lands_on(asked), asked.units)
        self.books.move(UUID(fields["transfer_id"]), [leg], recorded)
        self.deposits[id] = DepositSeen(asked, status, UUID(fields["transfer_id"]))
        self.natural[asked.rail, asked.reference] = id

    def _apply_deposit_decision(self, asked: ops.DecideDeposit, fields: dict[str, Any]) -> None:
        seen = self.deposits[asked.deposit]
        expect(fields["status"] == _outcome(asked), "decision_is_what_was_decided", fields)
        if seen.status != "review":
            return
        world: Name = ("world", CHANNELS[seen.asked.rail], seen.asked.asset)
        to = _own(seen.asked) if asked.approve else world
        decided = datetime.fromisoformat(fields["decided_at"])
        # The transfer's id is not in the answer, and nobody may reverse what he cannot name.
        self.books.move(
            uuid5(asked.deposit, "decision"), [(_suspense(seen.asked.asset), to, seen.asked.units)], decided
        )
        seen.status, seen.decided = _outcome(asked), True

    def _apply_withdrawal(self, asked: ops.RequestWithdrawal, fields: dict[str, Any]) -> None:
        id, hold = UUID(fields["id"]), UUID(fields["hold_id"])
        expires = datetime.fromisoformat(fields["expires_at"])
        self.books.hold(hold, ("customer", str(asked.customer), asked.asset), asked.units, expires)
        requested = datetime.fromisoformat(fields["requested_at"])
        self.withdrawals[id] = WithdrawalSeen(asked, hold, requested, expires)

    def _apply_withdrawal_decision(self, asked: ops.DecideWithdrawal, fields: dict[str, Any]) -> None:
        seen = self.withdrawals[asked.withdrawal]
        if self._repeats(seen, asked):
            expect(fields["status"] == seen.status, "decision_is_what_was_decided", fields)
            return
        if not asked.approve:
            expect(fields["status"] == "rejected", "decision_is_what_was_decided", fields)
            if self.books.holds[seen.hold].status == "open":
                self.books.close(seen.hold, "released")
            seen.status = "rejected"
            return
        seen.approvals.add(asked.approver)
        status = "sent" if len(seen.approvals) >= seen.needed else "requested"
        expect(fields["status"] == status, "four_eyes_on_each_withdrawal", f"{fields} after {len(seen.approvals)}")
        if status == "sent":
            own: Name = ("customer", str(seen.asked.customer), seen.asked.asset)
            decided = datetime.fromisoformat(fields["decided_at"])
            leg = (own, self._paid_to(seen), seen.asked.units)
            self.books.move(UUID(fields["transfer_id"]), [leg], decided, seen.hold)
            seen.status = "sent"

    def _expire(self, now: datetime) -> None:
        for seen in self.withdrawals.values():
            if seen.status == "requested" and seen.expires_at <= now:
                if self.books.holds[seen.hold].status == "open":
                    self.books.close(seen.hold, "expired")
                seen.status = "expired"

    # ------------------------------------------------------------------------------------------------ helping
    def _first(self, asked: ops.Deposit) -> DepositSeen | None:
        id = self.natural.get((asked.rail, asked.reference))
        return None if id is None else self.deposits[id]

    def _expected_status(self, asked: ops.Deposit) -> str:
        doubt = asked.payer == "stranger" or (asked.payer == "missing" and asked.rail in NAMES_PAYER)
        return "review" if doubt or self._seen_alike(asked) else "credited"

    def _seen_alike(self, asked: ops.Deposit) -> bool:
        """Another deposit of the same amount whose reference a hurried eye could take for this one."""
        others = [seen.asked for seen in self.deposits.values() if seen.asked.reference != asked.reference]
        return any(
            (each.rail, each.asset, each.units, _hurried(each))
            == (asked.rail, asked.asset, asked.units, _hurried(asked))
            for each in others
        )

    def _lands_on(self, asked: ops.Deposit) -> Name:
        return _own(asked) if self._expected_status(asked) == "credited" else _suspense(asked.asset)

    @staticmethod
    def _paid_to(seen: WithdrawalSeen) -> Name:
        rail = OUT_OF[seen.asked.asset]
        channel = f"{'chain' if seen.asked.asset in ('USDT', 'BTC') else 'bank'}:{rail}"
        return ("world", channel, seen.asked.asset)


def _own(asked: ops.Deposit) -> Name:
    return ("customer", str(asked.customer), asked.asset)


def _suspense(asset: str) -> Name:
    return ("suspense", "", asset)


def _outcome(asked: ops.DecideDeposit) -> str:
    return "credited" if asked.approve else "rejected"


def _content(asked: ops.Deposit) -> tuple[object, ...]:
    return asked.customer, asked.asset, asked.units, asked.payer


def _hurried(asked: ops.Deposit) -> str:
    return asked.reference.replace("-", "").lower()
