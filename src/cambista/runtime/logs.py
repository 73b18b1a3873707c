"""Structured logs: one event a line, JSON or pretty, with secrets kept out by their type."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from pydantic import SecretBytes, SecretStr

HIDDEN = "***"
_SECRET_NAMES = frozenset({"key", "api_key", "password", "secret", "authorization", "dsn", "x_api_key"})


def _hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in list(event.items()):
        if isinstance(value, (SecretStr, SecretBytes)) or name.lower() in _SECRET_NAMES:
            event[name] = HIDDEN
    return event


def configure_logs(*, level: str = "info", stream: TextIO | None = None) -> None:
    """Send the house's logs to `stream` (default: standard error); pretty on a terminal, JSON elsewhere."""
    out = stream or sys.stderr
    structlog.configure(
        processors=processors(pretty=out.isatty()),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=True,
    )


def processors(*, pretty: bool) -> list[Any]:
    """The steps of a log line. Tracebacks name lines and never the values of variables, which may be secrets."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_secrets,
        structlog.processors.format_exc_info,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if pretty
        else structlog.processors.JSONRenderer(),
    ]
