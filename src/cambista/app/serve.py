"""Runs the whole house in one process until it is told to stop."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog
import uvicorn

from cambista.app.build import House, build, open_runtime, start
from cambista.app.databases import open_database
from cambista.app.faces import create_faces
from cambista.app.settings import Settings
from cambista.pricing import Signer

_log = structlog.get_logger(__name__)
DRAIN_S = 10


class PortTaken(Exception):
    """The address cannot be listened on."""


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """The house with its database, open for business; everything is closed in reverse order at the end."""
    settings.home_folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    async with open_database(settings) as dsn, open_runtime(dsn, settings) as runtime:
        signer = Signer.open(settings.home_folder / "receipt.key")
        house = build(runtime, settings, signer)
        made = await house.identity.bootstrap(settings.home_folder)
        if made is not None:
            _log.warning("admin_key_written", path=str(made))
        await start(house)
        try:
            yield house
        finally:
            await house.venues.stop()
            await house.notifications.close()


@dataclass(slots=True)
class Serving:
    """A running server: where it listens, and the task that ends with it."""

    house: House
    url: str
    ended: "asyncio.Task[None]"


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the house decides when to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(house: House) -> _Server:
    return _Server(
        uvicorn.Config(
            create_faces(house),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=DRAIN_S,
            limit_concurrency=4096,
            h11_max_incomplete_event_size=64 * 1024,
            timeout_keep_alive=30,
        )
    )


def spare_collector() -> None:
    """Look for garbage cycles rarely: a batch makes tens of thousands of objects that reference counts free anyway.

    With Python's defaults the collector took a quarter of the time of a trade (measured in process, batches of 256).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Serving]:
    """The house behind HTTP, answering before the block begins."""
    with _listen(settings) as listening:
        host, port = listening.getsockname()[:2]
        async with open_house(settings) as house:
            server = _server(house)
            running = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
            spare_collector()
            try:
                yield Serving(house, f"http://{host}:{port}", running)
            finally:
                server.should_exit = True
                await running


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything else is started, so that a taken one is said at once."""
    try:
        return socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as error:
        raise PortTaken(f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}.") from error


async def serve_until_told(settings: Settings, announce: Callable[[Serving], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished first."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, told.set)
    async with serving(settings) as running:
        announce(running)
        waiting = asyncio.create_task(told.wait())
        await asyncio.wait({waiting, running.ended}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
