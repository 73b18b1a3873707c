"""The knobs of secrets by reference."""

from pydantic import BaseModel, ConfigDict, Field


class SecretsSettings(BaseModel):
    """`look_every_s`: seconds between two looks at the sources. `deadline_s`: seconds a source has to answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    look_every_s: float = Field(default=30.0, ge=1, le=3600)
    deadline_s: float = Field(default=5.0, gt=0, le=60)
