"""Times on the wire: RFC 3339, UTC, microseconds."""

from datetime import UTC, datetime

from cambista.kernel.errors import Invalid


class TimeInvalid(Invalid):
    code = "time_invalid"
    sentence = "A time is RFC 3339 with an offset, e.g. 2026-11-24T19:00:00.000000Z."


def wire_time(moment: datetime) -> str:
    """`2026-11-24T19:00:00.000000Z`; the moment must be aware."""
    assert moment.tzinfo is not None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(value: object) -> datetime:
    """Read an RFC 3339 time as aware UTC; refuses others (`time_invalid`)."""
    if isinstance(value, str) and len(value) <= 40:
        try:
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise TimeInvalid(value=str(value)[:40])
