"""Pictures a second of Florence-2 through the whole service, beside the same without one."""

import io
import statistics
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from PIL.Image import Image

from deploy.bench.client import LeanClient
from deploy.bench.stack import CLIENTS, BenchStack
from workers.bench.florence2_lab import TASKS, VARIANT, Florence2Lab, ask_in_batches, plain_name
from workers.bench.florence2_ratios import FOUR_TASKS
from workers.bench.interleaving import medians, seconds_of

Answers = list[Any]
"""Of each picture in order, what its jobs answered: a list of results."""


class FlorenceService:
    """Asks the stack's Florence-2, as eight tenants that share the pictures among them."""

    def __init__(self, stack: BenchStack) -> None:
        self._stack = stack

    def upload(self, pictures: Sequence[Image]) -> list[str]:
        """Send pictures; their file ids. Each is then its tenant's: the picture's place mod 8."""
        return self._by_each_client(self._upload_share, pictures)

    def look(self, file_ids: Sequence[str], jobs: Sequence[Sequence[str]]) -> Answers:
        """Have jobs of these tasks answered about each picture, all submitted before any is read.

        Args:
            file_ids: of `upload`.
            jobs: the tasks of each job about one picture.
        """
        return self._by_each_client(partial(self._look_share, jobs), file_ids)

    @staticmethod
    def _upload_share(client: LeanClient, pictures: Sequence[Image]) -> list[str]:
        return [client.upload(_png(picture)) for picture in pictures]

    @staticmethod
    def _look_share(
        jobs: Sequence[Sequence[str]], client: LeanClient, file_ids: Sequence[str]
    ) -> Answers:
        submitted = [
            [client.submit(VARIANT.id, {"image": id_, "tasks": tasks})["id"] for tasks in jobs]
            for id_ in file_ids
        ]
        return [
            [told for id_ in own for told in client.finished(id_)["output"]["results"]]
            for own in submitted
        ]

    def _by_each_client(
        self, act: Callable[[LeanClient, Sequence[Any]], list[Any]], things: Sequence[Any]
    ) -> list[Any]:
        """Every client's act on its share of the things, at the same time; results in order."""

        def one(number: int) -> list[Any]:
            with self._stack.client(number) as client:
                return act(client, things[number::CLIENTS])

        with ThreadPoolExecutor(CLIENTS) as pool:
            shares = [iter(share) for share in pool.map(one, range(CLIENTS))]
        return [next(shares[place % CLIENTS]) for place in range(len(things))]


def _png(picture: Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def measure_service(
    service: FlorenceService, lab: Florence2Lab, rounds: int, pictures: int
) -> dict[str, float]:
    """Pictures a second through HTTP, by the stock classes one by one, by the adapter in batches.

    Every round has pictures that no worker has seen; those of one round are the same for all
    three. The service's seconds run from the first POST to the last answer read.

    Returns:
        By task the three rates, the service's over each of the others, and the fraction of the
        pictures about which the service said what the stock classes say.
    """
    figures: dict[str, float] = {}
    for task in TASKS:
        figures |= _ServiceTurns(service, lab, task, rounds, pictures).figures()
    return figures


class _ServiceTurns:
    """One task's three contenders, with fresh pictures for every round."""

    def __init__(
        self, service: FlorenceService, lab: Florence2Lab, task: str, rounds: int, pictures: int
    ) -> None:
        self._service = service
        self._lab = lab
        self._task = task
        self._rounds = rounds
        self._drawn = [lab.pictures(pictures) for _ in range(rounds)]
        self._told: dict[str, Answers] = {"service": [], "bare": []}

    def figures(self) -> dict[str, float]:
        uploaded = [self._service.upload(pictures) for pictures in self._drawn]
        rates = medians(
            self._rounds,
            {
                "service": self._turn(self._through_service, uploaded),
                "bare": self._turn(self._bare, self._drawn),
                "adapter": self._turn(self._through_adapter, self._drawn),
            },
        )
        name = plain_name(self._task)
        figures = {f"{name}_{who}_pictures_per_second": rate for who, rate in rates.items()}
        return figures | {
            f"{name}_service_over_bare_ratio": rates["service"] / rates["bare"],
            f"{name}_service_over_adapter_ratio": rates["service"] / rates["adapter"],
            f"{name}_answers_as_bare_fraction": self._agreement(),
        }

    def _turn(
        self, act: Callable[[Sequence[Any]], None], each_round: Sequence[Sequence[Any]]
    ) -> Callable[[], float]:
        """A contender: pictures a second of the next round's pictures."""
        coming: Iterator[Sequence[Any]] = iter(each_round)

        def turn() -> float:
            given = next(coming)
            return len(given) / seconds_of(partial(act, given))

        return turn

    def _through_service(self, file_ids: Sequence[str]) -> None:
        told = self._service.look(file_ids, [(self._task,)])
        self._told["service"] += [results[0]["result"][self._task] for results in told]

    def _bare(self, pictures: Sequence[Image]) -> None:
        self._told["bare"] += [self._lab.stock.answer(one, self._task) for one in pictures]

    def _through_adapter(self, pictures: Sequence[Image]) -> None:
        ask_in_batches(self._lab.adapter, pictures, (self._task,), VARIANT.max_batch)

    def _agreement(self) -> float:
        pairs = zip(self._told["service"], self._told["bare"], strict=True)
        return statistics.fmean(bool(ours == theirs) for ours, theirs in pairs)


def measure_four_tasks_in_service(
    service: FlorenceService, lab: Florence2Lab, rounds: int, pictures: int
) -> dict[str, float]:
    """Pictures a second through HTTP when four things are asked of each: in one job, in four.

    The worker keeps features, so four jobs about one picture encode it once where they follow
    each other closely.
    """

    def contender(jobs: Sequence[Sequence[str]]) -> Callable[[], float]:
        coming = iter([service.upload(lab.pictures(pictures)) for _ in range(rounds)])
        return lambda: pictures / seconds_of(partial(service.look, next(coming), jobs))

    rates = medians(
        rounds,
        {
            "one_job": contender([FOUR_TASKS]),
            "four_jobs": contender([(task,) for task in FOUR_TASKS]),
        },
    )
    figures = {f"service_four_tasks_in_{n}_pictures_per_second": r for n, r in rates.items()}
    return figures | {"service_four_tasks_ratio": rates["one_job"] / rates["four_jobs"]}
