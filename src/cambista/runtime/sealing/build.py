"""From settings to an open envelope: the provider that wraps, and those that may still unwrap."""

from dataclasses import dataclass
from pathlib import Path

from cambista.runtime.clock import Clock
from cambista.runtime.database import Database
from cambista.runtime.outside import AwsConnection, AwsSettings, VaultConnection, VaultSettings
from cambista.runtime.sealing.envelope import Sealing
from cambista.runtime.sealing.local import KEY_FILE, LocalKeys
from cambista.runtime.sealing.port import KeyProvider
from cambista.runtime.sealing.ring import KeyRing
from cambista.runtime.sealing.settings import Provider, SealingSettings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a provider finds its keys: the house's home, Vault, AWS."""

    home: Path
    vault: VaultSettings
    aws: AwsSettings


async def open_sealing(settings: SealingSettings, around: Surroundings, db: Database, clock: Clock) -> Sealing:
    """Sealing as the settings say, its house keys loaded. Raises KeyUnreadable when they do not open: a key file or
    a provider of another house."""
    wrapping = _provider(settings, settings.provider, around)
    former = [_provider(settings, name, around) for name in settings.former if name != settings.provider]
    ring = KeyRing(wrapping, former, clock, deadline_s=settings.deadline_s)
    sealing = Sealing(ring, clock, kept_max=settings.keys_max)
    try:
        await sealing.open(db)
    except BaseException:
        await sealing.close()
        raise
    return sealing


def _provider(settings: SealingSettings, name: Provider, around: Surroundings) -> KeyProvider:
    # The libraries of those outside are loaded only where one is used.
    if name == "vault":
        from cambista.runtime.sealing.vault import VaultKeys

        connection = VaultConnection(around.vault, timeout_s=settings.deadline_s)
        return VaultKeys(connection, mount=settings.vault_mount, key=settings.vault_key)
    if name == "aws":
        from cambista.runtime.sealing.aws import KmsKeys

        return KmsKeys(AwsConnection(around.aws, "kms", timeout_s=settings.deadline_s), settings.aws_key_id)
    return LocalKeys.open(around.home / KEY_FILE)
