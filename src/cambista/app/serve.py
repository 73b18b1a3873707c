"""Runs the whole house in one process until it is told to stop."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from cambista.app.build import House, build, open_runtime, start
from cambista.app.certificate import Certificate
from cambista.app.databases import open_database
from cambista.app.faces import create_faces
from cambista.app.secrets import with_secrets
from cambista.app.server import Server
from cambista.app.settings import Settings, TlsSettings
from cambista.app.sockets import LOOK_EVERY_S, Watch
from cambista.audit import AuditKey
from cambista.gateway import SharedWindows
from cambista.pricing import Signer
from cambista.runtime import SystemClock

_log = structlog.get_logger(__name__)


class PortTaken(Exception):
    """The address cannot be listened on."""


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """The house with its database, open for business; everything is closed in reverse order at the end."""
    settings.home_folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    async with (
        with_secrets(settings) as (filled, secrets),
        open_database(filled) as dsn,
        open_runtime(dsn, filled, secrets) as runtime,
    ):
        signer = Signer.open(settings.home_folder / "receipt.key")
        house = build(runtime, filled, signer, AuditKey.open(settings.home_folder / "audit.key"))
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
        certificate = Certificate(settings.tls, SystemClock().now) if settings.tls != TlsSettings() else None
        async with open_house(settings) as house, _shared_windows(house.settings) as shared:
            ends_at = None if certificate is None else certificate.told_end
            faces = create_faces(house, shared_windows=shared, certificate_ends_at=ends_at)
            watch = Watch(settings.gateway)
            server = Server(faces, watch, tls=None if certificate is None else certificate.context)
            house.runtime.tasks.every("sockets", LOOK_EVERY_S, watch.look)
            if certificate is not None:
                house.runtime.tasks.every("certificate", settings.tls.look_every_s, certificate.look)
            running = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started and not running.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.005)
            spare_collector()
            try:
                yield Serving(house, f"{'http' if certificate is None else 'https'}://{host}:{port}", running)
            finally:
                server.should_exit = True
                await running


@asynccontextmanager
async def _shared_windows(settings: Settings) -> AsyncIterator[SharedWindows | None]:
    if settings.redis_url is None:
        yield None
        return
    shared = SharedWindows(settings.redis_url.get_secret_value())
    try:
        yield shared
    finally:
        await shared.close()


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
