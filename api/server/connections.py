"""The open connections of a process: their number, and which of them make room for others."""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from api.core.client_address import Networks, client_network, is_within
from api.core.metrics import connections_limit, connections_open, count_refused
from api.server.settings import ServerSettings

_SWEEP_SECONDS = 1.0


class Connection(Protocol):
    """A connection, as the table uses it."""

    def close_silent(self) -> None:
        """Close it: it waits for a request, and others need its place."""

    def sweep(self, now: float, interval: float) -> None:
        """Close it if its request arrives too slowly; `interval` seconds since the last sweep."""


@dataclass
class _Client:
    """The connections of one address; `waiting` ones have no request, the longest first."""

    count: int = 0
    waiting: dict[Connection, None] = field(default_factory=dict)


class ConnectionTable:
    """Counts connections, in all and by address.

    At a limit, a new connection takes the place of the one that has been silent for longest.
    Where all of them have a request, it may only ask whether the process is alive.
    """

    def __init__(
        self, settings: ServerSettings, trusted: Networks, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.settings = settings
        self._trusted = trusted
        self._loop = loop
        self._clients: dict[str, _Client] = {}
        self._addresses: dict[Connection, str] = {}
        self._waiting: dict[Connection, None] = {}
        self._sweeping = False
        connections_limit.set(settings.max_connections)

    def add(self, connection: Connection, address: str) -> str | None:
        """Count a new connection; returns the limit that it exceeds, as a metric's reason."""
        network = client_network(address)
        client = self._clients.setdefault(network, _Client())
        reason = self._exceeded(client, address)
        # Evicting the client's last connection has removed its entry.
        client = self._clients.setdefault(network, client)
        client.count += 1
        self._addresses[connection] = network
        self.set_waiting(connection)
        connections_open.inc()
        self._start_sweeping()
        return reason

    def _exceeded(self, client: _Client, address: str) -> str | None:
        limits = self.settings
        full = client.count >= limits.max_connections_per_address
        if full and not is_within(address, self._trusted) and not _evict(client.waiting):
            return "address_connections"
        if len(self._addresses) >= limits.max_connections and not _evict(self._waiting):
            return "connections"
        return None

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed, or closing."""
        network = self._addresses.pop(connection, None)
        if network is None:
            return
        connections_open.dec()
        self._waiting.pop(connection, None)
        client = self._clients[network]
        client.waiting.pop(connection, None)
        client.count -= 1
        if not client.count:
            del self._clients[network]

    def set_waiting(self, connection: Connection) -> None:
        """Note that a connection has no request now: it may make room for another."""
        if (network := self._addresses.get(connection)) is not None:
            self._waiting[connection] = None
            self._clients[network].waiting[connection] = None

    def set_busy(self, connection: Connection) -> None:
        """Note that a connection has a request: it is not closed for another."""
        if (network := self._addresses.get(connection)) is not None:
            self._waiting.pop(connection, None)
            self._clients[network].waiting.pop(connection, None)

    def _start_sweeping(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        now = self._loop.time()
        for connection in list(self._addresses):
            connection.sweep(now, _SWEEP_SECONDS)
        self._sweeping = False
        if self._addresses:
            self._start_sweeping()


def _evict(waiting: dict[Connection, None]) -> bool:
    """Close the connection that has waited for longest; False when each has a request."""
    connection = next(iter(waiting), None)
    if connection is None:
        return False
    count_refused("connections")
    connection.close_silent()
    return True
