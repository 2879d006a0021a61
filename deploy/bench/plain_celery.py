"""The no-op as a plain Celery task, set up as in Celery's documentation, as the reference.

`python -m deploy.bench.plain_celery`, with the broker's URL in BENCH_BROKER_URL, is its worker.
"""

import os
import time

from celery import Celery

from deploy.bench.stack import CONCURRENCY

BROKER_VARIABLE = "BENCH_BROKER_URL"
_TASK = "bench.noop"


def make_app(broker_url: str) -> Celery:
    """Create an app with one task and a Redis result backend, otherwise with Celery's defaults."""
    app = Celery("plain", broker=broker_url, backend=broker_url, set_as_current=False)

    @app.task(name=_TASK)  # type: ignore[untyped-decorator]
    def noop(n: int) -> dict[str, int]:
        return {"n": n}

    return app


def measure_seconds(app: Celery, jobs: int) -> float:
    """Measure the seconds from the first published task to the last received result."""
    began = time.perf_counter()
    results = [app.send_task(_TASK, kwargs={"n": n}) for n in range(jobs)]
    for result in results:
        result.get(timeout=120)
    return time.perf_counter() - began


def main() -> None:
    """Run the worker."""
    app = make_app(os.environ[BROKER_VARIABLE])
    app.Worker(pool="threads", concurrency=CONCURRENCY, loglevel="WARNING").start()


if __name__ == "__main__":
    main()
