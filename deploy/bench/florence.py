"""What the benchmark of Florence-2 measures, in which order, and how much of everything."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.bench.florence_service import (
    FlorenceService,
    measure_four_tasks_in_service,
    measure_service,
)
from deploy.bench.stack import BenchStack
from workers.bench.florence2_lab import TASKS, VARIANT, Florence2Lab
from workers.bench.florence2_ratios import (
    measure_batches,
    measure_four_tasks,
    measure_kept_features,
    measure_kv_cache,
)


@dataclass(frozen=True)
class FlorencePlan:
    """How much of everything.

    Attributes:
        batch_sizes: of the adapter's calls, growing from 1.
        batch_pictures: pictures of one turn of each batch size; a multiple of all of them.
        service_pictures: pictures of one turn through the service.
        rounds: how often contenders that are measured over several pictures take turns.
        single_rounds: the same for those that are measured over one.
    """

    batch_sizes: Sequence[int]
    batch_pictures: int
    service_pictures: int
    rounds: int
    single_rounds: int


FULL = FlorencePlan((1, 4, 8, 16), 16, 48, 3, 15)
QUICK = FlorencePlan((1, 4), 4, 8, 1, 2)


def measure_florence(plan: FlorencePlan, folder: Path) -> dict[str, float]:
    """Every figure, by name; the machine's load average before it began is one of them.

    What is called directly runs in this process, while the stack's worker has nothing to do.
    """
    figures = {"load_before": os.getloadavg()[0]}
    lab = Florence2Lab()
    figures |= measure_batches(lab, plan.batch_sizes, plan.rounds, plan.batch_pictures)
    figures |= measure_four_tasks(lab, plan.single_rounds)
    figures |= measure_kept_features(lab, plan.single_rounds)
    figures |= measure_kv_cache(lab, plan.single_rounds)
    with BenchStack(folder, variants=(VARIANT.id,)) as stack:
        service = FlorenceService(stack)
        _warm_up(service, lab)
        figures |= measure_four_tasks_in_service(
            service, lab, plan.rounds, plan.service_pictures // 2
        )
        figures |= measure_service(service, lab, plan.rounds, plan.service_pictures)
    return figures


def _warm_up(service: FlorenceService, lab: Florence2Lab) -> None:
    """Connections, statements and kernels are there before anything is timed."""
    service.look(service.upload(lab.pictures(8)), [TASKS])
    for picture in lab.pictures(2):
        lab.stock.answer(picture, TASKS[0])
