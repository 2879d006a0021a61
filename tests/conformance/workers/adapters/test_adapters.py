"""The promises of `workers.adapters.protocol`, checked on every adapter with real weights."""

import json
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from tests.conformance.workers.adapters.tiny_klein import save_tiny_klein
from workers.adapters.protocol import (
    Adapter,
    Economical,
    OutOfMemoryError,
    Output,
    Stopped,
    Unloading,
    Work,
)
from workers.adapters.registry import ADAPTERS, make_adapter
from workers.adapters.weights import override_variable
from workers.catalog import Variant, find, variants

LEVELS = 4
"""Highest difference of a channel (0 to 255) between a picture painted alone and in a batch.

The matrix products of a batch add up in another order. Measured in bfloat16 on the CPU: 2."""


@dataclass(frozen=True)
class Case:
    """A variant under test, jobs for it, and one that is too large for any memory."""

    variant: Variant
    works: Callable[[int], list[Work]]
    too_large: Work
    steps: int
    overrides: dict[str, str] = field(default_factory=dict)


def paint(variant: Variant, size: int, count: int) -> list[Work]:
    prompts = ("a red circle", "a green star", "a blue square", "a white triangle")
    return [
        Work(variant.parameters(prompt=prompts[i % 4], seed=100 + i, width=size, height=size))
        for i in range(count)
    ]


def scene(number: int) -> Image.Image:
    picture = Image.new("RGB", (300, 240), (250, 250, 250))
    left = 20 + 50 * number
    colour = [(214, 38, 38), (40, 160, 60), (40, 80, 220), (18, 18, 18)][number % 4]
    ImageDraw.Draw(picture).ellipse((left, 60, left + 90, 150), fill=colour)
    return picture


def look(count: int, **changes: Any) -> list[Work]:
    parameters = find("florence-2-demo").parameters(
        image="file_1", tasks=["caption", "object_detection", "ocr"]
    )
    parameters = parameters.model_copy(update=changes)
    return [Work(parameters, {"image": [scene(i)]}) for i in range(count)]


def flux_case(variant: Variant, size: int, **overrides: str) -> Case:
    works = paint(variant, size, 1)
    huge = works[0].parameters.model_copy(update={"width": 1 << 20, "height": 1 << 20})
    return Case(variant, lambda n: paint(variant, size, n), Work(huge), 4, overrides)


def make_case(name: str, folder: Any) -> Case:
    if name == "flux.1-demo":
        return flux_case(find(name), 256)
    if name == "florence-2-demo":
        return Case(find(name), look, look(1, num_beams=10**13)[0], 3)
    save_tiny_klein(folder)
    return flux_case(find(name), 64, **{override_variable(name): str(folder)})


@pytest.fixture(scope="module", params=["flux.1-demo", "flux.2-klein-4b", "florence-2-demo"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    return make_case(request.param, tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def adapter(case: Case) -> Adapter:
    made = make_adapter(case.variant, "cpu", case.overrides)
    made.load()
    return made


def never() -> bool:
    return False


def unreported(_step: int, _steps: int) -> None:
    pass


def differences(one: Output, other: Output) -> int:
    """The largest difference of two outputs: of channels, or 1000 where words or boxes differ."""
    pairs = zip(one.images, other.images, strict=True)
    levels = [
        np.abs(np.asarray(a.image, dtype=int) - np.asarray(b.image, dtype=int)).max()
        for a, b in pairs
    ]
    return max([*levels, 0 if answers(one) == answers(other) else 1000])


def answers(output: Output) -> Any:
    return [answer["result"] for answer in (output.data or {}).get("results", ())]


def test_every_row_of_the_catalogue_has_an_adapter() -> None:
    assert {row.adapter for row in variants()} == set(ADAPTERS)


def test_there_is_one_output_per_work_in_order(case: Case, adapter: Adapter) -> None:
    works = case.works(4)
    outputs = adapter.run(works, unreported, never)
    alone = [adapter.run([work], unreported, never)[0] for work in works]
    assert len(outputs) == 4
    for number, output in enumerate(outputs):
        nearest = [differences(output, other) for other in alone]
        assert int(np.argmin(nearest)) == number
        assert sorted(nearest)[1] > LEVELS  # or the works were too alike to tell


def test_the_result_does_not_depend_on_the_batch_mates(case: Case, adapter: Adapter) -> None:
    works = case.works(4)
    together = adapter.run(works, unreported, never)
    for work, output in zip(works, together, strict=True):
        alone = adapter.run([work], unreported, never)[0]
        assert differences(output, alone) <= LEVELS


def test_the_same_batch_again_gives_the_same_result(case: Case, adapter: Adapter) -> None:
    works = case.works(2)
    first = adapter.run(works, unreported, never)
    again = adapter.run(works, unreported, never)
    assert [differences(a, b) for a, b in zip(first, again, strict=True)] == [0, 0]


def test_progress_is_reported_after_every_step(case: Case, adapter: Adapter) -> None:
    seen: list[tuple[int, int]] = []
    adapter.run(case.works(2), lambda step, steps: seen.append((step, steps)), never)
    assert seen == [(step, case.steps) for step in range(1, case.steps + 1)]


def test_should_stop_is_asked_in_every_step(case: Case, adapter: Adapter) -> None:
    asked_by_step = [0] * (case.steps + 1)
    done = 0

    def report(step: int, _steps: int) -> None:
        nonlocal done
        done = step

    def should_stop() -> bool:
        asked_by_step[done] += 1
        return False

    adapter.run(case.works(1), report, should_stop)
    assert all(asked_by_step)


@pytest.mark.parametrize("step", [0, 1, 3])
def test_a_stop_takes_effect_within_one_step_and_the_next_batch_is_right(
    case: Case, adapter: Adapter, step: int
) -> None:
    works = case.works(2)
    expected = adapter.run(works, unreported, never)
    reports: list[int] = []
    with pytest.raises(Stopped):
        adapter.run(works, lambda at, _: reports.append(at), lambda: len(reports) >= step)
    assert len(reports) == step
    after = adapter.run(works, unreported, never)
    assert [differences(a, b) for a, b in zip(expected, after, strict=True)] == [0, 0]


def test_out_of_memory_is_named_and_the_next_batch_is_right(case: Case, adapter: Adapter) -> None:
    works = case.works(1)
    expected = adapter.run(works, unreported, never)
    with pytest.raises(OutOfMemoryError, match="memory of cpu"):
        adapter.run([case.too_large], unreported, never)
    assert differences(expected[0], adapter.run(works, unreported, never)[0]) == 0


def test_a_job_is_run_once_more_in_least_memory_with_the_same_result(
    case: Case, adapter: Adapter
) -> None:
    """As a worker does with a job that was out of memory alone."""
    run = adapter.run_in_least_memory if isinstance(adapter, Economical) else adapter.run
    work = case.works(1)[0]
    expected = adapter.run([work], unreported, never)[0]
    with pytest.raises(OutOfMemoryError):
        adapter.run([case.too_large], unreported, never)
    assert differences(expected, run([work], unreported, never)[0]) <= LEVELS
    with pytest.raises(OutOfMemoryError, match="memory of cpu"):
        run([case.too_large], unreported, never)
    assert differences(expected, adapter.run([work], unreported, never)[0]) == 0


def test_nothing_is_written_to_the_terminal(
    case: Case, adapter: Adapter, capfd: pytest.CaptureFixture[str]
) -> None:
    make_adapter(case.variant, "cpu", case.overrides).load()
    adapter.run(case.works(1), unreported, never)
    assert capfd.readouterr() == ("", "")


def test_data_is_plain_json(case: Case, adapter: Adapter) -> None:
    data = adapter.run(case.works(1), unreported, never)[0].data
    assert json.loads(json.dumps(data)) == data


def test_pictures_are_rgb_and_of_the_size_asked(case: Case, adapter: Adapter) -> None:
    output = adapter.run(case.works(1), unreported, never)[0]
    parameters = case.works(1)[0].parameters
    for painted in output.images:
        assert painted.image.mode == "RGB"
        assert painted.image.size == (parameters.width, parameters.height)


def test_an_adapter_that_gave_its_memory_back_answers_the_same_once_it_is_loaded(
    case: Case,
) -> None:
    made = make_adapter(case.variant, "cpu", case.overrides)
    assert isinstance(made, Unloading)
    made.load()
    works = case.works(1)
    expected = made.run(works, unreported, never)
    weights = weakref.ref(weights_of(made))
    made.unload()
    assert weights() is None
    made.load()
    assert differences(expected[0], made.run(works, unreported, never)[0]) == 0


def weights_of(adapter: Any) -> torch.nn.Module:
    """The largest part of a loaded adapter."""
    loaded = getattr(adapter, "_pipeline", None)
    module: torch.nn.Module = loaded.transformer if loaded else adapter._model
    return module
