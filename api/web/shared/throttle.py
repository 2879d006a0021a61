"""How often an address may fail to sign in."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

MOST_FAILURES = 10
WINDOW_SECONDS = 300.0
_MOST_ADDRESSES = 10_000


class SignInThrottle:
    """Failures by address, in this process's memory: a key has 130 bits, so this saves work.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_seconds(self, address: str) -> int:
        """How long an address must wait before it may try again; 0 when it need not."""
        failures = self._failures.get(address)
        if failures is None:
            return 0
        now = self._clock()
        while failures and failures[0] <= now - WINDOW_SECONDS:
            failures.popleft()
        if len(failures) < MOST_FAILURES:
            return 0
        return math.ceil(failures[0] + WINDOW_SECONDS - now)

    def failed(self, address: str) -> None:
        """Count a failure; the address that failed longest ago is forgotten when there are many."""
        self._failures.setdefault(address, deque(maxlen=MOST_FAILURES)).append(self._clock())
        self._failures.move_to_end(address)
        if len(self._failures) > _MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget an address's failures."""
        self._failures.pop(address, None)
