"""Latency of a job through the whole service when nothing else is running."""

import statistics
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from deploy.bench.client import BenchClient
from deploy.bench.noop import NOOP
from deploy.bench.stack import FLUX_VARIANT, BenchStack

_WARM_UP = 3


def measure_latency(stack: BenchStack, jobs: int) -> dict[str, float]:
    """Submit jobs one after the other and time them.

    Submit is the moment before the request is sent. Start and stored are times of the job's row by
    the database's clock, which is the clock of this machine.

    Returns:
        p50 and p95 of submit to start and of submit to stored in seconds, by model. For the FLUX
        model also the time on the device, and the ratio of submit to stored to it.
    """
    noop = _measure(stack, NOOP.id, lambda n: {"n": n}, jobs)
    flux = _measure(stack, FLUX_VARIANT, _flux_inputs, jobs)
    ratio = flux["submit_to_stored_p50_seconds"] / flux["run_p50_seconds"]
    figures = {f"noop_{name}": value for name, value in noop.items() if "run" not in name}
    figures |= {f"painted_{name}": value for name, value in flux.items()}
    return figures | {"painted_service_over_device_ratio": ratio}


def _flux_inputs(seed: int) -> dict[str, Any]:
    return {"prompt": "a red circle on a white background", "steps": 4, "seed": seed}


def _measure(
    stack: BenchStack, model: str, inputs: Callable[[int], dict[str, Any]], jobs: int
) -> dict[str, float]:
    with stack.client(0) as client:
        timings = [_time_job(client, model, inputs(n)) for n in range(_WARM_UP + jobs)][_WARM_UP:]
    figures = {}
    for name in timings[0]:
        values = [one[name] for one in timings]
        figures[f"{name}_p50_seconds"] = statistics.median(values)
        figures[f"{name}_p95_seconds"] = statistics.quantiles(values, n=20)[-1]
    return figures


def _time_job(client: BenchClient, model: str, inputs: dict[str, Any]) -> dict[str, float]:
    sent_at = time.time()
    job = client.wait_for_success(client.submit(model, inputs)["id"])
    return {
        "submit_to_start": _timestamp(job["started_at"]) - sent_at,
        "submit_to_stored": _timestamp(job["finished_at"]) - sent_at,
        "run": job["timings"]["run_seconds"],
    }


def _timestamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
