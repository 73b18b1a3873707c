"""Refusals of second factors."""

from cambista.kernel.errors import Conflict, Denied, Invalid, Limited, NotFound


class SecondFactorWrong(Denied):
    code = "second_factor_wrong"
    sentence = "The code or passkey is wrong, too old or already used."


class SecondFactorDelayed(Limited):
    code = "second_factor_delayed"
    sentence = "Too many wrong second factors; wait before the next try."


class SecondFactorRequired(Denied):
    code = "second_factor_required"
    sentence = "Staff set up a second factor before anything else."


class SessionRequired(Denied):
    code = "session_required"
    sentence = "This is for a person who has logged in, not for a key or token."


class EnrolmentUnknown(NotFound):
    code = "enrolment_not_found"
    sentence = "Nothing is being set up, or it took too long; begin again."


class FactorUnknown(NotFound):
    code = "factor_not_found"
    sentence = "There is no such second factor."


class LastFactor(Conflict):
    code = "last_factor"
    sentence = "Staff keep at least one second factor."


class SmsNotForStaff(Denied):
    code = "sms_not_for_staff"
    sentence = "Codes by SMS are too weak for staff; use an authenticator or a passkey."


class PhoneInvalid(Invalid):
    code = "phone_invalid"
    sentence = "A phone number is a mobile number that begins with + and its country's code."


class SmsLimit(Limited):
    code = "sms_limit"
    sentence = "As many codes were sent as one may get for now."


class PasskeyInvalid(Invalid):
    code = "passkey_invalid"
    sentence = "The authenticator's answer does not fit what it was asked."


class PasskeysLimit(Limited):
    code = "passkeys_limit"
    sentence = "There are as many passkeys as one person may have."
