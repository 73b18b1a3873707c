"""Key-encryption keys in the transit engine of HashiCorp Vault or OpenBao: they never leave it."""

import base64
from collections.abc import Sequence
from typing import Any

from cambista.runtime.outside import VaultConnection
from cambista.runtime.sealing.port import PURPOSE, KeyUnreadable, WrappedKey

_PURPOSE = base64.b64encode(PURPOSE.encode()).decode()


class VaultKeys:
    """One transit key (aes256-gcm96). Policy: update on encrypt and decrypt, read on the key, update on rotate."""

    scheme = "vault"

    def __init__(self, connection: VaultConnection, *, mount: str, key: str) -> None:
        self._connection = connection
        self._mount = mount
        self._key = key

    async def newest(self) -> str:
        found = await self._connection.call(
            lambda client: client.secrets.transit.read_key(self._key, mount_point=self._mount)
        )
        return self._kek(found["data"]["latest_version"])

    async def wrap(self, keys: Sequence[bytes]) -> list[WrappedKey]:
        items = [{"plaintext": base64.b64encode(key).decode(), "associated_data": _PURPOSE} for key in keys]
        results = await self._post("encrypt", items)
        return [WrappedKey(self._kek(_version(each["ciphertext"])), each["ciphertext"].encode()) for each in results]

    async def unwrap(self, keys: Sequence[WrappedKey]) -> list[bytes | KeyUnreadable]:
        items = [{"ciphertext": key.blob.decode("ascii", "replace"), "associated_data": _PURPOSE} for key in keys]
        results = await self._post("decrypt", items)
        return [
            KeyUnreadable(f"a data key does not open under {key.kek}")
            if each.get("error")
            else base64.b64decode(each["plaintext"])
            for key, each in zip(keys, results, strict=True)
        ]

    async def rotate(self) -> str:
        await self._connection.call(
            lambda client: client.secrets.transit.rotate_key(self._key, mount_point=self._mount)
        )
        return await self.newest()

    async def close(self) -> None:
        self._connection.close()

    async def _post(self, deed: str, items: list[dict[str, str]]) -> list[dict[str, Any]]:
        if not items:
            return []
        url = f"/v1/{self._mount}/{deed}/{self._key}"
        # One key that does not open harms none of the others.
        asked = {"batch_input": items, "partial_failure_response_code": 200}
        answer = await self._connection.call(lambda client: _answered(client, url, asked))
        results: list[dict[str, Any]] = answer["data"]["batch_results"]
        return results

    def _kek(self, version: object) -> str:
        return f"{self.scheme}:{self._mount}/{self._key}:{version}"


def _answered(client: Any, url: str, asked: dict[str, Any]) -> Any:
    """The server's answer; where not one key of the batch opened it comes as an error, with the same contents."""
    from hvac.exceptions import InvalidRequest

    try:
        return client.adapter.post(url=url, json=asked)
    except InvalidRequest as error:
        if not isinstance(error.json, dict) or not (error.json.get("data") or {}).get("batch_results"):
            raise
        return error.json


def _version(ciphertext: str) -> str:
    """`vault:v3:…` names the version that encrypted."""
    return ciphertext.split(":")[1].removeprefix("v")
