"""The FLUX benchmark: its measurements in order, their sizes, and their goals."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.bench.flux_service import FluxService, measure_service
from deploy.bench.idle import measure_device_idle
from deploy.bench.plan import Goal
from deploy.bench.stack import CLIENTS, BenchStack
from workers.bench.flux_harness import VARIANT, FluxHarness
from workers.bench.flux_ratios import measure_batches, measure_prompt_cache


@dataclass(frozen=True)
class FluxPlan:
    """The sizes of the measurements.

    Attributes:
        batch_sizes: batch sizes of the adapter, ascending from 1.
        batch_pictures: pictures per measurement of a batch size; a multiple of all of them.
        service_pictures: pictures per measurement of the service.
        idle_pictures: the backlog for measuring the device's idle time.
        rounds: rounds of measurements over several pictures.
        single_rounds: rounds of measurements over one picture.
    """

    batch_sizes: Sequence[int]
    batch_pictures: int
    service_pictures: int
    idle_pictures: int
    rounds: int
    single_rounds: int


FULL = FluxPlan((1, 2, 4, 8), 16, 64, 400, 3, 15)
QUICK = FluxPlan((1, 4), 4, 8, 48, 1, 2)

GOALS = (Goal("device_idle_fraction", 0.02),)


def measure_flux(plan: FluxPlan, folder: Path) -> dict[str, float]:
    """Measure all figures by name, together with the machine's load average at the start.

    Direct calls of the model run in this process, while the stack's worker is idle.
    """
    figures = {"load_before": os.getloadavg()[0]}
    harness = FluxHarness()
    figures |= measure_batches(harness, plan.batch_sizes, plan.rounds, plan.batch_pictures)
    figures |= measure_prompt_cache(harness, plan.single_rounds)
    with BenchStack(folder, variants=(VARIANT.id,)) as stack:
        service = FluxService(stack)
        # Open connections, prepare statements and select kernels before anything is timed.
        service.generate(harness.new_requests(CLIENTS))
        figures |= measure_service(service, harness, plan.rounds, plan.service_pictures)
        figures |= measure_device_idle(stack, plan.idle_pictures)
    return figures
