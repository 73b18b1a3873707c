"""The knobs of sealing: which provider keeps the key-encryption key."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Provider = Literal["local", "vault", "aws"]


class SealingSettings(BaseModel):
    """`provider` wraps; those of `former` still unwrap what they wrapped, until rotation has moved it.

    `deadline_s`: seconds a provider has to answer. `keys_max`: data keys remembered in memory. `vault_mount` and
    `vault_key` name a transit key, `aws_key_id` a KMS key by id, ARN or alias.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Provider = "local"
    former: tuple[Provider, ...] = ()
    deadline_s: float = Field(default=2.0, gt=0, le=30)
    keys_max: int = Field(default=10_000, ge=100, le=1_000_000)
    vault_mount: str = "transit"
    vault_key: str = "cambista"
    aws_key_id: str = "alias/cambista"
