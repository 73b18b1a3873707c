"""The knobs of identity."""

from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class PeopleSettings(BaseModel):
    """The part about logins. `breached_passwords`: a file of passwords nobody may choose, sorted SHA-1 or plain.
    `password_memory_kib`, `password_passes`, `password_lanes`: what Argon2id costs; who logs in is brought up to it.
    `password_days_max`: days a password lasts, 0 for ever. `password_history`: passwords that may not come back, the
    present one among them. `hashing_threads`: passwords looked at at once; `hashing_waiting_max` more wait.
    `session_idle_s` (staff: `session_idle_staff_s`): seconds a session may rest; `session_max_s`: seconds it lasts at
    most. `sessions_max`, `devices_max`: of one person. `device_days`: days after which a device unseen is a stranger.
    `registration_ttl_s`, `reset_ttl_s`, `invitation_ttl_s`: seconds a letter's link works; `ticket_ttl_s`: seconds
    between the password and the second factor."""

    breached_passwords: Path | None = None
    password_memory_kib: int = Field(default=65_536, ge=8, le=4_194_304)
    password_passes: int = Field(default=3, ge=1, le=64)
    password_lanes: int = Field(default=1, ge=1, le=16)
    password_days_max: int = Field(default=0, ge=0, le=3650)
    password_history: int = Field(default=5, ge=1, le=12)
    hashing_threads: int = Field(default=2, ge=1, le=64)
    hashing_waiting_max: int = Field(default=64, ge=0, le=10_000)
    session_idle_s: int = Field(default=1800, ge=60, le=86_400)
    session_idle_staff_s: int = Field(default=900, ge=60, le=86_400)
    session_max_s: int = Field(default=43_200, ge=60, le=2_592_000)
    sessions_max: int = Field(default=20, ge=1, le=100)
    devices_max: int = Field(default=20, ge=1, le=100)
    device_days: int = Field(default=180, ge=1, le=3650)
    registration_ttl_s: int = Field(default=86_400, ge=60, le=604_800)
    reset_ttl_s: int = Field(default=3600, ge=60, le=86_400)
    invitation_ttl_s: int = Field(default=604_800, ge=60, le=2_592_000)
    ticket_ttl_s: int = Field(default=300, ge=30, le=3600)


class OAuthSettings(BaseModel):
    """OAuth2. `access_token_s`: seconds an access token lives; `code_s` an authorization code. `refresh_token_s`:
    seconds a refresh token waits for its use; `grant_s`: seconds until a customer must agree again. `token_key_s`:
    seconds a key signs tokens; it is published `token_key_ahead_s` before. `clients_max`: living clients of a partner.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    access_token_s: int = Field(default=600, ge=60, le=3600)
    code_s: int = Field(default=60, ge=10, le=600)
    refresh_token_s: int = Field(default=2_592_000, ge=60, le=31_536_000)
    grant_s: int = Field(default=7_776_000, ge=3600, le=94_608_000)
    token_key_s: int = Field(default=2_592_000, ge=3600, le=31_536_000)
    token_key_ahead_s: int = Field(default=86_400, ge=600, le=604_800)
    clients_max: int = Field(default=20, ge=1, le=1000)


class IdentitySettings(PeopleSettings):
    """`known_keys_max`: keys remembered in memory, and as many unknown ones. `trust_s`: seconds a memory is believed.
    `keys_max`: usable keys one owner may have. `rotation_overlap_max_s`: seconds a key works on beside the one in its
    place. `signature_window_s`: seconds a signed request may be old, or early.
    `house_name`: how letters, authenticators and browsers call the house.
    `origin`: where people's browsers find it; passkeys and links are bound to it. `step_up_s`: seconds a second factor
    counts as fresh. `staff_second_factor`: whether staff without one may do anything but set it up. `sms_per_hour`:
    codes an account, and a number, is sent. `passkeys_max`: passkeys one person may have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    known_keys_max: int = Field(default=50_000, ge=1, le=1_000_000)
    trust_s: float = Field(default=1.0, ge=0, le=1.0)
    keys_max: int = Field(default=100, ge=1, le=1000)
    rotation_overlap_max_s: int = Field(default=604_800, ge=0, le=7_776_000)
    signature_window_s: int = Field(default=30, ge=1, le=300)
    house_name: str = Field(default="Cambista", min_length=1, max_length=64, pattern=r"^[^:\x00-\x1f]+$")
    origin: str = Field(default="http://localhost:8000", pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$")
    step_up_s: int = Field(default=300, ge=30, le=3600)
    staff_second_factor: bool = True
    sms_per_hour: int = Field(default=5, ge=1, le=100)
    passkeys_max: int = Field(default=10, ge=1, le=100)
    oauth: OAuthSettings = OAuthSettings()

    @property
    def step_up(self) -> timedelta:
        return timedelta(seconds=self.step_up_s)
