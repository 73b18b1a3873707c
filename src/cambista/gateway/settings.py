"""The knobs of the gateway."""

from collections.abc import Mapping
from typing import Annotated, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, IPvAnyNetwork, model_validator

from cambista.gateway.addresses import ProxyHeader
from cambista.kernel.callers import Role


class Tier(BaseModel):
    """What a caller may ask in a minute: `units` of cost (the dearest call takes 10), and `trades`."""

    model_config = {"frozen": True}

    units: int = Field(ge=10)
    trades: int = Field(ge=1)


class WorkSettings(BaseModel):
    """How many requests are in work at once: `first` so many, then between `least` and `most`, so that they take
    `target_s` on average. At most `waiting_max` wait for their turn: those that move money at most `money_wait_s`,
    others `wait_s`. Fewer than `least` would only make the batches of the group commit small."""

    first: int = Field(default=512, ge=1)
    least: int = Field(default=256, ge=1)
    most: int = Field(default=1024, ge=1)
    target_s: float = Field(default=0.25, gt=0, le=10)
    waiting_max: int = Field(default=512, ge=0, le=100_000)
    money_wait_s: float = Field(default=0.02, gt=0, le=10)
    wait_s: float = Field(default=0.01, gt=0, le=10)


class SocketSettings(BaseModel):
    """Bounds of a connection: a head must be there within `head_s` of its first byte (and of the connection), a body
    within `body_s` of its head; a quiet connection is kept for `idle_s`, and a TLS handshake may take `handshake_s`.
    At most `all_max` connections, `of_address_max` of one address (a trusted proxy's are not counted), and on one at
    most `waiting_max` requests that were sent before the answer of the first."""

    head_s: float = Field(default=10, gt=0, le=300)
    body_s: float = Field(default=15, gt=0, le=300)
    idle_s: int = Field(default=30, ge=1, le=3600)
    handshake_s: float = Field(default=5, gt=0, le=60)
    all_max: int = Field(default=4096, ge=1, le=100_000)
    of_address_max: int = Field(default=512, ge=1, le=100_000)
    waiting_max: int = Field(default=16, ge=1, le=1000)


def _origin(text: str) -> str:
    split = urlsplit(text)
    if split.scheme not in ("http", "https") or not split.hostname or text != f"{split.scheme}://{split.netloc}":
        raise ValueError("an origin is scheme://host or scheme://host:port, and never *")
    return text


_TIERS = {
    "standard": Tier(units=600, trades=10),
    "partner": Tier(units=60_000, trades=6_000),
    "staff": Tier(units=6_000, trades=10),
}
_TIER_OF_ROLE = {role: "staff" for role in Role} | {Role.CUSTOMER: "standard", Role.PARTNER: "partner"}


class GatewaySettings(BaseModel):
    """Bounds of what comes in from outside.

    `body_max_bytes`, `header_count_max` and `header_max_bytes` bound a request; `request_timeout_s` is how long it may
    take until its answer starts, `stream_timeout_s` until it ends. One request in `access_log_every` is logged, and
    each that fails or takes longer than `slow_s`. A health answer is kept for `health_kept_s`. A statement as a file
    has at most `statement_lines_max` lines.

    In a minute, one address may ask the price pages `price_calls_per_minute` times, spend `open_units_per_minute` on
    other calls that need no caller, and fail `failures_per_minute` times to say who it is; a caller has what its tier
    allows: that of `tier_of_caller`, else of `tier_of_role`. Each count knows at most twice `counted_max` of them.

    Only proxies in `trusted_proxies` are believed about the client, by the one `proxy_header` they set. Names in
    `hosts` are those the house answers to (none: any). `cors_origins` are other origins whose pages may read answers.
    `hsts_s` is for how long browsers that came by TLS keep to it; 0 says nothing.
    """

    body_max_bytes: int = Field(default=64 * 1024, ge=1024, le=16 * 1024 * 1024)
    header_count_max: int = Field(default=64, ge=8, le=1000)
    header_max_bytes: int = Field(default=16 * 1024, ge=1024, le=1024 * 1024)
    request_timeout_s: float = Field(default=15, gt=0, le=120)
    stream_timeout_s: float = Field(default=120, gt=0, le=3600)
    price_calls_per_minute: int = Field(default=100, ge=1)
    open_units_per_minute: int = Field(default=300, ge=10)
    failures_per_minute: int = Field(default=30, ge=1)
    tiers: Mapping[str, Tier] = _TIERS
    tier_of_role: Mapping[Role, str] = _TIER_OF_ROLE
    tier_of_caller: Mapping[UUID, str] = {}
    counted_max: int = Field(default=100_000, ge=1, le=10_000_000)
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    proxy_header: ProxyHeader = "x-forwarded-for"
    hosts: tuple[str, ...] = ()
    cors_origins: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    hsts_s: int = Field(default=31_536_000, ge=0)
    work: WorkSettings = WorkSettings()
    sockets: SocketSettings = SocketSettings()
    access_log_every: int = Field(default=100, ge=1)
    slow_s: float = Field(default=1.0, gt=0)
    health_kept_s: float = Field(default=1.0, ge=0, le=60)
    statement_lines_max: int = Field(default=100_000, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _tiers_are_there(self) -> Self:
        named = {*self.tier_of_role.values(), *self.tier_of_caller.values()}
        if missing := named - self.tiers.keys():
            raise ValueError(f"no such tier: {', '.join(sorted(missing))}")
        if tierless := set(Role) - self.tier_of_role.keys():
            raise ValueError(f"no tier for the role {', '.join(sorted(tierless))}")
        return self
