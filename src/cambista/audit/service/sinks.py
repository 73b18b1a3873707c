"""The sinks that the settings name."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from cambista.audit.settings import AuditSettings
from cambista.audit.sinks.file import FileSink
from cambista.audit.sinks.port import Sink
from cambista.audit.sinks.syslog import SyslogSink
from cambista.audit.sinks.webhook import WebhookSink


def open_sinks(settings: AuditSettings, home: Path, branch: str, now: Callable[[], datetime]) -> list[Sink]:
    """Always a file (`checkpoints/BRANCH.jsonl` in the home, or elsewhere); a webhook and syslog where named."""
    sinks: list[Sink] = [FileSink((settings.checkpoints or home / "checkpoints") / f"{branch}.jsonl")]
    if settings.webhook_url is not None:
        sinks.append(WebhookSink(settings.webhook_url, settings.webhook_secret or SecretStr(""), now))
    if settings.syslog is not None:
        sinks.append(SyslogSink(settings.syslog, now))
    return sinks
