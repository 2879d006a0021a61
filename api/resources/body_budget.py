"""The bytes of request bodies that one process holds in memory at one moment."""

from collections import Counter

from api.core.domain_errors import TooManyBodiesError

SMALL_BYTES = 65_536
"""The part of each body that is not counted: small calls go through while large ones fill it."""


class BodyBudget:
    """Counts bytes in all, and by holder: a key, or the address of a client without one."""

    def __init__(self, max_bytes: int, max_holder_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._max_holder_bytes = max_holder_bytes
        self._held: Counter[str] = Counter()
        self.held_bytes = 0

    def reserve(self, holder: str, count: int) -> None:
        """Count bytes that are received, or announced.

        Raises:
            TooManyBodiesError: there is no room; nothing was counted.
        """
        if self._held[holder] + count > self._max_holder_bytes:
            raise TooManyBodiesError(own=True)
        if self.held_bytes + count > self._max_bytes:
            raise TooManyBodiesError(own=False)
        self._held[holder] += count
        self.held_bytes += count

    def release(self, holder: str, count: int) -> None:
        """Take back bytes that were reserved."""
        self.held_bytes -= count
        self._held[holder] -= count
        if self._held[holder] <= 0:
            del self._held[holder]
