"""Refusals of identity."""

from cambista.kernel.errors import Conflict, Invalid, NotFound


class TextInvalid(Invalid):
    code = "text_invalid"
    sentence = "A text has the wrong type or length, or characters that cannot be shown."


class EmailInvalid(Invalid):
    code = "email_invalid"
    sentence = "The e-mail address is not one."


class CountryInvalid(Invalid):
    code = "country_invalid"
    sentence = "A country is an ISO 3166-1 alpha-2 code, e.g. CO."


class RoleInvalid(Invalid):
    code = "role_invalid"
    sentence = "A principal of this role cannot be made here."


class EmailTaken(Conflict):
    code = "email_taken"
    sentence = "A customer with this e-mail address exists."


class SelfBlock(Conflict):
    code = "self_block"
    sentence = "Nobody blocks himself."


class CustomerUnknown(NotFound):
    code = "customer_not_found"
    sentence = "There is no such customer."


class PrincipalUnknown(NotFound):
    code = "principal_not_found"
    sentence = "There is no such principal."
