"""What batches, several tasks in a job, kept features and the KV cache each bring, as ratios."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from PIL.Image import Image

from workers.bench.florence2_lab import TASKS, Florence2Lab, ask, ask_in_batches, plain_name
from workers.bench.interleaving import medians, seconds_of

FOUR_TASKS = ("<CAPTION>", "<DETAILED_CAPTION>", "<OD>", "<OCR>")


def measure_batches(
    lab: Florence2Lab, sizes: Sequence[int], rounds: int, pictures: int
) -> dict[str, float]:
    """Pictures a second of the adapter by task and batch size, and each over batches of one.

    Args:
        lab: the models.
        sizes: batch sizes, the first of them 1.
        rounds: how often all sizes take their turn, with the same pictures.
        pictures: of each size's turn; a multiple of every size.
    """
    figures: dict[str, float] = {}
    for task in TASKS:
        drawn = lab.pictures(pictures)
        rates = medians(rounds, {f"batch_{n}": _rate(lab, drawn, task, n) for n in sizes})
        for size, rate in rates.items():
            figures[f"{plain_name(task)}_{size}_pictures_per_second"] = rate
        for size, rate in list(rates.items())[1:]:
            figures[f"{plain_name(task)}_{size}_ratio"] = rate / rates["batch_1"]
    return figures


def _rate(
    lab: Florence2Lab, pictures: Sequence[Image], task: str, size: int
) -> Callable[[], float]:
    asked = partial(ask_in_batches, lab.adapter, pictures, (task,), size)
    return lambda: len(pictures) / seconds_of(asked)


def measure_four_tasks(lab: Florence2Lab, rounds: int) -> dict[str, float]:
    """Seconds of four tasks on one picture through the adapter: in one job, and in four.

    No features are kept, so each of the four jobs encodes the picture anew.
    """

    def in_four_jobs(picture: Image) -> None:
        for task in FOUR_TASKS:
            ask(lab.adapter, [picture], (task,))

    pictures = lab.pictures(rounds)
    one, four = iter(pictures), iter(pictures)
    seconds = medians(
        rounds,
        {
            "one": lambda: seconds_of(partial(ask, lab.adapter, [next(one)], FOUR_TASKS)),
            "four": lambda: seconds_of(partial(in_four_jobs, next(four))),
        },
    )
    return {
        "four_tasks_in_one_job_p50_seconds": seconds["one"],
        "four_tasks_in_four_jobs_p50_seconds": seconds["four"],
        "four_tasks_ratio": seconds["four"] / seconds["one"],
    }


def measure_kept_features(lab: Florence2Lab, rounds: int) -> dict[str, float]:
    """Seconds of a picture that is looked at for the first time, and again at once."""

    def look(pictures: Iterator[Image], task: str) -> Callable[[], float]:
        return lambda: seconds_of(partial(ask, lab.keeping, [next(pictures)], (task,)))

    figures: dict[str, float] = {}
    for task in TASKS:
        pictures = lab.pictures(rounds)
        turns = {state: look(iter(pictures), task) for state in ("fresh", "kept")}
        seconds = medians(rounds, turns)
        name = f"{plain_name(task)}_features"
        figures |= {f"{name}_{state}_p50_seconds": value for state, value in seconds.items()}
        figures[f"{name}_ratio"] = seconds["fresh"] / seconds["kept"]
    return figures


def measure_kv_cache(lab: Florence2Lab, rounds: int) -> dict[str, float]:
    """Seconds of one picture through `generate` with its KV cache and without.

    Raises:
        RuntimeError: the tokens were not the same.
    """
    figures: dict[str, float] = {}
    for task in TASKS:
        pictures = lab.pictures(rounds)
        cached, anew = (_Generation(lab, iter(pictures), task, cached=c) for c in (True, False))
        seconds = medians(rounds, {"on": cached.seconds, "off": anew.seconds})
        if not all(map(torch.equal, cached.told, anew.told)):
            raise RuntimeError(f"{task}: other tokens without the KV cache")
        name = f"{plain_name(task)}_kv_cache"
        figures |= {f"{name}_{state}_p50_seconds": value for state, value in seconds.items()}
        figures[f"{name}_ratio"] = seconds["off"] / seconds["on"]
    return figures


class _Generation:
    """One picture after another through `generate`, and the tokens that came out."""

    def __init__(
        self, lab: Florence2Lab, pictures: Iterator[Image], task: str, *, cached: bool
    ) -> None:
        self._lab = lab
        self._pictures = pictures
        self._task = task
        self._cached = cached
        self.told: list[torch.Tensor] = []

    def seconds(self) -> float:
        return seconds_of(self._generate)

    def _generate(self) -> None:
        picture = next(self._pictures)
        self.told.append(self._lab.stock.tokens([picture], self._task, use_cache=self._cached))
