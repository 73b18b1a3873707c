"""The house's settings: read once from `CAMBISTA_*` variables and `.env`, each room's under its own name."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from cambista.audit import AuditSettings
from cambista.funding import FundingSettings
from cambista.gateway.settings import GatewaySettings
from cambista.identity import IdentitySettings
from cambista.notifications import NotificationsSettings
from cambista.pricing import PricingSettings
from cambista.risk import RiskSettings
from cambista.runtime.outside import AwsSettings, VaultSettings
from cambista.runtime.sealing.settings import SealingSettings
from cambista.runtime.secrets.settings import SecretsSettings
from cambista.trading import TradingSettings
from cambista.venues import VenuesSettings


class TlsSettings(BaseModel):
    """PEM files of the certificate chain and its key: with them the house itself speaks TLS, of `minimum` or newer.

    They are looked at every `look_every_s` and loaded again when they have changed.
    """

    certificate: Path | None = None
    key: Path | None = None
    minimum: Literal["1.2", "1.3"] = "1.3"
    look_every_s: float = Field(default=10, gt=0, le=3600)


class Settings(BaseSettings):
    """`CAMBISTA_PORT=8000`, `CAMBISTA_TRADING__QUOTE_TTL_S=15`; without a database URL the house starts its own."""

    model_config = SettingsConfigDict(
        env_prefix="CAMBISTA_", env_nested_delimiter="__", env_file=".env", extra="ignore", frozen=True
    )

    home: Path = Path("~/.cambista")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    database_url: SecretStr | None = None
    database_port: int | None = Field(default=None, ge=1, le=65535)
    commit_batch_max: int = Field(default=512, ge=1, le=4096)
    branch: str = Field(default="main", pattern=r"^[a-z0-9_-]{1,32}$")
    console: bool = True
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    paper_capital: bool = True
    redis_url: SecretStr | None = None
    tls: TlsSettings = TlsSettings()
    sealing: SealingSettings = SealingSettings()
    secrets: SecretsSettings = SecretsSettings()
    vault: VaultSettings = VaultSettings()
    aws: AwsSettings = AwsSettings()
    identity: IdentitySettings = IdentitySettings()
    venues: VenuesSettings = VenuesSettings()
    pricing: PricingSettings = PricingSettings()
    risk: RiskSettings = RiskSettings()
    trading: TradingSettings = TradingSettings()
    funding: FundingSettings = FundingSettings()
    audit: AuditSettings = AuditSettings()
    gateway: GatewaySettings = GatewaySettings()
    notifications: NotificationsSettings = NotificationsSettings()

    @property
    def home_folder(self) -> Path:
        return self.home.expanduser().absolute()

    @property
    def on_paper(self) -> bool:
        """Whether the house trades on simulated or recorded prices, with money that is not real."""
        played = self.venues.paper.enabled or self.venues.replay.folder is not None
        return self.paper_capital and played and not self.venues.live

    def replaying(self, folder: Path, speed: float) -> "Settings":
        """The same house on recorded prices instead of the paper market."""
        replay = self.venues.replay.model_copy(update={"folder": folder, "speed": speed, "repeat": speed > 0})
        return self.model_copy(update={"venues": self.venues.model_copy(update={"replay": replay})})
