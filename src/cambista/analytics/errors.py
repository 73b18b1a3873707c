"""Refusals of analytics."""

from cambista.kernel.errors import Invalid


class SpanTooLong(Invalid):
    code = "span_too_long"
    sentence = "Days are asked for from an earlier to a later one, at most 366 of them."
