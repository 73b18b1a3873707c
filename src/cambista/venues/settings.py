"""Which venues and publishers the house listens to, and how."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Publisher = Literal["trm", "currency_api", "ecb"]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PaperSettings(_Settings):
    """The simulated market. `fixed` pins the mid of pairs (`USDT/COP`)."""

    enabled: bool = True
    seed: int = 1
    interval_s: float = Field(default=1.0, ge=0.01, le=3_600)
    fixed: dict[str, Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]] = Field(default_factory=dict)


class ReplaySettings(_Settings):
    """A folder of recordings; none = no replay. `speed` 0 = as fast as possible, which does not go with `repeat`."""

    folder: Path | None = None
    speed: float = Field(default=1.0, ge=0, le=1_000_000)
    pairs: tuple[str, ...] = ()
    repeat: bool = False


class CcxtSettings(_Settings):
    """One exchange through ccxt (extra `exchanges`): its ccxt name, the pairs to ask for, and ccxt's own options.

    With `key` and `secret` orders too.
    """

    exchange: str
    pairs: tuple[str, ...]
    poll_s: float = Field(default=5.0, ge=0.2, le=3_600)
    options: dict[str, Any] = Field(default_factory=dict)
    key: SecretStr | None = None
    secret: SecretStr | None = None


class BinanceSettings(_Settings):
    """Binance spot: the live books of `pairs`, and with `key` and `secret` (or references to them) orders too.

    `recv_window_s` is how long a lost order may still arrive. `listen_key`: the user stream's older form.
    """

    pairs: tuple[str, ...] = ()
    key: SecretStr | None = None
    secret: SecretStr | None = None
    url: str = "https://api.binance.com"
    stream_url: str = "wss://stream.binance.com:9443"
    socket_api_url: str = "wss://ws-api.binance.com:443/ws-api/v3"
    recv_window_s: float = Field(default=5.0, ge=1, le=60)
    timeout_s: float = Field(default=10.0, gt=0, le=60)
    listen_key: bool = False


class P2pSettings(_Settings):
    """Binance P2P's advertisements as live prices of `pairs` (USDT/COP …), asked every `poll_s`."""

    pairs: tuple[str, ...] = ()
    url: str = "https://p2p.binance.com"
    poll_s: float = Field(default=15.0, ge=5, le=3_600)


class ReferenceSettings(_Settings):
    """Daily rates: a folder with the publishers' files, and addresses to fetch (none by default)."""

    folder: Path | None = None
    urls: dict[Publisher, str] = Field(default_factory=dict)
    timeout_s: float = Field(default=10.0, gt=0, le=60)


class VenuesSettings(_Settings):
    """All of the room's knobs.

    Where a replay or an exchange is set, the paper market stays away: real and simulated prices are not mixed.
    """

    paper: PaperSettings = PaperSettings()
    replay: ReplaySettings = ReplaySettings()
    ccxt: tuple[CcxtSettings, ...] = ()
    binance: BinanceSettings = BinanceSettings()
    p2p: P2pSettings = P2pSettings()
    reference: ReferenceSettings = ReferenceSettings()
    silent_after_s: float = Field(default=60.0, gt=0)
    reconcile_every_s: float = Field(default=300.0, ge=10, le=86_400)

    @property
    def live(self) -> bool:
        """Whether a real market is listened to."""
        return bool(self.ccxt or self.binance.pairs or self.p2p.pairs)
