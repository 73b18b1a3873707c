"""Cold start: from the command to the first healthy answer, on a home that has been set up."""

import asyncio
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


async def seconds_to_healthy(home: Path) -> float:
    """Start a house as a user would and wait until it calls itself ready."""
    port = _free_port()
    env = os.environ | {"CAMBISTA_HOME": str(home), "CAMBISTA_PORT": str(port)}
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cambista.app.cli", "serve", stdout=asyncio.subprocess.DEVNULL, env=env
    )
    try:
        while not await asyncio.to_thread(_healthy, f"http://127.0.0.1:{port}/health/readiness"):
            assert time.perf_counter() - began < 60, "the house did not become ready"
            await asyncio.sleep(0.01)
        return time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 30)
