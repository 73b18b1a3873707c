"""The knobs of the gateway."""

from pydantic import BaseModel, Field


class GatewaySettings(BaseModel):
    """Bounds of what comes in from outside.

    `body_max_bytes`, `header_count_max` and `header_max_bytes` bound a request; `request_timeout_s` is how long it may
    take until its answer starts, `stream_timeout_s` until it ends. `price_calls_per_minute` is what one address may
    ask of the price pages, for at most `price_callers_max` addresses at a time. One request in `access_log_every` is
    logged, and each that fails or takes longer than `slow_s`. A health answer is kept for `health_kept_s`. A statement
    as a file has at most `statement_lines_max` lines.
    """

    body_max_bytes: int = Field(default=64 * 1024, ge=1024, le=16 * 1024 * 1024)
    header_count_max: int = Field(default=64, ge=8, le=1000)
    header_max_bytes: int = Field(default=16 * 1024, ge=1024, le=1024 * 1024)
    request_timeout_s: float = Field(default=15, gt=0, le=120)
    stream_timeout_s: float = Field(default=120, gt=0, le=3600)
    price_calls_per_minute: int = Field(default=100, ge=1)
    price_callers_max: int = Field(default=10_000, ge=1, le=1_000_000)
    access_log_every: int = Field(default=100, ge=1)
    slow_s: float = Field(default=1.0, gt=0)
    health_kept_s: float = Field(default=1.0, ge=0, le=60)
    statement_lines_max: int = Field(default=100_000, ge=1, le=1_000_000)
