"""Refusals of the venues room."""

from cambista.kernel.errors import Invalid, NotFound, Unavailable


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


class OutcomeUnknown(Unavailable):
    code = "venue_outcome_unknown"
    sentence = "The venue was asked and has not answered; whether it acted has to be asked first."


class VenueUnavailable(Unavailable):
    code = "venue_unavailable"
    sentence = "The venue cannot be reached or used now; nothing happened there."


class VenueThrottled(Unavailable):
    code = "venue_throttled"
    sentence = "The venue takes no more requests for a while; nothing happened there."


class VenueAccessDenied(Unavailable):
    code = "venue_access_denied"
    sentence = "The venue does not accept the house's key."


class VenueOrderUnknown(NotFound):
    code = "venue_order_unknown"
    sentence = "The venue knows no such order of the house."


class VenuePairUnknown(Invalid):
    code = "venue_pair_unknown"
    sentence = "The venue does not trade this pair, or not now."
