"""The progress of a load, shown to people: one line of a terminal, or a line every few seconds."""

import sys
import time
from typing import TextIO

from workers.adapters.load_progress import readable_bytes

PLAIN_SECONDS = 5.0
"""Interval of the lines where the output is no terminal."""

_RATE_SECONDS = 10.0
"""The time over which a rate is measured."""

_MINUTE, _HOUR = 60, 3600


class ProgressLine:
    """A line that is written anew on a terminal; elsewhere a new line every few seconds.

    Args:
        stream: where it is shown; standard error by default.
        every_seconds: the interval of lines where that is no terminal.
    """

    def __init__(self, stream: TextIO | None = None, every_seconds: float = PLAIN_SECONDS) -> None:
        self._stream = stream or sys.stderr
        self._every_seconds = every_seconds
        self._shown_at = float("-inf")
        self._width = 0

    def show(self, text: str) -> None:
        """Show a text in place of the last one."""
        if self._stream.isatty():
            self._stream.write(f"\r{text.ljust(self._width)}")
            self._width = len(text)
        elif time.monotonic() - self._shown_at >= self._every_seconds:
            self._stream.write(f"{text}\n")
            self._shown_at = time.monotonic()
        self._stream.flush()

    def close(self) -> None:
        """End the line of a terminal."""
        if self._width:
            self._stream.write("\n")
            self._stream.flush()
            self._width = 0


class LoadText:
    """The text about a load, with a rate measured from one call to the next."""

    def __init__(self) -> None:
        self._samples: list[tuple[float, int]] = []
        self._stage = ""

    def text(self, stage: str, done_bytes: int | None, total_bytes: int | None) -> str:
        """The stage, its bytes, the rate and the time left, as far as they are known."""
        if stage != self._stage:
            self._samples, self._stage = [], stage
        if not total_bytes:
            return stage
        done = min(done_bytes or 0, total_bytes)
        share = f"{stage} {readable_bytes(done)} of {readable_bytes(total_bytes)}"
        return f"{share} ({done / total_bytes:.0%}){self._speed(done, total_bytes - done)}"

    def _speed(self, done: int, left: int) -> str:
        now = time.monotonic()
        self._samples.append((now, done))
        self._samples = [each for each in self._samples if now - each[0] <= _RATE_SECONDS]
        seconds, received = now - self._samples[0][0], done - self._samples[0][1]
        if seconds <= 0 or received <= 0:
            return ""
        rate = received / seconds
        return f", {readable_bytes(rate)}/s, {readable_seconds(left / rate)} left"


def readable_seconds(seconds: float) -> str:
    """A time for people: "45 s", "12 min", "3.5 h"."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
