"""Refusals of risk."""

from cambista.kernel.errors import Limited


class TradeLimitExceeded(Limited):
    code = "limit_exceeded"
    sentence = "The trade is above the customer's limit for one trade."


class DayLimitExceeded(Limited):
    code = "limit_exceeded"
    sentence = "The trade would pass the customer's limit for the day."
