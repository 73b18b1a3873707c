"""Ways out to Vault (or OpenBao) and AWS: their libraries block, so they work in a few threads of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

T = TypeVar("T")
VAULT_THREADS = 4
# KMS knows no batches: a page of two hundred cold keys is as many calls, and has to fit in one deadline.
AWS_THREADS = 32


class VaultSettings(BaseModel):
    """HashiCorp Vault or OpenBao, entered by a token (`file:/path` reads it anew at each entry) or by an AppRole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = None
    token: SecretStr | None = None
    role_id: str | None = None
    secret_id: SecretStr | None = None
    namespace: str | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        by_role = bool(self.role_id) and self.secret_id is not None
        if self.url and (self.token is not None) == by_role:
            raise ValueError("Vault is entered by a token or by role_id and secret_id: give one of the two")
        return self


class AwsSettings(BaseModel):
    """AWS. Without credentials here boto3 looks where it always looks: environment, files, the machine's role."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str | None = None
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: SecretStr | None = None


class VaultConnection:
    """Calls Vault; enters by itself, and once more where the token has run out."""

    def __init__(self, settings: VaultSettings, *, timeout_s: float) -> None:
        import hvac

        self._settings = settings
        self._threads = ThreadPoolExecutor(VAULT_THREADS, thread_name_prefix="vault")
        self._client = hvac.Client(
            url=settings.url,
            namespace=settings.namespace,
            timeout=timeout_s,
            verify=str(settings.ca_file) if settings.ca_file else True,
        )
        self._client.token = None

    async def call(self, work: Callable[[Any], T]) -> T:
        """Run `work(client)` in a thread; raises what hvac or the network raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, work)

    def _work(self, work: Callable[[Any], T]) -> T:
        from hvac.exceptions import Forbidden, Unauthorized

        if not self._client.token:
            self._enter()
        try:
            return work(self._client)
        except (Forbidden, Unauthorized):
            self._enter()
            return work(self._client)

    def _enter(self) -> None:
        token = self._settings.token.get_secret_value() if self._settings.token else None
        if token is None:
            assert self._settings.secret_id is not None
            self._client.auth.approle.login(self._settings.role_id, self._settings.secret_id.get_secret_value())
            return
        file = token.removeprefix("file:")
        self._client.token = token if file == token else Path(file).read_text(encoding="utf-8").strip()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.adapter.close()


class AwsConnection:
    """Calls one AWS service."""

    def __init__(self, settings: AwsSettings, service: str, *, timeout_s: float) -> None:
        import boto3
        from botocore.config import Config

        self._threads = ThreadPoolExecutor(AWS_THREADS, thread_name_prefix="aws")
        self._client = boto3.client(
            service,
            region_name=settings.region,
            endpoint_url=settings.endpoint,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key.get_secret_value() if settings.secret_key else None,
            config=Config(
                connect_timeout=timeout_s,
                read_timeout=timeout_s,
                retries={"total_max_attempts": 1},
                max_pool_connections=AWS_THREADS,
            ),
        )

    async def call(self, work: Callable[[Any], T]) -> T:
        """Run `work(client)` in a thread; raises what botocore raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, self._client)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()
