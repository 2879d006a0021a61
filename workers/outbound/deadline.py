"""A deadline for a whole request."""

import time

from workers.outbound.errors import TimedOutError


class Deadline:
    """A point in time, some seconds after its creation by the monotonic clock."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds

    def remaining(self, at_most: float) -> float:
        """The remaining seconds, but no more than `at_most`; always above zero.

        Raises:
            TimedOutError: the deadline has passed.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimedOutError(f"it was not over in {self._seconds:g} s")
        return min(left, at_most)
