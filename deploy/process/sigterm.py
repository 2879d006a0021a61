"""What SIGTERM does to a command that runs to an end of its own: the same as Ctrl-C."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def raising_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the block by `SystemExit`, so that what it started and wrote is cleared away.

    The status is 143, as shells have it. A second signal does not disturb the clearing.
    """

    def unwind(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
