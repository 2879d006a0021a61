"""The one way to serve an application: with every limit of its connections."""

import asyncio
import socket
import sys
from contextlib import suppress
from typing import cast

import uvicorn

from api.core.settings import ApiSettings
from api.server.open_files import raise_limit
from api.server.protocol import GuardedProtocol, bound_protocol
from api.server.settings import ServerSettings
from api.server.tls import TlsPort, TlsServer

_OWN_FILES = 256
"""Files that the process opens itself: database, Redis, store, uploads."""

_BACKLOG = 2048
_GRACE_SECONDS = 5
_FAILED_TO_START = 3


def server_config(
    factory: str, host: str, port: int, settings: ServerSettings, api: ApiSettings
) -> uvicorn.Config:
    """The server of an application's factory (`module:function`)."""
    return uvicorn.Config(
        factory,
        factory=True,
        host=host,
        port=port,
        http=bound_protocol(settings, api.trusted_proxies),
        ws="none",
        backlog=_BACKLOG,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        log_config=None,
        access_log=False,  # an artifact's URL is a secret
        server_header=False,
        proxy_headers=False,  # BOTTEGA_TRUSTED_PROXIES says whose headers are believed
    )


class Server(uvicorn.Server):
    """The server of one process: a port without TLS, and one with it if it has a certificate."""

    def __init__(self, config: uvicorn.Config, tls: TlsPort | None = None) -> None:
        super().__init__(config)
        self._tls = tls

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, and listen."""
        await super().startup(sockets)
        if self._tls is not None:
            server = TlsServer(self._tls, self._make_http)
            self.servers.append(cast("asyncio.Server", server))  # it is closed in the same way

    def _make_http(self) -> GuardedProtocol:
        protocol = cast("type[GuardedProtocol]", self.config.http_protocol_class)
        return protocol(self.config, self.server_state, self.lifespan.state)


def serve(factory: str, host: str, port: int, tls: TlsPort | None = None) -> None:
    """Serve until SIGTERM.

    Raises:
        pydantic.ValidationError: a setting is missing or invalid.
    """
    settings = ServerSettings()
    room = max(raise_limit() - _OWN_FILES, _OWN_FILES)
    settings.max_connections = min(settings.max_connections, room)
    server = Server(server_config(factory, host, port, settings, ApiSettings()), tls)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(_FAILED_TO_START)
