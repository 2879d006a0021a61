"""The models on a device: loads, evictions, and jobs that have to wait."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest

from workers.adapters.protocol import DeviceLostError, OutOfMemoryError, Output
from workers.adapters.serving.plan import ServingPlan
from workers.adapters.weights import WeightsError
from workers.catalog import find
from workers.runtime.model_cache import IDLE_SECONDS, BudgetError, Loading, ModelCache, ServedModel
from workers.runtime.models.load_failures import FIRST_SECONDS
from workers.runtime.models.problems import ModelNotLoadedError

A, B, C = "a", "b", "c"


@dataclass
class Model:
    """An adapter whose weights are a number of bytes in a made-up device."""

    name: str
    device: dict[str, int]
    size: int
    told: list[Loading | None] = field(default_factory=list)
    asks: Any = None

    def load(self) -> None:
        self.device[self.name] = self.size // 2
        if self.asks:
            self.told.append(self.asks().loading)
        self.device[self.name] = self.size

    def unload(self) -> None:
        self.device.pop(self.name, None)

    def run(self, *_: Any) -> list[Output]:
        return []


@dataclass
class Bench:
    """A device of 10 bytes and models on it."""

    model_cache: ModelCache
    device: dict[str, int]
    models: dict[str, Model]
    now: list[float]


def bench(
    budget: int | None = 10,
    stay: float = 60,
    *,
    pinned: str = "",
    idle: Mapping[str, float] = MappingProxyType({}),
    idle_seconds: float = 0,
    working: int = 0,
    **sizes: int,
) -> Bench:
    device: dict[str, int] = {}
    now = [1000.0]
    models = {name: Model(name, device, size) for name, size in sizes.items()}
    row = find("flux.1-demo")
    served = {
        name: ServedModel(
            replace(row, id=name, pinned=name in pinned, idle_seconds=idle.get(name)),
            model,
            ServingPlan(device_bytes=sizes[name], working_bytes=working),
        )
        for name, model in models.items()
    }
    model_cache = ModelCache(
        served,
        budget_bytes=budget,
        stay_seconds=stay,
        idle_seconds=idle_seconds,
        memory_bytes=lambda: sum(device.values()),
        clock=lambda: now[0],
    )
    model_cache.load_what_fits()
    return Bench(model_cache, device, models, now)


def test_what_fits_is_loaded_at_the_start_in_order() -> None:
    made = bench(a=6, b=6, c=4)
    assert list(made.model_cache.ids) == [A, C]
    assert made.device == {A: 6, C: 4}


def test_without_a_budget_everything_is_loaded() -> None:
    assert set(bench(budget=None, a=6, b=60).model_cache.ids) == {A, B}


def test_a_model_too_large_for_the_device_is_refused_before_any_is_loaded() -> None:
    with pytest.raises(BudgetError, match=r"b takes about 11 bytes.*may use 10"):
        bench(a=6, b=11)


def test_the_one_used_longest_ago_makes_room() -> None:
    made = bench(a=4, b=4, c=6)
    made.now[0] += 100
    made.model_cache.make_ready(A)
    made.model_cache.make_ready(C)
    assert set(made.device) == {A, C}


def test_no_more_go_than_must() -> None:
    made = bench(a=3, b=3, c=4, d=3)
    made.now[0] += 100
    made.model_cache.make_ready("d")
    assert set(made.device) == {B, C, "d"}


def test_a_model_that_is_here_is_not_loaded_again() -> None:
    made = bench(a=6)
    made.models[A].asks = lambda: made.model_cache
    made.model_cache.make_ready(A)
    assert made.models[A].told == []


def test_a_model_in_use_stays_for_a_while_and_then_goes() -> None:
    made = bench(a=6, b=6)
    assert made.model_cache.admits(A)
    for _ in range(59):
        made.now[0] += 1
        made.model_cache.make_ready(A)
        assert not made.model_cache.admits(B)
    made.now[0] += 1
    made.model_cache.make_ready(A)
    assert made.model_cache.admits(B)


def test_a_model_that_nobody_uses_goes_at_once() -> None:
    made = bench(a=6, b=6)
    made.now[0] += IDLE_SECONDS
    assert made.model_cache.admits(B)


def test_two_busy_queues_both_have_their_turns() -> None:
    made = bench(stay=10, a=6, b=6)
    turns = []
    for _ in range(60):
        made.now[0] += 1
        for name in (A, B):
            if made.model_cache.admits(name):
                made.model_cache.make_ready(name)
                turns.append(name)
    swaps = sum(one != other for one, other in pairwise(turns))
    assert turns.count(A) == pytest.approx(turns.count(B), abs=12)
    assert 4 <= swaps <= 7


def test_loading_is_told_by_the_memory_that_it_has_taken() -> None:
    made = bench(a=6, b=8)
    made.now[0] += 100
    made.models[B].asks = lambda: made.model_cache
    assert made.model_cache.loading is None
    made.model_cache.make_ready(B)
    assert made.models[B].told == [Loading(B, 0.5)]
    assert made.model_cache.loading is None


def fail(model: Model, error: Exception) -> None:
    """Make a model's load end with an error, with a half of its weights on the device."""

    def load() -> None:
        model.device[model.name] = model.size // 2
        raise error

    model.load = load  # type: ignore[method-assign]


def test_a_load_that_fails_leaves_room_for_the_next() -> None:
    made = bench(a=6, b=6)
    made.now[0] += 100
    fail(made.models[B], MemoryError())
    with pytest.raises(ModelNotLoadedError):
        made.model_cache.make_ready(B)
    assert made.model_cache.loading is None
    made.model_cache.make_ready(A)
    assert made.device == {A: 6}


def test_a_load_that_fails_is_not_tried_again_for_a_while() -> None:
    made = bench(a=6, b=6)
    made.now[0] += 100
    fail(made.models[B], OutOfMemoryError("full"))
    with pytest.raises(ModelNotLoadedError):
        made.model_cache.make_ready(B)
    assert not made.model_cache.admits(B)
    assert made.model_cache.admits(A)
    assert "b does not fit" in (made.model_cache.problem or "")
    told = made.model_cache.plans_as_json()
    assert "b does not fit" in told[B]["problem"]
    assert told[B]["retry_seconds"] == FIRST_SECONDS
    assert "problem" not in told[A]
    made.now[0] += FIRST_SECONDS
    assert made.model_cache.admits(B)
    del made.models[B].load
    made.model_cache.make_ready(B)
    assert made.model_cache.problem is None
    assert "problem" not in made.model_cache.plans_as_json()[B]


def starting(**errors: Exception) -> ModelCache:
    """A cache of models of which some cannot be loaded, at its start."""
    device: dict[str, int] = {}
    models = {name: Model(name, device, 4) for name in (A, B)}
    for name, error in errors.items():
        fail(models[name], error)
    row = find("flux.1-demo")
    return ModelCache(
        {name: ServedModel(replace(row, id=name), model) for name, model in models.items()}
    )


def test_a_model_that_cannot_be_loaded_at_the_start_does_not_stop_the_others() -> None:
    cache = starting(a=WeightsError("a: no such folder"))
    cache.load_what_fits()
    assert list(cache.ids) == [B]
    assert cache.problem == "a: no such folder"


def test_a_model_without_weights_tells_its_failure_too() -> None:
    hosted = replace(find("flux.2-pro"), id=A)
    model = Model(A, {}, 0)
    fail(model, WeightsError("a: no key"))
    cache = ModelCache({A: ServedModel(hosted, model)})
    assert cache.plans_as_json() == {}
    with pytest.raises(ModelNotLoadedError):
        cache.make_ready(A)
    assert cache.plans_as_json()[A]["problem"] == "a: no key"


def test_without_any_model_the_start_fails_by_the_first_reason() -> None:
    cache = starting(a=WeightsError("a: no such folder"), b=WeightsError("b: broken"))
    with pytest.raises(ModelNotLoadedError) as caught:
        cache.load_what_fits()
    assert caught.value.problem == "a: no such folder"


def test_a_device_lost_at_the_start_ends_it() -> None:
    with pytest.raises(DeviceLostError):
        starting(a=DeviceLostError("lost")).load_what_fits()


def test_a_call_has_room_beside_the_weights() -> None:
    made = bench(working=2, a=4, b=4, c=3)
    assert set(made.model_cache.ids) == {A, B}
    made.now[0] += 100
    made.model_cache.make_ready(C)
    assert set(made.device) == {B, C}
    with pytest.raises(BudgetError, match="a takes about 11 bytes"):
        bench(working=2, a=9)


def test_a_pinned_model_is_loaded_first_and_never_evicted() -> None:
    made = bench(pinned="b", a=7, b=3, c=6)
    assert made.model_cache.ids == (B, A)
    for name in (C, A, C):
        made.now[0] += 1000
        made.model_cache.make_ready(name)
        assert set(made.device) == {B, name}


def test_models_that_cannot_be_loaded_beside_a_pinned_one_are_refused_at_the_start() -> None:
    with pytest.raises(BudgetError, match=r"a takes about 11 bytes .* beside b, pinned, .*unpin"):
        bench(pinned="b", a=6, b=5)


def test_a_model_unused_for_its_time_gives_its_memory_back() -> None:
    made = bench(idle={A: 30}, a=4, b=4)
    made.now[0] += 29
    assert made.model_cache.unload_idle() == []
    made.model_cache.touch(A)
    made.now[0] += 29
    assert made.model_cache.unload_idle() == []
    made.now[0] += 1
    assert made.model_cache.unload_idle() == [A]
    assert made.device == {B: 4}
    made.model_cache.make_ready(A)
    assert made.device == {A: 4, B: 4}


def test_the_workers_time_is_for_rows_that_name_none_and_pinned_ones_stay() -> None:
    made = bench(pinned="c", idle={A: 1000}, idle_seconds=30, a=2, b=2, c=2)
    assert made.model_cache.shortest_idle_seconds == 30
    made.now[0] += 500
    assert made.model_cache.unload_idle() == [B]
    assert bench(a=1).model_cache.shortest_idle_seconds is None


def test_the_seconds_of_each_load_are_kept() -> None:
    made = bench(a=4)
    told = made.model_cache.plans_as_json()[A]
    assert (told["device_bytes"], told["load_seconds"]) == (4, 0.0)
