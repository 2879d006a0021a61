"""Speed-up ratios of batches, several tasks per job, cached features and the KV cache."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from PIL.Image import Image

from workers.bench.florence2_harness import (
    TASKS,
    Florence2Harness,
    predict,
    predict_in_batches,
    task_slug,
)
from workers.bench.interleaving import elapsed_seconds, interleaved_medians

FOUR_TASKS = ("<CAPTION>", "<DETAILED_CAPTION>", "<OD>", "<OCR>")


def measure_batches(
    harness: Florence2Harness, sizes: Sequence[int], rounds: int, pictures: int
) -> dict[str, float]:
    """Measure the adapter's pictures per second by task and batch size, and ratios to batch 1.

    Args:
        harness: the models.
        sizes: batch sizes, the first of them 1.
        rounds: measurements of each size, with the same pictures.
        pictures: pictures per measurement; a multiple of every size.
    """
    figures: dict[str, float] = {}
    for task in TASKS:
        drawn = harness.new_pictures(pictures)
        rates = interleaved_medians(
            rounds, {f"batch_{n}": _rate(harness, drawn, task, n) for n in sizes}
        )
        for size, rate in rates.items():
            figures[f"{task_slug(task)}_{size}_pictures_per_second"] = rate
        for size, rate in list(rates.items())[1:]:
            figures[f"{task_slug(task)}_{size}_ratio"] = rate / rates["batch_1"]
    return figures


def _rate(
    harness: Florence2Harness, pictures: Sequence[Image], task: str, size: int
) -> Callable[[], float]:
    run = partial(predict_in_batches, harness.adapter, pictures, (task,), size)
    return lambda: len(pictures) / elapsed_seconds(run)


def measure_four_tasks(harness: Florence2Harness, rounds: int) -> dict[str, float]:
    """Measure the adapter's seconds for four tasks on one picture, in one job and in four.

    No features are cached, so each of the four jobs encodes the picture again.
    """

    def in_four_jobs(picture: Image) -> None:
        for task in FOUR_TASKS:
            predict(harness.adapter, [picture], (task,))

    pictures = harness.new_pictures(rounds)
    one, four = iter(pictures), iter(pictures)
    seconds = interleaved_medians(
        rounds,
        {
            "one": lambda: elapsed_seconds(
                partial(predict, harness.adapter, [next(one)], FOUR_TASKS)
            ),
            "four": lambda: elapsed_seconds(partial(in_four_jobs, next(four))),
        },
    )
    return {
        "four_tasks_in_one_job_p50_seconds": seconds["one"],
        "four_tasks_in_four_jobs_p50_seconds": seconds["four"],
        "four_tasks_ratio": seconds["four"] / seconds["one"],
    }


def measure_feature_cache(harness: Florence2Harness, rounds: int) -> dict[str, float]:
    """Measure the seconds for a new picture, and for the same picture again."""

    def measure(pictures: Iterator[Image], task: str) -> Callable[[], float]:
        return lambda: elapsed_seconds(
            partial(predict, harness.caching_adapter, [next(pictures)], (task,))
        )

    figures: dict[str, float] = {}
    for task in TASKS:
        pictures = harness.new_pictures(rounds)
        candidates = {state: measure(iter(pictures), task) for state in ("fresh", "kept")}
        seconds = interleaved_medians(rounds, candidates)
        name = f"{task_slug(task)}_features"
        figures |= {f"{name}_{state}_p50_seconds": value for state, value in seconds.items()}
        figures[f"{name}_ratio"] = seconds["fresh"] / seconds["kept"]
    return figures


def measure_kv_cache(harness: Florence2Harness, rounds: int) -> dict[str, float]:
    """Measure the seconds of `generate` for one picture with the KV cache and without.

    Raises:
        RuntimeError: the tokens are not the same.
    """
    figures: dict[str, float] = {}
    for task in TASKS:
        pictures = harness.new_pictures(rounds)
        cached, uncached = (
            _Generation(harness, iter(pictures), task, cached=c) for c in (True, False)
        )
        seconds = interleaved_medians(rounds, {"on": cached.seconds, "off": uncached.seconds})
        if not all(map(torch.equal, cached.tokens, uncached.tokens)):
            raise RuntimeError(f"{task}: the tokens differ without the KV cache")
        name = f"{task_slug(task)}_kv_cache"
        figures |= {f"{name}_{state}_p50_seconds": value for state, value in seconds.items()}
        figures[f"{name}_ratio"] = seconds["off"] / seconds["on"]
    return figures


class _Generation:
    """Runs `generate` on one picture after another, and stores the tokens."""

    def __init__(
        self, harness: Florence2Harness, pictures: Iterator[Image], task: str, *, cached: bool
    ) -> None:
        self._harness = harness
        self._pictures = pictures
        self._task = task
        self._cached = cached
        self.tokens: list[torch.Tensor] = []

    def seconds(self) -> float:
        return elapsed_seconds(self._generate)

    def _generate(self) -> None:
        picture = next(self._pictures)
        self.tokens.append(
            self._harness.stock.tokens([picture], self._task, use_cache=self._cached)
        )
