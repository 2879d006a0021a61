"""Jobs per second through HTTP, compared with plain Celery in alternate rounds."""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat

from redis import Redis
from sqlalchemy import func, select

from db.core.session import Database
from db.tables import Job
from db.values.job_state import ACTIVE
from deploy.bench import plain_celery
from deploy.bench.noop import NOOP
from deploy.bench.stack import CLIENTS, BenchStack
from deploy.local.processes import Program

_POLL_SECONDS = 0.05
_LONGEST_SECONDS = 600.0
_WARM_UP = 50


def measure_throughput(stack: BenchStack, jobs: int, rounds: int) -> dict[str, float]:
    """Measure the median jobs per second of both in alternate rounds, and their ratio.

    The time of the service is from the first POST to the last stored job, with eight tenants on
    persistent connections. The time of Celery is from the first published task to the last result.
    """
    broker_url = stack.redis_url.removesuffix("/0") + "/1"
    settings = {plain_celery.BROKER_VARIABLE: broker_url}
    stack.supervisor.start(
        Program("plain-celery", (), settings, module="deploy.bench.plain_celery")
    )
    app = plain_celery.make_app(broker_url)
    try:
        plain_celery.measure_seconds(app, _WARM_UP)
        _measure_seconds(stack, _WARM_UP)
        wait_for_empty_queue(stack)
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(jobs / plain_celery.measure_seconds(app, jobs))
            ours.append(jobs / _measure_seconds(stack, jobs))
            wait_for_empty_queue(stack)
    finally:
        app.close()
    return {
        "jobs_per_second": statistics.median(ours),
        "plain_celery_jobs_per_second": statistics.median(theirs),
        "jobs_per_second_ratio": statistics.median(ours) / statistics.median(theirs),
    }


def _measure_seconds(stack: BenchStack, jobs: int) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(partial(_submit, stack), range(CLIENTS), repeat(jobs)))
    wait_until_done(stack, NOOP.id, began)
    return time.perf_counter() - began


def wait_until_done(stack: BenchStack, variant: str, began: float) -> None:
    """Wait until a variant has no unfinished job.

    Raises:
        TimeoutError: ten minutes after the beginning it still has one.
    """
    while _unfinished(stack.database, variant):
        if time.perf_counter() - began > _LONGEST_SECONDS:
            raise TimeoutError("the benchmark's jobs did not finish in time")
        time.sleep(_POLL_SECONDS)


def wait_for_empty_queue(stack: BenchStack, variant: str = NOOP.id) -> None:
    """Wait until all tickets are consumed: those of jobs claimed with a batch still cost time."""
    with Redis.from_url(stack.redis_url) as redis:
        while redis.llen(variant):
            time.sleep(_POLL_SECONDS)


def _submit(stack: BenchStack, client_number: int, jobs: int) -> None:
    """Submit one client's share of the jobs."""
    with stack.client(client_number) as client:
        for n in range(client_number, jobs, CLIENTS):
            client.submit(NOOP.id, {"n": n})


def _unfinished(database: Database, variant: str) -> int:
    waiting = select(func.count()).where(Job.variant == variant, Job.state.in_(ACTIVE))
    with database.transaction(durable=False) as session:
        return session.scalar(waiting) or 0
