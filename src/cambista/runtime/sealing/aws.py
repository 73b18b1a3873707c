"""The key-encryption key in AWS KMS: it never leaves it, and CloudTrail tells of each use."""

import asyncio
from collections.abc import Sequence

from cambista.runtime.outside import AwsConnection
from cambista.runtime.sealing.port import PURPOSE, KeyUnreadable, WrappedKey

_CONTEXT = {"purpose": PURPOSE}
# What KMS says of a ciphertext that is not its own or was altered.
_UNREADABLE = frozenset(("InvalidCiphertextException", "IncorrectKeyException"))


class KmsKeys:
    """One symmetric KMS key. KMS turns its material over by itself and does not say so, hence `kek` has no version:
    `rotate` begins nothing new, and wrapping everything again brings it under the newest material.

    Rights: kms:Encrypt, kms:Decrypt, kms:DescribeKey, with encryption context purpose = cambista.data_key.
    """

    scheme = "aws"

    def __init__(self, connection: AwsConnection, key_id: str) -> None:
        self._connection = connection
        self._key_id = key_id

    async def newest(self) -> str:
        found = await self._connection.call(lambda client: client.describe_key(KeyId=self._key_id))
        return _kek(found["KeyMetadata"]["Arn"])

    async def wrap(self, keys: Sequence[bytes]) -> list[WrappedKey]:
        return list(await asyncio.gather(*(self._wrap(key) for key in keys)))

    async def unwrap(self, keys: Sequence[WrappedKey]) -> list[bytes | KeyUnreadable]:
        return list(await asyncio.gather(*(self._unwrap(key) for key in keys)))

    async def rotate(self) -> str:
        return await self.newest()

    async def close(self) -> None:
        self._connection.close()

    async def _wrap(self, key: bytes) -> WrappedKey:
        answer = await self._connection.call(
            lambda client: client.encrypt(KeyId=self._key_id, Plaintext=key, EncryptionContext=_CONTEXT)
        )
        return WrappedKey(_kek(answer["KeyId"]), answer["CiphertextBlob"])

    async def _unwrap(self, wrapped: WrappedKey) -> bytes | KeyUnreadable:
        from botocore.exceptions import ClientError

        try:
            answer = await self._connection.call(
                lambda client: client.decrypt(CiphertextBlob=wrapped.blob, EncryptionContext=_CONTEXT)
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _UNREADABLE:
                return KeyUnreadable(f"a data key does not open under {wrapped.kek}")
            raise
        plain: bytes = answer["Plaintext"]
        return plain


def _kek(arn: str) -> str:
    return f"aws:{arn}"
