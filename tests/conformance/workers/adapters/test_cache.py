"""The cache of adapters for encoded prompts and pictures."""

from workers.adapters.lru import LeastRecentlyUsed


def test_the_least_recently_used_value_is_evicted() -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_a_cache_of_size_zero_stores_nothing() -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(0)
    cache.put("a", 1)
    assert cache.get("a") is None


def test_a_cleared_cache_is_empty() -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(2)
    cache.put("a", 1)
    cache.clear()
    assert cache.get("a") is None


def test_values_together_weigh_no_more_than_allowed() -> None:
    cache: LeastRecentlyUsed[str, str] = LeastRecentlyUsed(9, max_weight=5, weigh=len)
    cache.put("a", "aa")
    cache.put("b", "bb")
    cache.put("b", "b")
    cache.put("c", "cc")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("aa", "b", "cc")
    cache.put("d", "ddd")
    assert (cache.get("a"), cache.get("b"), cache.get("d")) == (None, None, "ddd")
    assert cache.get("c") == "cc"


def test_a_value_that_is_too_heavy_alone_is_not_stored() -> None:
    cache: LeastRecentlyUsed[str, str] = LeastRecentlyUsed(9, max_weight=5, weigh=len)
    cache.put("a", "aaaaaa")
    assert cache.get("a") is None
    cache.put("b", "bbbbb")
    assert cache.get("b") == "bbbbb"
