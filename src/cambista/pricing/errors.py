"""The ways pricing says no."""

from cambista.kernel.errors import Invalid, NotFound, Unavailable


class NoPrice(Unavailable):
    code = "no_price"
    sentence = "The house has no price for this pair now."


class AmountTooSmall(Invalid):
    code = "amount_too_small"
    sentence = "The amount is below the pair's minimum."


class AmountTooLarge(Invalid):
    code = "amount_too_large"
    sentence = "The amount is above what the house quotes for this pair now."


class AmountAssetWrong(Invalid):
    code = "amount_asset_wrong"
    sentence = "The amount must be in the pair's base or quote asset."


class IntervalUnknown(Invalid):
    code = "interval_unknown"
    sentence = "The interval is one of 1m, 5m, 15m, 1h, 1d."


class PeriodInvalid(Invalid):
    code = "period_invalid"
    sentence = "A period starts before it ends, and the limit is from 1 to 1500."


class ConfiguredPriceInvalid(Invalid):
    code = "configured_price_invalid"
    sentence = "A fixed price has 0 < bid <= ask, near the last known price, and expires within the allowed time."


class RateNotKnown(NotFound):
    code = "rate_not_known"
    sentence = "No such rate was known for that day at that time."
