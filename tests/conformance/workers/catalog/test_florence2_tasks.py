"""Every task of Florence-2 with real weights: its answers, alone and in any batch."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.support.florence2 import (
    BOX,
    DEMO,
    SIZE,
    Json,
    first_result,
    loaded_demo,
    look,
    overlap,
    red_circle,
    task_input,
    work,
)
from workers.adapters.florence2.adapter import Florence2Adapter
from workers.catalog.florence2.tasks import TASKS, Florence2Task

every_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def demo() -> Florence2Adapter:
    return loaded_demo()


def numbers(value: Any) -> list[float]:
    """Every number in a value."""
    if isinstance(value, list):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, int | float) else []


@every_task
@pytest.mark.parametrize("beams", [1, 3])
def test_every_task_is_answered_greedy_and_by_beams(
    demo: Florence2Adapter, task: Florence2Task, beams: int
) -> None:
    told = first_result(demo, task=task.token, num_beams=beams, **task_input(task))
    assert (told["task"], list(told["result"])) == (task.token, [task.token])
    assert (told["finish_reason"], told["warnings"]) == ("stop", [])
    assert all(0 < score <= 1 for score in told["scores"])
    check_value(task, told)


def check_value(task: Florence2Task, told: Json) -> None:
    value = told["result"][task.token]
    assert ("text" in told) == (task.takes_region and not task.outlines)
    if isinstance(value, str):
        assert len(told["scores"]) == 1
        assert "<" not in told.get("text", value)
        return
    places = [value.get(key, []) for key in ("bboxes", "quad_boxes", "polygons")]
    assert len(told["scores"]) == sum(map(len, places))
    assert all(0 <= number <= max(SIZE) for number in numbers(places))


def test_the_outline_of_a_phrase_is_where_the_thing_is(demo: Florence2Adapter) -> None:
    told = first_result(demo, task="referring_expression_segmentation", text="a red circle")
    check_outline(told["result"]["<REFERRING_EXPRESSION_SEGMENTATION>"])


def test_the_outline_of_a_region_is_where_the_thing_is(demo: Florence2Adapter) -> None:
    told = first_result(demo, task="region_to_segmentation", region=list(BOX))
    check_outline(told["result"]["<REGION_TO_SEGMENTATION>"])


def check_outline(value: Json) -> None:
    [[points]] = value["polygons"]
    around = (min(points[0::2]), min(points[1::2]), max(points[0::2]), max(points[1::2]))
    assert overlap(around, BOX) > 0.7


def test_a_region_is_named_and_described(demo: Florence2Adapter) -> None:
    tasks = ["region_to_category", "region_to_description"]
    kind, words = look(demo, work(tasks=tasks, region=list(BOX)))[0]["results"]
    assert kind["text"] == "circle"
    assert "red circle" in words["text"]
    assert kind["result"]["<REGION_TO_CATEGORY>"].startswith("circle<loc_")


def test_text_and_region_tasks_mix_in_one_job(demo: Florence2Adapter) -> None:
    tasks = [TASKS[0], *(task for task in TASKS if task.takes_region or task.takes_text)]
    given = {"text": "red circle", "region": list(BOX)}
    together = look(demo, work(tasks=[task.token for task in tasks], **given))[0]["results"]
    for task, told in zip(tasks, together, strict=True):
        assert told["result"] == first_result(demo, task=task.token, **task_input(task))["result"]


@every_task
@pytest.mark.parametrize("beams", [1, 3])
def test_a_batch_of_unlike_prompts_answers_as_each_alone(
    demo: Florence2Adapter, task: Florence2Task, beams: int
) -> None:
    regions = [BOX, (0, 0, 320, 240), (7, 200, 9.5, 210)]
    works = [
        work(red_circle(shade), task=task.token, num_beams=beams, **given)
        for shade, region in zip(
            [(250, 250, 250), (18, 18, 18), (150, 150, 150)], regions, strict=True
        )
        for given in [
            {**task_input(task, region), **longer(task, len(regions) - regions.index(region))}
        ]
    ]
    together = look(demo, *works)
    alone = [look(demo, each)[0] for each in works]
    assert [results(data) for data in together] == [results(data) for data in alone]


def longer(task: Florence2Task, times: int) -> Json:
    text = " and ".join(["a red circle"] * times)
    return {"text": text} if task.takes_text else {}


def results(data: Json) -> Any:
    return [told["result"] for told in data["results"]]


@every_task
def test_a_kept_picture_is_answered_as_a_new_one(
    demo: Florence2Adapter, task: Florence2Task
) -> None:
    fresh = work(task=task.token, **task_input(task))
    demo._features.clear()
    first = look(demo, fresh)
    assert look(demo, fresh) == first


def test_a_static_cache_answers_as_the_growing_one(
    demo: Florence2Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = ["caption", "object_detection", "region_to_segmentation"]
    asked = [
        work(red_circle(shade), tasks=tasks, region=list(BOX))
        for shade in [(250, 250, 250), (18, 18, 18)]
    ]
    growing = look(demo, *asked)
    monkeypatch.setattr(
        type(demo._generation), "_is_compiled", lambda _self, parameters: parameters.num_beams == 1
    )
    assert "cache_implementation" in demo._generation.arguments(TASKS[0], asked[0].parameters)
    static = look(demo, *asked)
    assert [results(data) for data in static] == [results(data) for data in growing]


def test_the_demo_serves_every_task() -> None:
    assert DEMO.tasks == tuple(task.token for task in TASKS)
    assert len(TASKS) == 15
