"""A reading that many requests share for a moment."""

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from fastapi.concurrency import run_in_threadpool

T = TypeVar("T")

_SECONDS = 1.0


class CachedReading(Generic[T]):
    """Reads at most once a second, and once at a time, however many ask.

    An error is shared like a value: while a server is down, not every request waits for it.
    """

    def __init__(self, load: Callable[[], T]) -> None:
        self._load = load
        self._lock = asyncio.Lock()
        self._valid_until = 0.0
        self._value: T | None = None
        self._error: Exception | None = None

    async def read(self) -> T:
        """The value, at most one second old.

        Raises:
            Exception: as reading it did.
        """
        if time.monotonic() >= self._valid_until:
            async with self._lock:
                if time.monotonic() >= self._valid_until:
                    await self._refresh()
        if self._error is not None:
            raise self._error.with_traceback(None)
        return cast("T", self._value)  # set whenever there is no error

    async def _refresh(self) -> None:
        try:
            self._value, self._error = await run_in_threadpool(self._load), None
        except Exception as error:  # noqa: BLE001 - raised again for each who asks
            self._error = error
        self._valid_until = time.monotonic() + _SECONDS
