"""Secrets in AWS Secrets Manager: `aws:secret-id`, or `aws:secret-id#field` of one that is a JSON object."""

import json

from cambista.runtime.outside import AwsConnection
from cambista.runtime.secrets.port import SecretUnreadable


class AwsSecrets:
    """The current version of a secret. Right: secretsmanager:GetSecretValue."""

    scheme = "aws"

    def __init__(self, connection: AwsConnection) -> None:
        self._connection = connection

    async def read(self, place: str, field: str) -> str:
        try:
            found = await self._connection.call(lambda client: client.get_secret_value(SecretId=place))
        except Exception as error:
            raise SecretUnreadable(f"aws:{place} cannot be read: {type(error).__name__}") from None
        text = found.get("SecretString")
        value = _field(text, field) if field and isinstance(text, str) else text
        if not isinstance(value, str):
            raise SecretUnreadable(f"aws:{place} has no text of the name {field!r}")
        return value

    async def close(self) -> None:
        self._connection.close()


def _field(text: str, field: str) -> object:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found.get(field) if isinstance(found, dict) else None
