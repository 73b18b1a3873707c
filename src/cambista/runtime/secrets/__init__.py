"""Secrets by reference, read at the start and again when they change.

Every `SecretStr` of the settings may be a reference instead of the secret: `env:NAME`, `file:/path`,
`vault:mount/path#field`, `aws:secret-id#field`. Before the rooms are built `Secrets.fill` puts a `Secret` in its place,
which is a `SecretStr` whose value is the source's as of the last look. So a room

- declares `password: SecretStr` in its settings and calls `get_secret_value()` at each use, not once at the start;
- where it must act on a change (reopen a connection), asks `isinstance(value, Secret)` and `value.on_change(call)`;
- for a reference of its own takes `await runtime.secrets.get(reference)`.
"""

from cambista.runtime.secrets.book import Secrets
from cambista.runtime.secrets.port import Secret, SecretSource, SecretUnreadable

__all__ = ["Secret", "SecretSource", "SecretUnreadable", "Secrets"]
