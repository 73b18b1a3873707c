"""The audit's knobs: how often checkpoints are made, and where they go."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class AuditSettings(BaseModel):
    """Times in seconds. Without `checkpoints` the file lies in the home, in the folder `checkpoints`.

    `solvency_hour_utc`: from when on a day's certificate of solvency is made. `leaves_kept_days`: for how long
    customers can download their leaves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint_s: float = Field(default=60, ge=1, le=86_400)
    checkpoint_entries: int = Field(default=100_000, ge=1)
    checkpoints: Path | None = None
    webhook_url: str | None = Field(default=None, pattern=r"^https?://")
    webhook_secret: SecretStr | None = None
    syslog: str | None = Field(default=None, pattern=r"^(udp|tcp|tls)://[^/\s]+$")
    rollback: Literal["refuse", "alarm"] = "refuse"
    solvency_hour_utc: int = Field(default=5, ge=0, le=23)
    leaves_kept_days: int = Field(default=90, ge=1, le=3660)
