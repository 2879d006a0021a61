"""How long a job takes through the whole service when nothing else is to be done."""

import statistics
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from deploy.bench.client import LeanClient
from deploy.bench.noop import NOOP
from deploy.bench.stack import PAINTER, BenchStack

_WARM_UP = 3


def measure_latency(stack: BenchStack, jobs: int) -> dict[str, float]:
    """Submit jobs one after the other and time them.

    Submit is the moment before the request is sent; start and stored are the row's, by the
    database's clock, which is this machine's.

    Returns:
        p50 and p95 of submit to start and of submit to stored in seconds, by model, and for the
        painting model the time on the device and the ratio of submit to stored against it.
    """
    noop = _measure(stack, NOOP.id, lambda n: {"n": n}, jobs)
    painted = _measure(stack, PAINTER, _picture, jobs)
    ratio = painted["submit_to_stored_p50_seconds"] / painted["run_p50_seconds"]
    figures = {f"noop_{name}": value for name, value in noop.items() if "run" not in name}
    figures |= {f"painted_{name}": value for name, value in painted.items()}
    return figures | {"painted_service_over_device_ratio": ratio}


def _picture(seed: int) -> dict[str, Any]:
    return {"prompt": "a red circle on a white background", "steps": 4, "seed": seed}


def _measure(
    stack: BenchStack, model: str, given: Callable[[int], dict[str, Any]], jobs: int
) -> dict[str, float]:
    with stack.client(0) as client:
        seen = [_one(client, model, given(n)) for n in range(_WARM_UP + jobs)][_WARM_UP:]
    figures = {}
    for name in seen[0]:
        values = [one[name] for one in seen]
        figures[f"{name}_p50_seconds"] = statistics.median(values)
        figures[f"{name}_p95_seconds"] = statistics.quantiles(values, n=20)[-1]
    return figures


def _one(client: LeanClient, model: str, given: dict[str, Any]) -> dict[str, float]:
    sent_at = time.time()
    job = client.finished(client.submit(model, given)["id"])
    return {
        "submit_to_start": _moment(job["started_at"]) - sent_at,
        "submit_to_stored": _moment(job["finished_at"]) - sent_at,
        "run": job["timings"]["run_seconds"],
    }


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
