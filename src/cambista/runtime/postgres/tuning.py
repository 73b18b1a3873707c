"""How the embedded PostgreSQL is set: durable order processing on a small machine."""

from collections.abc import Mapping

_ALWAYS = {
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_connections": "64",
    "wal_buffers": "16MB",
    "min_wal_size": "256MB",
    "max_wal_size": "4GB",
    # Many small commits: the processor is what is short here, not the disk's width.
    "wal_compression": "off",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    # A till's row changes with every trade; short vacuum rounds keep its versions few.
    "autovacuum_naptime": "15s",
    # Two cores: one statement must not take both, and a container's /dev/shm may hold only 64 MB.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "cluster_name": "cambista",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    "log_lock_waits": "on",
    "log_min_duration_statement": "1s",
    # Customers' amounts and names travel as parameters; they stay out of the log.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "unix_socket_permissions": "0700",
}
_DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# Commits still reach the operating system before they are answered: a killed process loses nothing, a power cut may.
_FORGETFUL = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}


def server_settings(settings: Mapping[str, str], *, durable: bool) -> dict[str, str]:
    """The settings of a server; those given win. Not durable means: for tests, a power cut may lose everything."""
    return {**_ALWAYS, **(_DURABLE if durable else _FORGETFUL), **settings}
