"""A small cache that evicts the least recently used values."""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LeastRecentlyUsed(Generic[K, V]):
    """At most `size` values by key, of at most `max_weight` together; 0 stores none.

    Args:
        size: most values.
        max_weight: highest total weight; a value that is heavier alone is not stored.
        weigh: the weight of one value, the same at every call.
    """

    def __init__(
        self,
        size: int,
        *,
        max_weight: float = math.inf,
        weigh: Callable[[V], float] = lambda _value: 0,
    ) -> None:
        self._size = size
        self._most_weight = max_weight
        self._weigh = weigh
        self._weight = 0.0
        self._values: OrderedDict[K, V] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def get(self, key: K) -> V | None:
        """The value for a key, which is now the most recently used; None if there is none."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Store a value, and evict the least recently used ones if there are too many."""
        if key in self._values:
            self._weight -= self._weigh(self._values.pop(key))
        self._values[key] = value
        self._weight += self._weigh(value)
        while len(self._values) > self._size or self._weight > self._most_weight:
            _, evicted = self._values.popitem(last=False)
            self._weight -= self._weigh(evicted)

    def clear(self) -> None:
        """Evict everything."""
        self._values.clear()
        self._weight = 0.0
