"""Pictures per second of Florence-2 through the whole service, and without the service."""

import io
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from PIL.Image import Image

from deploy.bench.client import BenchClient
from deploy.bench.stack import CLIENTS, BenchStack
from workers.bench.florence2_harness import (
    TASKS,
    VARIANT,
    Florence2Harness,
    predict_in_batches,
    task_slug,
)
from workers.bench.florence2_ratios import FOUR_TASKS
from workers.bench.interleaving import elapsed_seconds, interleaved_medians

Results = list[list[Any]]
"""The results of all jobs about each picture, in the order of the pictures."""


class FlorenceService:
    """A client of the stack's Florence-2, as eight tenants that divide the pictures."""

    def __init__(self, stack: BenchStack) -> None:
        self._stack = stack

    def upload(self, pictures: Sequence[Image]) -> list[str]:
        """Upload pictures; returns their file ids. Picture i belongs to tenant i % 8."""
        return self._run_shares(self._upload_share, pictures)

    def analyze(self, file_ids: Sequence[str], jobs: Sequence[Sequence[str]]) -> Results:
        """Run jobs on each picture; each tenant submits all of its jobs before it reads a result.

        Args:
            file_ids: the result of `upload`.
            jobs: the tasks of each job about one picture.
        """
        return self._run_shares(partial(self._analyze_share, jobs), file_ids)

    @staticmethod
    def _upload_share(client: BenchClient, pictures: Sequence[Image]) -> list[str]:
        return [client.upload(_png(picture)) for picture in pictures]

    @staticmethod
    def _analyze_share(
        jobs: Sequence[Sequence[str]], client: BenchClient, file_ids: Sequence[str]
    ) -> Results:
        submitted = [
            [client.submit(VARIANT.id, {"image": id_, "tasks": tasks})["id"] for tasks in jobs]
            for id_ in file_ids
        ]
        return [
            [result for id_ in ids for result in client.wait_for_success(id_)["output"]["results"]]
            for ids in submitted
        ]

    def _run_shares(
        self, run: Callable[[BenchClient, Sequence[Any]], list[Any]], items: Sequence[Any]
    ) -> list[Any]:
        """Run a function with every client's share of the items in parallel; results in order."""

        def run_share(number: int) -> list[Any]:
            with self._stack.client(number) as client:
                return run(client, items[number::CLIENTS])

        with ThreadPoolExecutor(CLIENTS) as pool:
            shares = [iter(share) for share in pool.map(run_share, range(CLIENTS))]
        return [next(shares[index % CLIENTS]) for index in range(len(items))]


def _png(picture: Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def measure_service(
    service: FlorenceService, harness: Florence2Harness, rounds: int, pictures: int
) -> dict[str, float]:
    """Measure pictures per second of the service, the stock classes, and the adapter in batches.

    The stock classes run picture by picture. Every round has new pictures, the same for all three.
    The time of the service is from the first POST to the last response.

    Returns:
        By task the three rates, the ratios of the service's rate to the others, and the fraction
        of the pictures for which the service and the stock classes have the same answer.
    """
    figures: dict[str, float] = {}
    for task in TASKS:
        figures |= _ServiceComparison(service, harness, task, rounds, pictures).figures()
    return figures


class _ServiceComparison:
    """The three candidates for one task, with new pictures for every round."""

    def __init__(
        self,
        service: FlorenceService,
        harness: Florence2Harness,
        task: str,
        rounds: int,
        pictures: int,
    ) -> None:
        self._service = service
        self._harness = harness
        self._task = task
        self._rounds = rounds
        self._drawn = [harness.new_pictures(pictures) for _ in range(rounds)]
        self._service_answers: list[Any] = []
        self._stock_answers: list[Any] = []

    def figures(self) -> dict[str, float]:
        uploaded = [self._service.upload(pictures) for pictures in self._drawn]
        rates = interleaved_medians(
            self._rounds,
            {
                "service": self._candidate(self._run_service, uploaded),
                "bare": self._candidate(self._run_stock, self._drawn),
                "adapter": self._candidate(self._run_adapter, self._drawn),
            },
        )
        name = task_slug(self._task)
        figures = {f"{name}_{path}_pictures_per_second": rate for path, rate in rates.items()}
        return figures | {
            f"{name}_service_over_bare_ratio": rates["service"] / rates["bare"],
            f"{name}_service_over_adapter_ratio": rates["service"] / rates["adapter"],
            f"{name}_answers_as_bare_fraction": self._agreement(),
        }

    def _candidate(
        self, run: Callable[[Sequence[Any]], None], rounds: Sequence[Sequence[Any]]
    ) -> Callable[[], float]:
        """A function that measures the pictures per second of the next round's pictures."""
        remaining: Iterator[Sequence[Any]] = iter(rounds)

        def measure() -> float:
            inputs = next(remaining)
            return len(inputs) / elapsed_seconds(partial(run, inputs))

        return measure

    def _run_service(self, file_ids: Sequence[str]) -> None:
        answers = self._service.analyze(file_ids, [(self._task,)])
        self._service_answers += [results[0]["result"][self._task] for results in answers]

    def _run_stock(self, pictures: Sequence[Image]) -> None:
        self._stock_answers += [self._harness.stock.answer(one, self._task) for one in pictures]

    def _run_adapter(self, pictures: Sequence[Image]) -> None:
        predict_in_batches(self._harness.adapter, pictures, (self._task,), VARIANT.max_batch)

    def _agreement(self) -> float:
        pairs = zip(self._service_answers, self._stock_answers, strict=True)
        return statistics.fmean(bool(ours == theirs) for ours, theirs in pairs)


def measure_four_tasks_in_service(
    service: FlorenceService, harness: Florence2Harness, rounds: int, pictures: int
) -> dict[str, float]:
    """Measure the service's pictures per second with four tasks each, in one job and in four.

    The worker caches features, so four jobs about one picture encode it only once if they follow
    each other closely.
    """

    def candidate(jobs: Sequence[Sequence[str]]) -> Callable[[], float]:
        uploads = iter([service.upload(harness.new_pictures(pictures)) for _ in range(rounds)])
        return lambda: pictures / elapsed_seconds(partial(service.analyze, next(uploads), jobs))

    rates = interleaved_medians(
        rounds,
        {
            "one_job": candidate([FOUR_TASKS]),
            "four_jobs": candidate([(task,) for task in FOUR_TASKS]),
        },
    )
    figures = {f"service_four_tasks_in_{n}_pictures_per_second": r for n, r in rates.items()}
    return figures | {"service_four_tasks_ratio": rates["one_job"] / rates["four_jobs"]}
