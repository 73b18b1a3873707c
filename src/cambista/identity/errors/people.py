"""Refusals of people: registration, login, sessions, passwords."""

from cambista.kernel.errors import Conflict, Denied, Invalid, Limited, NotFound, Unauthenticated


class LoginFailed(Unauthenticated):
    code = "login_failed"
    sentence = "The e-mail address or the password is not right."


class TooManyAttempts(Limited):
    code = "too_many_attempts"
    sentence = "Too many attempts; wait a little. A device that was logged in before is not held up by others."


class TicketInvalid(Unauthenticated):
    code = "ticket_invalid"
    sentence = "The login was not begun, has been finished, or took too long; log in again."


class LetterInvalid(Invalid):
    code = "letter_invalid"
    sentence = "This link is wrong, used or too old; ask for another."


class PasswordUnfit(Invalid):
    code = "password_unfit"
    sentence = "The password cannot be used; see `reason`."


class PasswordWrong(Denied):
    code = "password_wrong"
    sentence = "The present password is not right."


class PasswordExpired(Denied):
    code = "password_expired"
    sentence = "The password is too old; a letter with a link to set another is on its way."


class LanguageInvalid(Invalid):
    code = "language_invalid"
    sentence = 'A language is "es" or "en".'


class LoginExists(Conflict):
    code = "login_exists"
    sentence = "This principal has a password already; who forgot it asks for a letter."


class EmailMissing(Invalid):
    code = "email_missing"
    sentence = "Nobody is invited without an e-mail address."


class SessionUnknown(NotFound):
    code = "session_not_found"
    sentence = "There is no such session."
