"""The knobs of analytics."""

from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, field_validator


class AnalyticsSettings(BaseModel):
    """`day_zone`: whose calendar the house's day follows (an IANA name)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    day_zone: str = "America/Bogota"

    @field_validator("day_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, OSError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        return name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.day_zone)
