"""The most event streams and long polls that one key may have open in this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.core.domain_errors import TooManyStreamsError
from api.core.metrics import streams_refused


class WaiterLimits:
    """Counts what each key has open."""

    def __init__(self, *, streams: int, long_polls: int) -> None:
        """Count, up to a limit of each kind for each key."""
        self._limits = {"event streams": streams, "long polls": long_polls}
        self._open: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def stream(self, key_id: str) -> Iterator[None]:
        """Count an event stream while it is open.

        Raises:
            TooManyStreamsError: the key has as many open as it may.
        """
        with self._counted("event streams", key_id):
            yield

    @contextmanager
    def long_poll(self, key_id: str) -> Iterator[None]:
        """Count a long poll while it waits.

        Raises:
            TooManyStreamsError: the key has as many open as it may.
        """
        with self._counted("long polls", key_id):
            yield

    @contextmanager
    def _counted(self, kind: str, key_id: str) -> Iterator[None]:
        if self._open[kind, key_id] >= self._limits[kind]:
            streams_refused.labels(kind.replace(" ", "_")[:-1]).inc()
            raise TooManyStreamsError(kind, self._limits[kind])
        self._open[kind, key_id] += 1
        try:
            yield
        finally:
            self._open[kind, key_id] -= 1
            if not self._open[kind, key_id]:
                del self._open[kind, key_id]
