"""Refusals of OAuth2. The codes of RFC 6749 are answered in its own form, as `error`."""

from cambista.kernel.errors import Conflict, Denied, Invalid, Limited, NotFound, Unauthenticated


class RequestInvalid(Invalid):
    code = "invalid_request"
    sentence = "A parameter is missing, stands twice or is malformed."


class GrantInvalid(RequestInvalid):
    code = "invalid_grant"
    sentence = "The code or token is wrong, expired, used or was issued for something else."


class GrantReused(GrantInvalid):
    """Something single-use came a second time: one of the two who had it stole it, so the grant ends."""

    code = "invalid_grant"
    sentence = "The code or token was used before; all that came of it has ended."


class CodeMisused(GrantInvalid):
    """A code came with a wrong verifier or address; it is burnt."""

    code = "invalid_grant"
    sentence = "The verifier or redirect address does not fit the code."


class ClientUnauthorized(RequestInvalid):
    code = "unauthorized_client"
    sentence = "The client may not ask in this way."


class FlowUnsupported(RequestInvalid):
    code = "unsupported_grant_type"
    sentence = "There is no such grant type here."


class ScopesInvalid(RequestInvalid):
    code = "invalid_scope"
    sentence = "A scope is unknown, or more than the client may have."


class ResponseUnsupported(RequestInvalid):
    code = "unsupported_response_type"
    sentence = "Only response_type=code is answered."


class ClientInvalid(Unauthenticated):
    code = "invalid_client"
    sentence = "The client is unknown, or did not show its secret."


class AccessDenied(Denied):
    code = "access_denied"
    sentence = "The customer did not agree."


class ClientUnknown(NotFound):
    code = "client_not_found"
    sentence = "There is no such client."


class GrantUnknown(NotFound):
    code = "grant_not_found"
    sentence = "Nothing of that id was granted."


class ClientMalformed(Invalid):
    code = "client_malformed"
    sentence = "The client's flows, addresses and secret do not fit together."


class RedirectInvalid(Invalid):
    code = "redirect_uri_invalid"
    sentence = "A redirect address is https://… without a fragment, or http:// on the machine's own loopback."


class ScopeNotGrantable(Invalid):
    code = "scope_not_grantable"
    sentence = "This scope is not for clients of partners."


class OwnerNotPartner(Conflict):
    code = "owner_not_partner"
    sentence = "A client belongs to an active partner."


class ClientEnded(Conflict):
    code = "client_ended"
    sentence = "The client has been revoked."


class ClientsLimit(Limited):
    code = "clients_limit"
    sentence = "The partner has as many clients as one may have."
