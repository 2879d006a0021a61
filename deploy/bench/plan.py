"""The service's benchmark: its measurements in order, their sizes, and their goals."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.bench.claim import measure_claim
from deploy.bench.idle import measure_device_idle
from deploy.bench.latency import measure_latency
from deploy.bench.stack import BenchStack
from deploy.bench.throughput import measure_throughput


@dataclass(frozen=True)
class Plan:
    """The sizes of the measurements.

    Attributes:
        latency_jobs: jobs of each model, submitted one after the other.
        idle_jobs: the backlog for measuring the device's idle time.
        rounds: rounds of the service and plain Celery in turn.
        round_jobs: no-op jobs per round.
        backlogs: numbers of queued jobs for measuring the claim, ascending.
    """

    latency_jobs: int
    idle_jobs: int
    rounds: int
    round_jobs: int
    backlogs: Sequence[int]


FULL = Plan(100, 400, 3, 1500, (1_000, 100_000, 1_000_000))
QUICK = Plan(10, 48, 1, 100, (1_000, 5_000))


@dataclass(frozen=True)
class Goal:
    """The limit that a figure should keep.

    Attributes:
        figure: the name of the figure.
        limit: the limit.
        at_most: true for an upper limit, false for a lower one.
    """

    figure: str
    limit: float
    at_most: bool = True

    def met(self, figures: dict[str, float]) -> bool:
        """True when the figure keeps the limit."""
        value = figures[self.figure]
        return value <= self.limit if self.at_most else value >= self.limit


GOALS = (
    Goal("noop_submit_to_start_p50_seconds", 0.030),
    Goal("jobs_per_second_ratio", 0.5, at_most=False),
    Goal("claim_ratio", 1.5),
    Goal("device_idle_fraction", 0.05),
)


def measure(plan: Plan, folder: Path) -> dict[str, float]:
    """Measure all figures by name, together with the machine's load average at the start."""
    figures = {"load_before": os.getloadavg()[0]}
    with BenchStack(folder) as stack:
        figures |= measure_latency(stack, plan.latency_jobs)
        figures |= measure_device_idle(stack, plan.idle_jobs)
        figures |= measure_throughput(stack, plan.round_jobs, plan.rounds)
        # Last, because its rows remain in the table.
        figures |= measure_claim(stack.database_url, plan.backlogs)
    return figures
