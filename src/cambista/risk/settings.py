"""The knobs of risk."""

from pydantic import BaseModel, Field


class RiskSettings(BaseModel):
    """Limits in whole units of the reporting asset (USD); a day is a calendar day in `day_zone`."""

    trade_max: int = Field(default=50_000, gt=0)
    day_max: int = Field(default=200_000, gt=0)
    day_zone: str = "America/Bogota"
