"""The knobs of the audit."""

from pydantic import BaseModel, ConfigDict, Field


class AuditSettings(BaseModel):
    """`solvency_hour_utc`: from when on a day's certificate of solvency is made. `leaves_kept_days`: how long customers
    can download their leaves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    solvency_hour_utc: int = Field(default=5, ge=0, le=23)
    leaves_kept_days: int = Field(default=90, ge=1, le=3660)
