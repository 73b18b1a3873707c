"""Secrets in the KV engine (version 2) of HashiCorp Vault or OpenBao: `vault:mount/path#field`."""

from cambista.runtime.outside import VaultConnection
from cambista.runtime.secrets.port import SecretUnreadable


class VaultSecrets:
    """The newest version of a secret. Policy: read on `mount/data/path`."""

    scheme = "vault"

    def __init__(self, connection: VaultConnection) -> None:
        self._connection = connection

    async def read(self, place: str, field: str) -> str:
        mount, _, path = place.partition("/")
        try:
            found = await self._connection.call(
                lambda client: client.secrets.kv.v2.read_secret_version(
                    path=path, mount_point=mount, raise_on_deleted_version=True
                )
            )
        except Exception as error:
            # The library's own text holds the server's whole answer.
            raise SecretUnreadable(f"vault:{place} cannot be read: {type(error).__name__}") from None
        value = found["data"]["data"].get(field)
        if not isinstance(value, str):
            raise SecretUnreadable(f"vault:{place} has no text of the name {field!r}")
        return value

    async def close(self) -> None:
        self._connection.close()
