"""Why an embedded PostgreSQL did not start, in words an operator can act on."""


class PostgresStartFailed(Exception):
    """The embedded PostgreSQL could not start: `code` is stable, the text says what is, `hint` says what to try."""

    def __init__(self, detail: str, *, code: str, hint: str) -> None:
        super().__init__(f"{detail} [{code}] {hint}")
        self.detail = detail
        self.code = code
        self.hint = hint


def disk_refused(error: OSError) -> PostgresStartFailed:
    """The same failure, told as a full disk, a folder that may not be written, or a right that is missing."""
    where = error.filename or "the PostgreSQL home"
    if error.errno in _FULL:
        return disk_full(f"There is no room left to write {where}.")
    return PostgresStartFailed(
        f"Cannot write {where}: {error.strerror}.",
        code="home_not_writable",
        hint="Point CAMBISTA_HOME at a folder this user owns, or start the house as the user who owns it.",
    )


def disk_full(detail: str) -> PostgresStartFailed:
    return PostgresStartFailed(
        detail,
        code="disk_full",
        hint="Free some space (a new database needs about 60 MB), or move CAMBISTA_HOME to a larger disk.",
    )


_FULL = frozenset({28, 122})  # ENOSPC, EDQUOT: numbers, so that this file stays free of the operating system
