"""The budget of decoding: bounded in pixels, threads and time, and shared fairly by tenants."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.values.decode_budget import DecodeBudget, DecodeLimits, DecodingBusyError
from tests.support.waiting import await_true

LIMITS = DecodeLimits(max_pixels=100, wait_seconds=30, max_pictures=12, max_pictures_per_tenant=6)
BRIEF = replace(LIMITS, wait_seconds=0.05)


class Decoding:
    """Pictures that are decoded until they are told to end, each in a thread of its own."""

    def __init__(self, budget: DecodeBudget, pool: ThreadPoolExecutor) -> None:
        self._budget = budget
        self._pool = pool
        self._ends: dict[str, threading.Event] = {}
        self._begun: list[str] = []

    def begin(self, name: str, tenant: str, pixels: int) -> Future[None]:
        end = self._ends[name] = threading.Event()
        waiting = len(self._budget._waiting) + len(self._budget._decoding)

        def decode() -> None:
            with self._budget.reserve(tenant, pixels):
                self._begun.append(name)
                assert end.wait(30)

        future = self._pool.submit(decode)
        assert await_true(lambda: self.present() > waiting or future.done())
        return future

    def present(self) -> int:
        return len(self._budget._waiting) + len(self._budget._decoding)

    def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()

    def have_begun(self, *names: str) -> bool:
        return await_true(lambda: set(self._begun) == set(names))


@pytest.fixture
def decoding() -> object:
    with ThreadPoolExecutor(12) as pool:
        yield Decoding(DecodeBudget(LIMITS), pool)


def test_pictures_beyond_the_pixels_wait_for_their_turn(decoding: Decoding) -> None:
    for name, tenant in (("a", "one"), ("b", "two"), ("c", "three")):
        decoding.begin(name, tenant, 50)
    assert decoding.have_begun("a", "b")
    decoding.end("a")
    assert decoding.have_begun("a", "b", "c")
    decoding.end("b", "c")


def test_one_tenant_has_half_of_the_pixels_and_others_go_past_it(decoding: Decoding) -> None:
    for name in ("a", "b", "c"):
        decoding.begin(name, "one", 25)
    decoding.begin("d", "two", 50)
    assert decoding.have_begun("a", "b", "d")
    decoding.end("a")
    assert decoding.have_begun("a", "b", "d", "c")
    decoding.end("b", "c", "d")


def test_a_picture_larger_than_everything_is_decoded_alone(decoding: Decoding) -> None:
    decoding.begin("large", "one", 10_000)
    decoding.begin("small", "two", 1)
    assert decoding.have_begun("large")
    decoding.end("large")
    assert decoding.have_begun("large", "small")
    decoding.end("small")


def test_small_pictures_do_not_go_past_a_large_one_that_waits(decoding: Decoding) -> None:
    decoding.begin("a", "one", 50)
    decoding.begin("large", "two", 80)
    decoding.begin("b", "three", 10)
    assert decoding.have_begun("a")
    decoding.end("a")
    assert decoding.have_begun("a", "large", "b")
    decoding.end("large", "b")


def test_a_picture_that_waits_too_long_is_refused_and_the_next_one_goes_on() -> None:
    budget = DecodeBudget(BRIEF)
    with budget.reserve("one", 60):
        began = time.monotonic()
        with pytest.raises(DecodingBusyError, match="try again"), budget.reserve("two", 60):
            pass
        assert 0.05 <= time.monotonic() - began < 5
        with budget.reserve("two", 40):
            pass
    assert (budget._waiting, budget._decoding) == ([], [])


def refused(reserve: Callable[[], object]) -> bool:
    try:
        reserve()
    except DecodingBusyError:
        return True
    return False


def test_pictures_that_would_hold_too_many_threads_are_refused_at_once(decoding: Decoding) -> None:
    names = [f"{tenant}{n}" for tenant in ("one", "two") for n in range(6)]
    for name in names:
        decoding.begin(name, name[:3], 50)
    budget = decoding._budget
    began = time.monotonic()
    assert refused(lambda: budget.reserve("one", 1).__enter__())
    assert refused(lambda: budget.reserve("three", 1).__enter__())
    assert time.monotonic() - began < 5
    decoding.end(*names)


def test_one_tenant_leaves_threads_to_the_others(decoding: Decoding) -> None:
    names = [f"a{n}" for n in range(6)]
    for name in names:
        decoding.begin(name, "one", 50)
    assert refused(lambda: decoding._budget.reserve("one", 1).__enter__())
    with decoding._budget.reserve("two", 50):
        pass
    decoding.end(*names)


def test_what_fails_while_it_is_decoded_gives_its_pixels_back() -> None:
    budget = DecodeBudget(BRIEF)
    with pytest.raises(ZeroDivisionError), budget.reserve("one", 100):
        raise ZeroDivisionError
    with budget.reserve("two", 100):
        assert budget._held() == 100


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["one", "two", "three"]), st.integers(1, 200))))
def test_no_order_of_pictures_exceeds_the_budget(pictures: list[tuple[str, int]]) -> None:
    budget = DecodeBudget(replace(LIMITS, wait_seconds=0))
    with ExitStack() as stack:
        for tenant, pixels in pictures:
            try:
                stack.enter_context(budget.reserve(tenant, pixels))
            except DecodingBusyError:
                continue
            held = budget._held(tenant)
            of_tenant = [each for each in budget._decoding if each.tenant_id == tenant]
            assert budget._held() <= LIMITS.max_pixels
            assert len(of_tenant) == 1 or held <= LIMITS.max_pixels // 2
    assert budget._held() == 0
