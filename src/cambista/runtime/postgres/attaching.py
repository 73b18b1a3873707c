"""Finds the server that another process of the same user runs in a home, for commands beside a running house."""

from pathlib import Path
from urllib.parse import quote

from cambista.runtime.postgres import home as homes
from cambista.runtime.postgres.creation import DATABASE, OWNER


def running_dsn(home: Path) -> str | None:
    """The owner's DSN of the server that runs in `home`; None when none does."""
    lines = homes.pid_lines(home / "data")
    # postmaster.pid: pid, data folder, start, port, socket folder, address, shared memory, status
    if len(lines) < 8 or lines[7].strip() != "ready" or not homes.is_alive(lines[0].strip()):
        return None
    port, socket = lines[3].strip(), lines[4].strip()
    secret = homes.password(home, with_cluster=True)
    return f"postgresql://{OWNER}:{secret}@/{DATABASE}?host={quote(socket, safe='')}&port={port}"
