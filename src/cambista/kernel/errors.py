"""Six ways to say no. A business "no" is a Refusal; a bug is an assertion or another exception, never a Refusal."""

from typing import ClassVar


class Refusal(Exception):
    """A business no: a stable machine `code`, a sentence for a person, and `facts` (ids, amounts) as JSON values."""

    code: ClassVar[str] = "refused"
    sentence: ClassVar[str] = "The request was refused."

    def __init__(self, detail: str = "", /, **facts: object) -> None:
        super().__init__(detail or self.sentence)
        self.detail = detail or self.sentence
        self.facts = facts


class Invalid(Refusal):
    """The request itself is wrong; sending it again will not help."""

    code = "invalid"
    sentence = "The request is not valid."


class Denied(Refusal):
    """The caller is known and may not do this."""

    code = "denied"
    sentence = "The caller may not do this."


class Unauthenticated(Denied):
    """The caller is not known."""

    code = "unauthenticated"
    sentence = "A valid credential is required."


class NotFound(Refusal):
    """No such thing, or it is somebody else's."""

    code = "not_found"
    sentence = "There is no such thing."


class Conflict(Refusal):
    """The state of the world forbids it now."""

    code = "conflict"
    sentence = "The current state does not allow this."


class Limited(Refusal):
    """A limit would be passed."""

    code = "limit_exceeded"
    sentence = "A limit would be exceeded."


class Unavailable(Refusal):
    """The house cannot serve this now; a later try may succeed."""

    code = "unavailable"
    sentence = "The service is not available now."
