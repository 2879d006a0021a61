"""SIGTERM for commands that end by themselves: it stops them like Ctrl-C."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def raising_on_sigterm() -> Iterator[None]:
    """SIGTERM raises `SystemExit` in the block, so that its processes and files are cleaned up.

    The exit status is 143, as in shells. A second signal does not interrupt the cleanup.
    """

    def unwind(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
