"""The knobs of identity."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class IdentitySettings(BaseModel):
    """`known_keys_max`: keys remembered in memory, and as many unknown ones. `trust_s`: seconds a memory is believed.
    `keys_max`: usable keys one owner may have. `house_name`: how letters, authenticators and browsers call the house.
    `origin`: where people's browsers find it; passkeys and links are bound to it. `step_up_s`: seconds a second factor
    counts as fresh. `staff_second_factor`: whether staff without one may do anything but set it up. `sms_per_hour`:
    codes an account, and a number, is sent. `passkeys_max`: passkeys one person may have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    known_keys_max: int = Field(default=50_000, ge=1, le=1_000_000)
    trust_s: float = Field(default=1.0, ge=0, le=1.0)
    keys_max: int = Field(default=100, ge=1, le=1000)
    house_name: str = Field(default="Cambista", min_length=1, max_length=64, pattern=r"^[^:\x00-\x1f]+$")
    origin: str = Field(default="http://localhost:8000", pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")
    step_up_s: int = Field(default=300, ge=30, le=3600)
    staff_second_factor: bool = True
    sms_per_hour: int = Field(default=5, ge=1, le=100)
    passkeys_max: int = Field(default=10, ge=1, le=100)

    @property
    def step_up(self) -> timedelta:
        return timedelta(seconds=self.step_up_s)
