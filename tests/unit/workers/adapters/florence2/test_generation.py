"""The arguments of `generate` for a task, its beams, the row and the device."""

from typing import Any

import pytest

from workers.adapters.florence2.generation import Generation
from workers.adapters.pinning import Device
from workers.catalog import find
from workers.catalog.florence2.tasks import BY_TOKEN, TASKS

LARGE = find("florence-2-large")
CUDA, CPU = Device("cuda"), Device("cpu")


def arguments(
    task: str = "<CAPTION>", *, device: Device = CUDA, beams: int = 1, tokens: int = 50, **row: Any
) -> dict[str, Any]:
    generation = Generation({**LARGE.options, **row}, device, positions=1024, begin=0)
    parameters = LARGE.parameters(image="x", task="<OCR>", num_beams=beams, max_new_tokens=tokens)
    return generation.arguments(BY_TOKEN[task], parameters)


def test_a_greedy_answer_is_compiled_on_a_gpu_where_the_row_says_so() -> None:
    told = arguments(compile_greedy=True)
    assert (told["cache_implementation"], told["max_cache_len"]) == ("static", 1024)


@pytest.mark.parametrize(
    "changes",
    [{"device": CPU, "compile_greedy": True}, {"beams": 3, "compile_greedy": True}, {}],
)
def test_all_others_are_not(changes: dict[str, Any]) -> None:
    assert "cache_implementation" not in arguments(**changes)


@pytest.mark.parametrize(
    ("device", "compiled", "jobs"), [(CUDA, True, [1, 1, 2]), (CUDA, False, [1]), (CPU, True, [1])]
)
def test_what_is_compiled_is_compiled_before_the_first_job(
    device: Device, *, compiled: bool, jobs: list[int]
) -> None:
    options = {**LARGE.options, "compile_greedy": compiled}
    calls = Generation(options, device, positions=1024, begin=0).warm_up_calls
    assert [count for count, _ in calls] == jobs
    assert all(changes == {"num_beams": 1} for _, changes in calls[1:])


def test_every_row_has_the_options_that_are_read() -> None:
    for variant_id in ("florence-2-base", "florence-2-large-ft", "florence-2-demo"):
        options = find(variant_id).options
        assert options["attention"] == "sdpa"
        assert options["picture_cache_bytes"] >= 64 * 577 * 1024 * 2  # the large one's, in bfloat16


def test_a_beam_search_ends_when_it_has_found_its_answers() -> None:
    assert arguments(beams=3)["early_stopping"] is True
    assert "early_stopping" not in arguments(beams=1)  # greedy: it has no meaning, and warns


def test_no_answer_is_longer_than_the_decoder_has_positions() -> None:
    generation = Generation(LARGE.options, CPU, positions=64, begin=0)
    parameters = LARGE.parameters(image="x", task="<OCR>", max_new_tokens=1023)
    assert generation.arguments(BY_TOKEN["<OCR>"], parameters)["max_new_tokens"] == 63


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_repetition_is_barred_where_only_sentences_are_expected(task: Any) -> None:
    sentences = {
        "<CAPTION>",
        "<DETAILED_CAPTION>",
        "<MORE_DETAILED_CAPTION>",
        "<REGION_TO_DESCRIPTION>",
    }
    expected = 3 if task.token in sentences else 0
    assert arguments(task.token)["no_repeat_ngram_size"] == expected
