"""Refusals of machines at the door: from where they come, and how their requests are signed."""

from cambista.kernel.errors import Denied, Unauthenticated


class AddressNotAllowed(Denied):
    code = "address_not_allowed"
    sentence = "This key does not open from this address."


class SignatureRequired(Unauthenticated):
    code = "signature_required"
    sentence = "Requests with this key are signed: X-Timestamp, X-Nonce and X-Signature, each well-formed."


class SignatureInvalid(Unauthenticated):
    code = "signature_invalid"
    sentence = "The signature is not that of this request."


class SignatureExpired(Unauthenticated):
    code = "signature_expired"
    sentence = "The request was signed too long ago, or in the future."


class RequestReplayed(Unauthenticated):
    code = "request_replayed"
    sentence = "A request with this nonce was let in already."
