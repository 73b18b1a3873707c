"""Settings whose secrets are references: read before anything opens, and looked at again while the house runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cambista.app.settings import Settings
from cambista.runtime.outside import AwsConnection, VaultConnection
from cambista.runtime.secrets import Secrets, SecretSource


@asynccontextmanager
async def with_secrets(settings: Settings) -> AsyncIterator[tuple[Settings, Secrets]]:
    """The settings with the secrets behind their references, and the book that keeps them fresh.

    `vault:` needs `CAMBISTA_VAULT__URL`, `aws:` a `CAMBISTA_AWS__REGION`. Raises SecretUnreadable.
    """
    secrets = Secrets(_sources(settings), deadline_s=settings.secrets.deadline_s)
    try:
        yield await secrets.fill(settings), secrets
    finally:
        await secrets.close()


def _sources(settings: Settings) -> list[SecretSource]:
    sources: list[SecretSource] = []
    timeout_s = settings.secrets.deadline_s
    if settings.vault.url:
        from cambista.runtime.secrets.vault import VaultSecrets

        sources.append(VaultSecrets(VaultConnection(settings.vault, timeout_s=timeout_s)))
    if settings.aws.region:
        from cambista.runtime.secrets.aws import AwsSecrets

        sources.append(AwsSecrets(AwsConnection(settings.aws, "secretsmanager", timeout_s=timeout_s)))
    return sources
