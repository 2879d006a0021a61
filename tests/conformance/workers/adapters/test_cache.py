"""The cache that adapters keep encoded prompts and pictures in."""

from workers.adapters.lru import LeastRecentlyUsed


def test_what_was_used_longest_ago_is_forgotten() -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(2)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)


def test_a_cache_of_size_zero_keeps_nothing() -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(0)
    cache.put("a", 1)
    assert cache.get("a") is None


def test_a_cleared_cache_is_empty() -> None:
    cache: LeastRecentlyUsed[str, int] = LeastRecentlyUsed(2)
    cache.put("a", 1)
    cache.clear()
    assert cache.get("a") is None


def test_values_together_weigh_no_more_than_allowed() -> None:
    cache: LeastRecentlyUsed[str, str] = LeastRecentlyUsed(9, most_weight=5, weigh=len)
    cache.put("a", "aa")
    cache.put("b", "bb")
    cache.put("b", "b")
    cache.put("c", "cc")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("aa", "b", "cc")
    cache.put("d", "ddd")
    assert (cache.get("a"), cache.get("b"), cache.get("d")) == (None, None, "ddd")
    assert cache.get("c") == "cc"


def test_a_value_that_is_too_heavy_alone_is_not_kept() -> None:
    cache: LeastRecentlyUsed[str, str] = LeastRecentlyUsed(9, most_weight=5, weigh=len)
    cache.put("a", "aaaaaa")
    assert cache.get("a") is None
    cache.put("b", "bbbbb")
    assert cache.get("b") == "bbbbb"
