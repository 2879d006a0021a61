"""How long a job takes through the whole service when nothing else is to be done."""

import statistics
import time
from typing import Any

import httpx

_TIMEOUT_SECONDS = 60
_INPUT = {"prompt": "a red circle on a white background", "steps": 4}
_WARM_UP = 3


def measure_latency(url: str, api_key: str, jobs: int) -> dict[str, float]:
    """Submit jobs one after the other and time them, in seconds.

    Returns:
        p50 and p95 of the POST, of submit to start, of submit to stored, the device's p50, and
        the ratio of submit to stored against the time on the device.
    """
    headers = {"Authorization": f"Bearer {api_key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        for seed in range(_WARM_UP):
            _one(client, seed)
        seen = [_one(client, seed) for seed in range(_WARM_UP, _WARM_UP + jobs)]
    figures = {}
    for name in ("post", "submit_to_start", "submit_to_stored", "run"):
        values = [one[name] for one in seen]
        figures[f"{name}_p50_seconds"] = statistics.median(values)
        figures[f"{name}_p95_seconds"] = statistics.quantiles(values, n=20)[-1]
    stored, run = figures["submit_to_stored_p50_seconds"], figures["run_p50_seconds"]
    return figures | {"service_over_device_ratio": stored / run}


def _one(client: httpx.Client, seed: int) -> dict[str, float]:
    began = time.monotonic()
    submission = {"model": "flux.1-demo", "input": {**_INPUT, "seed": seed}}
    job: dict[str, Any] = client.post("/v1/jobs", json=submission).raise_for_status().json()
    posted = time.monotonic() - began
    job = client.get(f"/v1/jobs/{job['id']}?wait=60").raise_for_status().json()
    if job["state"] != "succeeded":
        raise RuntimeError(f"a job of the benchmark ended {job['state']}")
    timings = job["timings"]
    stored = timings["queued_seconds"] + timings["run_seconds"] + timings["store_seconds"]
    return {
        "post": posted,
        "submit_to_start": timings["queued_seconds"],
        "submit_to_stored": stored,
        "run": timings["run_seconds"],
    }
