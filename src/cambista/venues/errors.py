"""Refusals of the venues room."""

from cambista.kernel.errors import Invalid, Unavailable


class ExtraMissing(Unavailable):
    code = "extra_missing"
    sentence = "This venue needs a package that is not installed."


class ExchangeUnknown(Invalid):
    code = "exchange_unknown"
    sentence = "There is no exchange of that name."


class RecordingsNotFound(Invalid):
    code = "recordings_not_found"
    sentence = "The folder holds no recording the house can replay."


class ReplaySpeedInvalid(Invalid):
    code = "replay_speed_invalid"
    sentence = "A replay's speed is zero (as fast as possible) or above, and a repeating one needs a speed above zero."


class RatesUnavailable(Unavailable):
    code = "rates_unavailable"
    sentence = "The publisher of rates gave no usable answer."
