"""uvicorn as the house runs it: in the house's loop, behind guarded sockets, stopped when the house says so."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from cambista.app.sockets import Watch

DRAIN_S = 10
BACKLOG = 2048
WEB_SOCKET_MESSAGE_MAX = 1024 * 1024


class Server(uvicorn.Server):
    """Serves `app` on the sockets it is given, with TLS if there is a context for it."""

    def __init__(self, app: ASGIApp, watch: Watch, *, tls: ssl.SSLContext | None = None) -> None:
        http, web_socket = watch.protocols()
        super().__init__(
            uvicorn.Config(
                app,
                http=http,  # type: ignore[arg-type] # what makes protocols, which is all that it is used for
                ws=web_socket,  # type: ignore[arg-type]
                ws_max_size=WEB_SOCKET_MESSAGE_MAX,
                ws_per_message_deflate=False,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=DRAIN_S,
                timeout_keep_alive=watch.settings.idle_s,
            )
        )
        self._tls = tls
        self._handshake_s = watch.settings.handshake_s if tls is not None else None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's own for given sockets, which sets no bound on the time of a handshake."""
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._protocol, sock=each, ssl=self._tls, ssl_handshake_timeout=self._handshake_s, backlog=BACKLOG
            )
            for each in sockets or ()
        ]
        self.started = True

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
