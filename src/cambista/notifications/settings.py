"""The knobs of notifications: by which channels letters and short messages leave the house."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class SmtpSettings(BaseModel):
    """A mail server. Without a `host` letters become files. `security`: `starttls` (never falls back to plain text),
    `tls` from the first byte, or `plain` for a server on the same machine. `ca_file`: the authority of
    the server's certificate, where the system does not know it. `sender`: the From of every letter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "plain"] = "starttls"
    ca_file: Path | None = None
    username: str = ""
    password: SecretStr | None = None
    sender: str = "cambista@localhost"
    timeout_s: float = Field(default=15.0, gt=0, le=60)


class TwilioSettings(BaseModel):
    """A service with Twilio's interface. Without an `account` short messages become files. `sender`: a number in E.164
    or the id of a messaging service (`MG…`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(default="https://api.twilio.com", pattern=r"^https?://")
    account: str = ""
    token: SecretStr | None = None
    sender: str = ""
    timeout_s: float = Field(default=10.0, gt=0, le=60)


class NotificationsSettings(BaseModel):
    """`batch`: notices taken at once. `letters_max`: files kept where a channel writes files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = Field(default=20, ge=1, le=200)
    letters_max: int = Field(default=500, ge=1, le=100_000)
    smtp: SmtpSettings = SmtpSettings()
    twilio: TwilioSettings = TwilioSettings()
