"""Refusals of funding."""

from cambista.kernel.errors import Conflict, Denied, Invalid, Limited, NotFound


class RailUnknown(Invalid):
    code = "rail_unknown"
    sentence = "The house does not know this rail."


class RailAssetMismatch(Invalid):
    code = "rail_asset_mismatch"
    sentence = "This rail does not carry this asset."


class DestinationInvalid(Invalid):
    code = "destination_invalid"
    sentence = "The account is not one of this rail."


class PaidOnInvalid(Invalid):
    code = "paid_on_invalid"
    sentence = "The day of payment lies in the future or too far back."


class DepositConflict(Conflict):
    code = "deposit_conflict"
    sentence = "A deposit with this rail and reference, but other content, was recorded."


class DepositDecided(Conflict):
    code = "deposit_decided"
    sentence = "The deposit is not under review, or was decided otherwise."


class DepositUnknown(NotFound):
    code = "deposit_not_found"
    sentence = "There is no such deposit."


class FourEyes(Denied):
    code = "four_eyes"
    sentence = "Whoever asked for it, recorded it or owns it does not decide it."


class HolderMismatch(Denied):
    code = "holder_mismatch"
    sentence = "Money goes only to an account held in the customer's own name."


class CustomerHasMoney(Conflict):
    code = "customer_has_money"
    sentence = "The customer still has money or open payments here."


class CustomerKept(Conflict):
    code = "customer_kept"
    sentence = "The house has to keep this customer's data longer."


class CustomerBlocked(Denied):
    code = "customer_blocked"
    sentence = "The customer is blocked."


class WithdrawalUnknown(NotFound):
    code = "withdrawal_not_found"
    sentence = "There is no such withdrawal."


class WithdrawalDecided(Conflict):
    code = "withdrawal_decided"
    sentence = "The withdrawal was decided already."


class WithdrawalExpired(Conflict):
    code = "withdrawal_expired"
    sentence = "The withdrawal was not approved in time; its money is free again."


class WithdrawalTooSmall(Invalid):
    code = "withdrawal_too_small"
    sentence = "The amount is below the least that is paid out."


class WithdrawalTooLarge(Invalid):
    code = "withdrawal_too_large"
    sentence = "The amount is above the most that is paid out at once."


class AssetNotWithdrawable(Invalid):
    code = "asset_not_withdrawable"
    sentence = "The house does not pay out this asset."


class WithdrawalLimit(Limited):
    code = "limit_exceeded"
    sentence = "The customer's withdrawals of 24 hours would pass a limit."
