"""Jobs per second through the compatible APIs, compared with the service's own in turns."""

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

from deploy.bench.noop import BLANK, DOT
from deploy.bench.plan import Goal
from deploy.bench.stack import CLIENTS, BenchStack
from deploy.bench.throughput import wait_for_empty_queue, wait_until_done

_WARM_UP = 40


@dataclass(frozen=True)
class SurfacesPlan:
    """The size of a measurement.

    Attributes:
        rounds: rounds, in each of which every API has its turn.
        round_jobs: jobs of a turn.
    """

    rounds: int
    round_jobs: int


FULL = SurfacesPlan(5, 400)
QUICK = SurfacesPlan(3, 64)

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class SubmissionCall:
    """A call that submits a job, of the service or of a compatible API.

    Attributes:
        variant: the variant of its jobs.
        request: the path and the body for a prompt.
        compared_with: the call of the service's own API; empty for that one.
        headers: further headers of the request.
        fetches: true to download the picture of the answered job, too.
    """

    variant: str
    request: Callable[[str], Call]
    compared_with: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    fetches: bool = False


def _native(model: str, prompt: str) -> Call:
    return "/v1/jobs", {"model": model, "input": {"prompt": prompt}}


_WAIT = {"Prefer": "wait=60"}


CALLS: Mapping[str, SubmissionCall] = {
    "native": SubmissionCall(BLANK.id, partial(_native, BLANK.id)),
    "replicate": SubmissionCall(
        BLANK.id,
        lambda prompt: (
            f"/replicate/v1/models/bottega/{BLANK.id}/predictions",
            {"input": {"prompt": prompt}},
        ),
        "native",
    ),
    "fal": SubmissionCall(
        BLANK.id,
        lambda prompt: (f"/fal/queue/bottega/{BLANK.id}", {"prompt": prompt}),
        "native",
    ),
    "bfl": SubmissionCall(
        BLANK.id, lambda prompt: (f"/bfl/v1/{BLANK.id}", {"prompt": prompt}), "native"
    ),
    "native_wait": SubmissionCall(DOT.id, partial(_native, DOT.id), headers=_WAIT),
    "fal_run": SubmissionCall(
        DOT.id,
        lambda prompt: (f"/fal/run/bottega/{DOT.id}", {"prompt": prompt}),
        "native_wait",
    ),
    "native_picture": SubmissionCall(DOT.id, partial(_native, DOT.id), headers=_WAIT, fetches=True),
    "openai": SubmissionCall(
        DOT.id,
        lambda prompt: ("/openai/v1/images/generations", {"model": DOT.id, "prompt": prompt}),
        "native_picture",
    ),
    "huggingface": SubmissionCall(
        DOT.id, lambda prompt: (f"/hf/models/{DOT.id}", {"inputs": prompt}), "native_picture"
    ),
}
"""Every call: those that submit, those that wait and get a URL, those that get the picture."""

GOALS = tuple(
    Goal(f"{name}_jobs_ratio", 0.9, at_most=False)
    for name, call in CALLS.items()
    if call.compared_with
)


def measure_surfaces(plan: SurfacesPlan, folder: Path) -> dict[str, float]:
    """Measure the jobs per second of every call, and their ratio to the service's own API.

    The time of a turn is from the first POST to the last stored job, with eight tenants on
    persistent connections. A call whose answer is the picture itself is compared with a submission
    that waits and a download. A ratio is the median of those of the rounds: in each, every call has
    its turn, and the order is another one.

    Returns:
        For each call its jobs per second; for all but the native ones the ratio.
    """
    figures = {"load_before": os.getloadavg()[0]}
    with BenchStack(folder, variants=()) as stack:
        for name, call in CALLS.items():
            _measure(stack, name, call, _WARM_UP)
        rounds = [_measure_round(stack, plan.round_jobs, n) for n in range(plan.rounds)]
    for name, call in CALLS.items():
        figures[f"{name}_jobs_per_second"] = statistics.median(each[name] for each in rounds)
        if call.compared_with:
            figures[f"{name}_jobs_ratio"] = statistics.median(
                each[name] / each[call.compared_with] for each in rounds
            )
    return figures


def _measure_round(stack: BenchStack, jobs: int, number: int) -> dict[str, float]:
    """The jobs per second of each call; the turns of a round begin with another one each time."""
    names = [*CALLS]
    begin = 3 * number % len(names)
    return {
        name: jobs / _measure(stack, f"{name} {number}", CALLS[name], jobs)
        for name in (*names[begin:], *names[:begin])
    }


def _measure(stack: BenchStack, prompt: str, call: SubmissionCall, jobs: int) -> float:
    """The seconds of a turn."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(partial(_submit, stack, prompt, call), range(CLIENTS), repeat(jobs)))
    wait_until_done(stack, call.variant, began)
    seconds = time.perf_counter() - began
    wait_for_empty_queue(stack, call.variant)
    return seconds


def _submit(
    stack: BenchStack, prompt: str, call: SubmissionCall, client_number: int, jobs: int
) -> None:
    """Submit one client's share of the jobs, no two of which are equal."""
    numbers: Sequence[int] = range(client_number, jobs, CLIENTS)
    with stack.client(client_number) as client:
        for n in numbers:
            answer = client.post(*call.request(f"{prompt} {n}"), call.headers)
            if call.fetches:
                client.fetch(json.loads(answer)["output"]["images"][0]["url"])
