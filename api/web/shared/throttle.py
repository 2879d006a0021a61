"""A limit on failed sign-ins by address."""

import math
import threading
import time

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.core.client_address import client_network

MAX_FAILURES = 10
WINDOW_SECONDS = 300
_MAX_ADDRESSES = 10_000
_LIMIT = RateLimitItemPerSecond(MAX_FAILURES, WINDOW_SECONDS)


class SignInThrottle:
    """Failed sign-ins by address, in this process's memory.

    A key has 130 bits, so nobody guesses one: the limit only slows down who tries. It is therefore
    enough to count in each process, and to forget every failure when too many addresses have
    failed. A right key is accepted before the limit is looked at, so that nobody locks others out.
    """

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._lock = threading.Lock()

    def wait_seconds(self, address: str) -> int:
        """Seconds until an address may try again; 0 when it may try now."""
        client = client_network(address)
        with self._lock:
            if self._limiter.test(_LIMIT, client):
                return 0
            window = self._limiter.get_window_stats(_LIMIT, client)
        return max(1, math.ceil(window.reset_time - time.time()))

    def count_failure(self, address: str) -> None:
        """Count one failed sign-in."""
        with self._lock:
            if len(self._storage.events) >= _MAX_ADDRESSES:
                self._storage.reset()
            self._limiter.hit(_LIMIT, client_network(address))
