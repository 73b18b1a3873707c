"""Refusals of the gateway itself: requests that are no good before any room has seen them."""

from cambista.kernel.errors import Conflict, Denied, Invalid, Limited, NotFound, Unavailable


class BodyTooLarge(Invalid):
    code = "body_too_large"
    sentence = "The request body is larger than the house reads."


class HeadersTooLarge(Invalid):
    code = "headers_too_large"
    sentence = "The request has more or longer headers than the house reads."


class HeaderRepeated(Invalid):
    code = "header_repeated"
    sentence = "This header may stand once in a request."


class HostMissing(Invalid):
    code = "host_missing"
    sentence = "The request does not say which host it is for."


class HostUnknown(Invalid):
    code = "host_unknown"
    sentence = "The house does not answer to this host name."


class RequestMalformed(Invalid):
    code = "request_malformed"
    sentence = "This is not a well-formed HTTP request."


class EncodingUnsupported(Invalid):
    code = "encoding_unsupported"
    sentence = "The body must be sent as it is, without a Content-Encoding."


class MediaTypeUnsupported(Invalid):
    code = "media_type_unsupported"
    sentence = "The body must be sent as application/json."


class BodyNotJson(Invalid):
    code = "body_not_json"
    sentence = "The body is not valid JSON in UTF-8."


class FieldUnknown(Invalid):
    code = "unknown_field"
    sentence = "The body has a field the house does not know."


class FieldMissing(Invalid):
    code = "field_missing"
    sentence = "The body lacks a required field."


class FieldInvalid(Invalid):
    code = "field_invalid"
    sentence = "A field has the wrong type or value."


class ParameterUnknown(Invalid):
    code = "unknown_parameter"
    sentence = "The query has a parameter the house does not know."


class ParameterInvalid(Invalid):
    code = "parameter_invalid"
    sentence = "A parameter has the wrong type or value."


class CursorInvalid(Invalid):
    code = "cursor_invalid"
    sentence = "The cursor was not given out by this list."


class IdempotencyKeyRequired(Invalid):
    code = "idempotency_key_required"
    sentence = "A request that moves money needs an Idempotency-Key header."


class IdempotencyKeyInvalid(Invalid):
    code = "idempotency_key_invalid"
    sentence = "An Idempotency-Key is 1 to 128 visible ASCII characters."


class RouteUnknown(NotFound):
    code = "route_not_found"
    sentence = "There is nothing at this address."


class MethodNotAllowed(Invalid):
    code = "method_not_allowed"
    sentence = "This address does not take that method."


class FormForeign(Denied):
    code = "form_foreign"
    sentence = "The form did not come from the house's own page."


class InProgress(Conflict):
    code = "in_progress"
    sentence = "The first request with this Idempotency-Key is still running."


class TooManyRequests(Limited):
    code = "too_many_requests"
    sentence = "Too many requests; wait a little."


class TimedOut(Unavailable):
    code = "timeout"
    sentence = "The answer took too long. Ask again with the same Idempotency-Key."


class TooManyConnections(Limited):
    code = "too_many_connections"
    sentence = "Too many connections from this address."


class RequestTooSlow(Unavailable):
    code = "request_too_slow"
    sentence = "The request did not arrive in time."


class Overloaded(Unavailable):
    code = "overloaded"
    sentence = "The house has more to do than it can; nothing was done. Ask again in a moment."
