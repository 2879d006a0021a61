"""What the benchmark measures, in which order, and what it is held to."""

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
    """How much of everything.

    Attributes:
        latency_jobs: jobs of each model submitted one after the other.
        painted_jobs: the backlog of pictures that the device is watched under.
        rounds: how often the service and plain Celery take turns.
        round_jobs: no-op jobs of one turn.
        backlogs: queued jobs at which the claim is measured, growing.
    """

    latency_jobs: int
    painted_jobs: int
    rounds: int
    round_jobs: int
    backlogs: Sequence[int]


FULL = Plan(100, 400, 3, 1500, (1_000, 100_000, 1_000_000))
QUICK = Plan(10, 48, 1, 100, (1_000, 5_000))


@dataclass(frozen=True)
class Goal:
    """What a figure should reach.

    Attributes:
        at_most: whether the limit is the most or the least that the figure should be.
    """

    figure: str
    limit: float
    at_most: bool = True

    def met(self, figures: dict[str, float]) -> bool:
        """Whether the figure reaches it."""
        value = figures[self.figure]
        return value <= self.limit if self.at_most else value >= self.limit


GOALS = (
    Goal("noop_submit_to_start_p50_seconds", 0.030),
    Goal("jobs_per_second_ratio", 0.5, at_most=False),
    Goal("claim_ratio", 1.5),
    Goal("device_idle_fraction", 0.05),
)


def measure(plan: Plan, folder: Path) -> dict[str, float]:
    """Every figure, by name; the machine's load average before it began is one of them."""
    figures = {"load_before": os.getloadavg()[0]}
    with BenchStack(folder) as stack:
        figures |= measure_latency(stack, plan.latency_jobs)
        figures |= measure_device_idle(stack, plan.painted_jobs)
        figures |= measure_throughput(stack, plan.round_jobs, plan.rounds)
        # Last: its rows are left in the table.
        figures |= measure_claim(stack.database_url, plan.backlogs)
    return figures
