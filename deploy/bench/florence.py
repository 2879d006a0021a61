"""The Florence-2 benchmark: its measurements in order, and their sizes."""

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
from workers.bench.florence2_harness import TASKS, VARIANT, Florence2Harness
from workers.bench.florence2_ratios import (
    measure_batches,
    measure_feature_cache,
    measure_four_tasks,
    measure_kv_cache,
)


@dataclass(frozen=True)
class FlorencePlan:
    """The sizes of the measurements.

    Attributes:
        batch_sizes: batch sizes of the adapter, ascending from 1.
        batch_pictures: pictures per measurement of a batch size; a multiple of all of them.
        service_pictures: pictures per measurement of the service.
        rounds: rounds of measurements over several pictures.
        single_rounds: rounds of measurements over one picture.
    """

    batch_sizes: Sequence[int]
    batch_pictures: int
    service_pictures: int
    rounds: int
    single_rounds: int


FULL = FlorencePlan((1, 4, 8, 16), 16, 48, 3, 15)
QUICK = FlorencePlan((1, 4), 4, 8, 1, 2)


def measure_florence(plan: FlorencePlan, folder: Path) -> dict[str, float]:
    """Measure all figures by name, together with the machine's load average at the start.

    Direct calls of the model run in this process, while the stack's worker is idle.
    """
    figures = {"load_before": os.getloadavg()[0]}
    harness = Florence2Harness()
    figures |= measure_batches(harness, plan.batch_sizes, plan.rounds, plan.batch_pictures)
    figures |= measure_four_tasks(harness, plan.single_rounds)
    figures |= measure_feature_cache(harness, plan.single_rounds)
    figures |= measure_kv_cache(harness, plan.single_rounds)
    with BenchStack(folder, variants=(VARIANT.id,)) as stack:
        service = FlorenceService(stack)
        _warm_up(service, harness)
        figures |= measure_four_tasks_in_service(
            service, harness, plan.rounds, plan.service_pictures // 2
        )
        figures |= measure_service(service, harness, plan.rounds, plan.service_pictures)
    return figures


def _warm_up(service: FlorenceService, harness: Florence2Harness) -> None:
    """Open connections, prepare statements and select kernels before anything is timed."""
    service.analyze(service.upload(harness.new_pictures(8)), [TASKS])
    for picture in harness.new_pictures(2):
        harness.stock.answer(picture, TASKS[0])
