"""What the benchmark of FLUX measures, in which order, and how much of everything."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.bench.flux_service import FluxService, measure_service
from deploy.bench.idle import measure_device_idle
from deploy.bench.plan import Goal
from deploy.bench.stack import CLIENTS, BenchStack
from workers.bench.flux_lab import VARIANT, FluxLab
from workers.bench.flux_ratios import measure_batches, measure_prompt_cache


@dataclass(frozen=True)
class FluxPlan:
    """How much of everything.

    Attributes:
        batch_sizes: of the adapter's calls, growing from 1.
        batch_pictures: pictures of one turn of each batch size; a multiple of all of them.
        service_pictures: pictures of one turn through the service.
        idle_pictures: the backlog that the device is watched under.
        rounds: how often contenders that are measured over several pictures take turns.
        single_rounds: the same for those that are measured over one.
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
    """Every figure, by name; the machine's load average before it began is one of them.

    What is called directly runs in this process, while the stack's worker has nothing to do.
    """
    figures = {"load_before": os.getloadavg()[0]}
    lab = FluxLab()
    figures |= measure_batches(lab, plan.batch_sizes, plan.rounds, plan.batch_pictures)
    figures |= measure_prompt_cache(lab, plan.single_rounds)
    with BenchStack(folder, variants=(VARIANT.id,)) as stack:
        service = FluxService(stack)
        # Connections, statements and kernels are there before anything is timed.
        service.paint(lab.orders(CLIENTS))
        figures |= measure_service(service, lab, plan.rounds, plan.service_pictures)
        figures |= measure_device_idle(stack, plan.idle_pictures)
    return figures
