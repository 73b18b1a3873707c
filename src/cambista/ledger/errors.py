"""Refusals of the ledger."""

from cambista.kernel.errors import Conflict, Denied, Invalid, NotFound


class InsufficientFunds(Conflict):
    code = "insufficient_funds"
    sentence = "The account has not enough available."


class AccountFrozen(Denied):
    code = "account_frozen"
    sentence = "The account is frozen."


class TransferConflict(Conflict):
    code = "transfer_conflict"
    sentence = "A transfer with this id and other content stands in the books."


class TransferUnknown(NotFound):
    code = "transfer_not_found"
    sentence = "There is no such transfer."


class AlreadyReversed(Conflict):
    code = "transfer_reversed"
    sentence = "The transfer has been reversed already, or is itself a reversal."


class HoldUnknown(NotFound):
    code = "hold_not_found"
    sentence = "There is no such hold."


class HoldClosed(Conflict):
    code = "hold_closed"
    sentence = "The hold is no longer open."


class HoldConflict(Conflict):
    code = "hold_conflict"
    sentence = "A hold with this id and other content exists."


class HoldTooSmall(Conflict):
    code = "hold_too_small"
    sentence = "The hold is smaller than what it should pay."


class BalanceOutOfRange(Invalid):
    code = "balance_out_of_range"
    sentence = "A balance would leave 64 bits."


class CreditLineTooSmall(Conflict):
    code = "credit_line_too_small"
    sentence = "The account already uses more than this credit line."
