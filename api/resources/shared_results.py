"""Results that many requests await at the same moment: each is made once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedResults(Generic[T]):
    """Results by key, of coroutines that run once for all who ask meanwhile or soon after."""

    def __init__(self, *, keep_seconds: float) -> None:
        """Share results.

        Args:
            keep_seconds: the time for which a result is kept; 0 shares it with those alone who
                asked before it was there. Errors and None are never kept.
        """
        self._keep_seconds = keep_seconds
        self._tasks: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The result of a key, by `make` when nobody has asked for it lately.

        A caller that is cancelled cancels nobody else's result.
        """
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(_run(make))
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(task)

    def _keep(self, key: Hashable, task: asyncio.Task[T]) -> None:
        failed = task.cancelled() or task.exception() is not None
        if failed or task.result() is None or not self._keep_seconds:
            self._tasks.pop(key, None)
        else:
            asyncio.get_running_loop().call_later(self._keep_seconds, self._tasks.pop, key, None)


async def _run(make: Callable[[], Awaitable[T]]) -> T:
    return await make()
