"""One moment by which everything has to be over."""

import time

from workers.outbound.errors import TimedOutError


class Deadline:
    """Ends a while after it was made, by the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds

    def remaining(self, at_most: float) -> float:
        """Seconds that are left, or `at_most`; always more than nothing.

        Raises:
            TimedOutError: none are.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimedOutError(f"it was not over in {self._seconds:g} s")
        return min(left, at_most)
