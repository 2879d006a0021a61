"""Latency of operators' reports and searches with many stored jobs, in the database and by HTTP."""

import os
import secrets
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.orm import Session

from api.routes.admin.queue_views import queue_views
from api.web.dashboard.worker_rows import worker_rows
from db.core.migrate import upgrade
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.jobs import search as job_search
from db.jobs.search import JobSearch, search
from db.reports import usage as reports
from db.reports.series import queue_curves
from db.reports.window import failures_by_code, queue_windows, revenue_today
from db.tenants import api_keys
from db.tenants.api_keys import OperatorRole
from db.values.job_state import JobState
from deploy.bench.operators.job_history import insert_job_history
from deploy.bench.operators.report_pages import measure_pages
from deploy.local.processes import api_program
from deploy.local.servers.postgres import EmbeddedPostgres
from deploy.local.servers.process import free_port
from deploy.local.servers.redis import EmbeddedRedis
from deploy.local.supervisor import Supervisor

_ROUNDS = 5
_PAGE = 50
_WINDOW = timedelta(hours=1)
_STEPS = 60
_FILL_SECONDS_PER_JOB = 0.002
"""Time limit for inserting a job; inserting takes a tenth of it."""

_Ask = Callable[[Session], object]


def measure_reports(jobs: int, requests: int, folder: Path) -> dict[str, float]:
    """Measure the overview and pages of jobs, on a stack of its own without a worker.

    Args:
        jobs: the number of stored jobs.
        requests: requests per page over HTTP.
        folder: the folder of the servers' data; created if missing.

    Returns:
        The machine's load average at the start, the seconds for inserting the jobs, the median
        seconds of each statement in the database, and p50 and p95 of each page over HTTP.
    """
    postgres = EmbeddedPostgres(folder / "postgres", fast=True)
    redis = EmbeddedRedis(folder / "redis")
    with ExitStack() as undo:
        supervisor = Supervisor(folder / "logs")
        undo.callback(supervisor.stop)
        supervisor.start(postgres, redis)
        upgrade(postgres.url)
        database = undo.enter_context(closing(_open(postgres.url, jobs)))
        figures = {"load_before": os.getloadavg()[0]}
        begun = time.perf_counter()
        insert_job_history(database, jobs)
        figures["fill_seconds"] = time.perf_counter() - begun
        figures |= {
            f"{name}_p50_seconds": _median(database, ask) for name, ask in _asked(jobs).items()
        }
        api = api_program(free_port(), _settings(postgres.url, redis.url, folder))
        supervisor.start(api)
        url = f"http://{api.host}:{api.port}"
        return figures | measure_pages(url, _operator(database), jobs=jobs, requests=requests)


def _open(url: str, jobs: int) -> Database:
    longest = 60 + jobs * _FILL_SECONDS_PER_JOB
    return Database(
        DatabaseSettings(url=SecretStr(url), pool_size=1, statement_timeout_seconds=longest)
    )


def _settings(database_url: str, redis_url: str, folder: Path) -> Mapping[str, str]:
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "BOTTEGA_URL_SECRET": secrets.token_urlsafe(32),
        "BOTTEGA_STORE_DIR": str(folder / "store"),
    }


def _operator(database: Database) -> str:
    with database.transaction() as session:
        role = OperatorRole.VIEWER
        return api_keys.create(session, tenant_id=None, name="bench", role=role)[1]


def _overview(session: Session) -> None:
    queue_views(session, [], _WINDOW)
    failures_by_code(session, _WINDOW)
    revenue_today(session)
    worker_rows(session)
    queue_curves(session, window=_WINDOW, steps=_STEPS)


def _page(sought: JobSearch) -> _Ask:
    def ask(session: Session) -> None:
        search(session, sought, before_id=None, limit=_PAGE)

    return ask


def _asked(jobs: int) -> dict[str, _Ask]:
    midway = datetime.now(UTC) - timedelta(seconds=jobs / 2)
    return {
        "overview": _overview,
        "depths": reports.queue_depths,
        "windows": lambda session: queue_windows(session, _WINDOW),
        "failures": lambda session: failures_by_code(session, _WINDOW),
        "revenue": revenue_today,
        "workers": worker_rows,
        "curves": lambda session: queue_curves(session, window=_WINDOW, steps=_STEPS),
        "error_codes": job_search.error_codes,
        "page_of_all": _page(JobSearch()),
        "page_of_failed": _page(JobSearch(state=JobState.FAILED)),
        "page_of_queued": _page(JobSearch(state=JobState.QUEUED)),
        "page_of_canceled": _page(JobSearch(state=JobState.CANCELED)),
        "page_of_a_tenant": _page(JobSearch(tenant_id="ten_7")),
        "page_of_no_tenant": _page(JobSearch(tenant_id="ten_none")),
        "page_of_a_model": _page(JobSearch(variant="model-7")),
        "page_of_no_model": _page(JobSearch(variant="model-none")),
        "page_of_a_model_failed": _page(JobSearch(variant="model-7", state=JobState.FAILED)),
        "page_of_a_tenants_model": _page(JobSearch(tenant_id="ten_7", variant="model-8")),
        "page_of_an_error": _page(JobSearch(error_code="timeout")),
        "page_of_metadata": _page(JobSearch(metadata={"order": "500"})),
        "page_before": _page(JobSearch(created_before=midway)),
        "page_after_now": _page(JobSearch(created_after=midway + timedelta(seconds=jobs))),
    }


def _median(database: Database, ask: _Ask) -> float:
    return statistics.median(_seconds(database, ask) for _ in range(_ROUNDS))


def _seconds(database: Database, ask: _Ask) -> float:
    with database.transaction(durable=False) as session:
        begun = time.perf_counter()
        ask(session)
        return time.perf_counter() - begun
