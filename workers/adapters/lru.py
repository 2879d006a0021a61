"""A small cache that forgets what was used longest ago."""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LeastRecentlyUsed(Generic[K, V]):
    """At most `size` values by key, and together no more than `most_weight`; 0 keeps none.

    Args:
        size: how many values at most.
        most_weight: how much they may weigh in all; a value that is heavier alone is not kept.
        weigh: what one value weighs, the same at every asking.
    """

    def __init__(
        self,
        size: int,
        *,
        most_weight: float = math.inf,
        weigh: Callable[[V], float] = lambda _value: 0,
    ) -> None:
        self._size = size
        self._most_weight = most_weight
        self._weigh = weigh
        self._weight = 0.0
        self._values: OrderedDict[K, V] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def get(self, key: K) -> V | None:
        """The value kept for a key, which counts as used now; None if there is none."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keep a value, forgetting those used longest ago if there are too many."""
        if key in self._values:
            self._weight -= self._weigh(self._values.pop(key))
        self._values[key] = value
        self._weight += self._weigh(value)
        while len(self._values) > self._size or self._weight > self._most_weight:
            _, forgotten = self._values.popitem(last=False)
            self._weight -= self._weigh(forgotten)

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._weight = 0.0
