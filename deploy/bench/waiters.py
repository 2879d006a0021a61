"""Event streams and long polls: the time until all know of a job's end, and who is held up."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from db.operators.actions import pause_queue, resume_queue
from db.operators.audit import Actor
from deploy.bench.client import BenchClient
from deploy.bench.noop import NOOP
from deploy.bench.plan import Goal
from deploy.bench.stack import BenchStack, create_tenant_key

_LIMIT = 50
"""The service's own limit of a key; only a run with more for each tenant raises it."""

_SPARE = 100
"""Connections of the benchmark beside its waiters."""

_IDLE_SECONDS = 2.0
_PAUSE_SECONDS = 0.02
_MIB = 2**20
_ACTOR = Actor("", "bench")


@dataclass(frozen=True)
class WaitersPlan:
    """The size of a measurement.

    Attributes:
        tenants: the number of tenants; the job of each is one that its clients wait for.
        each: streams or long polls of each tenant.
    """

    tenants: int
    each: int


QUICK = WaitersPlan(4, 10)
FULL = WaitersPlan(40, 50)
KINDS = ("streams", "polls")

GOALS = tuple(
    goal
    for kind in KINDS
    for goal in (
        Goal(f"{kind}_told_p50_seconds", 0.5),
        Goal(f"{kind}_told_last_seconds", 2.0),
        Goal(f"{kind}_others_p95_seconds", 0.1),
    )
)


def measure_waiters(plan: WaitersPlan, folder: Path) -> dict[str, float]:
    """Measure both kinds of waiters, on a stack of its own with one API process in use.

    The jobs of all tenants end within a moment. The clients are a process of their own, which
    shares the machine with the service.

    Returns:
        For each kind: the waiters that were admitted and those that were told; p50, p95 and last
        of the seconds from a job's end to its clients' knowledge; p50, p95 and slowest of another
        tenant's `GET /v1/account` before and until all were told; the processor time that the API
        process took for both, and its memory.
    """
    figures = {"load_before": os.getloadavg()[0]}
    limit = str(max(_LIMIT, plan.each))
    settings = {
        "BOTTEGA_MAX_STREAMS_PER_KEY": limit,
        "BOTTEGA_MAX_LONG_POLLS_PER_KEY": limit,
        # All of its clients have one address.
        "BOTTEGA_MAX_CONNECTIONS_PER_ADDRESS": str(plan.tenants * plan.each + _SPARE),
    }
    with BenchStack(folder, settings=settings) as stack:
        keys = _create_keys(stack, plan.tenants)
        for kind in KINDS:
            measured = _measure(stack, kind, keys, plan.each)
            figures |= {f"{kind}_{name}": value for name, value in measured.items()}
    return figures


def _create_keys(stack: BenchStack, count: int) -> list[str]:
    with stack.database.transaction() as session:
        return [create_tenant_key(session, f"Waiting {n}") for n in range(count)]


def _measure(stack: BenchStack, kind: str, keys: Sequence[str], each: int) -> dict[str, float]:
    process = psutil.Process(stack.supervisor.pids["api-0"])
    others = _Others(stack.urls[0], stack.api_keys[0])
    with _paused(stack):
        jobs = [(key, _submit(stack.urls[0], key, n)) for n, key in enumerate(keys)]
        before = process.memory_info().rss
        client = _start_client({"url": stack.urls[0], "kind": kind, "jobs": jobs, "each": each})
        opened = _read(client)
        # A long poll answers nothing when it is admitted, but calls that follow wait for it.
        others.measure(until=lambda began: time.monotonic() - began > _IDLE_SECONDS)
        with_all = process.memory_info().rss
        idle = others.measure(until=lambda began: time.monotonic() - began > _IDLE_SECONDS)
    used = sum(process.cpu_times()[:2])
    ended: list[dict[str, Any]] = []
    reading = threading.Thread(target=lambda: ended.append(_read(client)))
    reading.start()
    busy = others.measure(until=lambda _: not reading.is_alive())
    used = sum(process.cpu_times()[:2]) - used
    client.wait()
    delays = sorted(ended[0]["delays"])
    return {
        "opened": opened["opened"],
        "told": len(delays),
        "told_p50_seconds": statistics.median(delays),
        "told_p95_seconds": _p95(delays),
        "told_last_seconds": delays[-1],
        "processor_seconds": used,
        "others_idle_p50_seconds": statistics.median(idle),
        "others_idle_p95_seconds": _p95(idle),
        "others_p50_seconds": statistics.median(busy),
        "others_p95_seconds": _p95(busy),
        "others_slowest_seconds": max(busy),
        "memory_before_mib": before / _MIB,
        "memory_with_mib": with_all / _MIB,
        "memory_after_mib": process.memory_info().rss / _MIB,
    }


@contextmanager
def _paused(stack: BenchStack) -> Iterator[None]:
    """A block during which no job of the benchmark's model is begun."""
    with stack.database.transaction() as session:
        pause_queue(session, _ACTOR, NOOP.id)
    try:
        yield
    finally:
        with stack.database.transaction() as session:
            resume_queue(session, _ACTOR, NOOP.id)


def _submit(url: str, key: str, n: int) -> str:
    with BenchClient(url, key) as client:
        job_id: str = client.submit(NOOP.id, {"n": n})["id"]
        return job_id


def _start_client(plan: dict[str, Any]) -> subprocess.Popen[str]:
    client = subprocess.Popen(
        [sys.executable, "-m", "deploy.bench.waiters_client"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdin is not None  # noqa: S101 - for mypy: it is a pipe
    client.stdin.write(json.dumps(plan) + "\n")
    client.stdin.close()
    return client


def _read(client: subprocess.Popen[str]) -> dict[str, Any]:
    assert client.stdout is not None  # noqa: S101 - for mypy: it is a pipe
    line: dict[str, Any] = json.loads(client.stdout.readline())
    return line


class _Others:
    """Another tenant, who reads their account over and over."""

    def __init__(self, url: str, key: str) -> None:
        self._host = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {key}"}

    def measure(self, *, until: Callable[[float], bool]) -> list[float]:
        """The seconds of each call, until a condition on the moment of the beginning."""
        connection = http.client.HTTPConnection(self._host, timeout=120)
        began = time.monotonic()
        seconds: list[float] = []
        while not seconds or not until(began):
            at = time.perf_counter()
            connection.request("GET", "/v1/account", headers=self._headers)
            connection.getresponse().read()
            seconds.append(time.perf_counter() - at)
            time.sleep(_PAUSE_SECONDS)
        connection.close()
        return seconds


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.95))]
