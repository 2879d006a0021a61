"""Resolves host names within a time limit, which `getaddrinfo` itself does not have."""

import socket
from collections.abc import Sequence
from concurrent.futures import Future
from ipaddress import ip_address
from threading import BoundedSemaphore, Thread
from typing import Protocol

from workers.outbound.addresses import IPAddress
from workers.outbound.errors import TimedOutError, UnreachableError

_LOOKUPS_AT_ONCE = 32


class Resolver(Protocol):
    """Resolves a host name to addresses."""

    def __call__(self, host: str, timeout_seconds: float) -> Sequence[IPAddress]:
        """All addresses of a name, the preferred first.

        Raises:
            TimedOutError: the lookup took longer.
            UnreachableError: the name has no address.
        """


class SystemResolver:
    """The operating system's resolver.

    A lookup that hangs holds its thread until the system gives up, so their number is bounded.
    The threads are daemons, so that a process can exit without waiting for them.
    """

    def __init__(self, lookups_at_once: int = _LOOKUPS_AT_ONCE) -> None:
        self._slots = BoundedSemaphore(lookups_at_once)

    def __call__(self, host: str, timeout_seconds: float) -> Sequence[IPAddress]:
        """See `Resolver`."""
        future: Future[Sequence[IPAddress]] = Future()
        if not self._slots.acquire(timeout=timeout_seconds):
            raise TimedOutError("too many names are being looked up")
        Thread(target=self._look_up, args=(host, future), name="resolver", daemon=True).start()
        try:
            return future.result(timeout_seconds)
        except TimeoutError:
            raise TimedOutError(f"{host} was not found in {timeout_seconds:.3g} s") from None
        except (OSError, UnicodeError):
            raise UnreachableError(f"{host} has no address") from None

    def _look_up(self, host: str, future: Future[Sequence[IPAddress]]) -> None:
        try:
            future.set_result(_addresses(host))
        except (OSError, UnicodeError) as error:
            future.set_exception(error)
        finally:
            self._slots.release()


def _addresses(host: str) -> Sequence[IPAddress]:
    answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(ip_address(answer[4][0]) for answer in answers))
