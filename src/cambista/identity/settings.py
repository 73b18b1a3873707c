"""The knobs of identity."""

from pydantic import BaseModel, ConfigDict, Field


class IdentitySettings(BaseModel):
    """`known_keys_max`: keys remembered in memory, and as many unknown ones. `trust_s`: seconds a memory is believed.
    `keys_max`: usable keys one owner may have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    known_keys_max: int = Field(default=50_000, ge=1, le=1_000_000)
    trust_s: float = Field(default=1.0, ge=0, le=1.0)
    keys_max: int = Field(default=100, ge=1, le=1000)
