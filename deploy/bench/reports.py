"""What operators' figures and searches cost with many jobs stored."""

import statistics
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.admin_queue_view import queue_views
from db import reports
from db.job_search import JobSearch, search
from db.job_state import JobState
from db.migrate import upgrade
from db.report_window import failures_by_code, queue_windows, takings_today
from db.session import Database
from db.settings import DatabaseSettings
from deploy.servers.postgres import EmbeddedPostgres
from deploy.servers.process import Child

_ROUNDS = 5
_PAGE = 50
_WINDOW = timedelta(hours=1)

# Two years' life in little: ten models, a hundred tenants, 1 in 50 failed, 1 in 1,000 waiting;
# one job a second, so that the last hour has 3,600. They have no holds: nothing may end them.
_FILL = (
    """
    INSERT INTO tenants (id, name, tier, balance_micros, balance_held_micros, in_flight)
    SELECT 'ten_' || n, 'tenant ' || n, 'free', 0, 0, 0 FROM generate_series(0, 99) n""",
    """
    INSERT INTO jobs (id, tenant_id, variant, state, priority, input, metadata, batch_key,
        batch_limit, cost_seconds, fair_share, fair_start, attempt, max_attempts,
        deadline_seconds, progress_step, progress_steps, unit_kind, units, price_micros,
        covered_by, error_code, created_at, started_at, finished_at, run_seconds)
    SELECT 'job_' || lpad(n::text, 26, '0'), 'ten_' || n % 100, 'model-' || n % 10, state,
        'normal', '{"prompt": "a red circle on a blue background"}',
        CASE WHEN n % 10 = 0 THEN jsonb_build_object('order', n::text) ELSE '{}' END, 'alone', 1,
        1, 1, n, 1, 3, 60, 0, 0, 'images', 1, 1000, 'balance',
        CASE WHEN state = 'failed' THEN (ARRAY['timeout', 'worker_lost'])[1 + n / 50 % 2] END,
        at, CASE WHEN state <> 'queued' THEN at + interval '1 second' END,
        CASE WHEN state <> 'queued' THEN at + interval '3 seconds' END, 2
    FROM (SELECT n, now() - make_interval(secs => :jobs - n) AS at,
              CASE WHEN n % 1000 = 1 THEN 'queued' WHEN n % 50 = 0 THEN 'failed'
                   ELSE 'succeeded' END AS state
          FROM generate_series(1, :jobs) n) AS made""",
    """
    INSERT INTO usage_events (key, tenant_id, job_id, variant, kind, units, amount_micros,
        covered_by, month, occurred_at)
    SELECT 'usage:' || id, tenant_id, id, variant, 'images', 1, 1000, 'balance',
        date_trunc('month', finished_at)::date, finished_at
    FROM jobs WHERE state = 'succeeded'""",
)


def measure_reports(jobs: int, folder: Path) -> dict[str, float]:
    """Median seconds of the overview and of pages of jobs, on a PostgreSQL of its own.

    Args:
        jobs: how many are stored.
        folder: for the server's data; made when missing.
    """
    server = EmbeddedPostgres(folder / "postgres", fast=True)
    folder.mkdir(parents=True, exist_ok=True)
    with Child(server, folder / "postgres.log"):
        upgrade(server.url)
        settings = DatabaseSettings(
            url=SecretStr(server.url), pool_size=1, statement_timeout_seconds=1800
        )
        with closing(Database(settings)) as database:
            fill(database, jobs)
            return {f"{name}_p50_seconds": _median(database, ask) for name, ask in _ASKED.items()}


def fill(database: Database, jobs: int) -> None:
    """Store so many jobs, and let the planner know of them."""
    with database.transaction() as session:
        for statement in _FILL:
            session.execute(text(statement), {"jobs": jobs} if ":jobs" in statement else {})
    with database.transaction() as session:
        session.execute(text("ANALYZE"))


def _overview(session: Session) -> None:
    queue_views(session, [], _WINDOW)
    failures_by_code(session, _WINDOW)
    takings_today(session)


def _page(sought: JobSearch) -> Callable[[Session], None]:
    def ask(session: Session) -> None:
        search(session, sought, before_id=None, limit=_PAGE)

    return ask


_ASKED: dict[str, Callable[[Session], object]] = {
    "overview": _overview,
    "depths": reports.queue_depths,
    "windows": lambda session: queue_windows(session, _WINDOW),
    "failures": lambda session: failures_by_code(session, _WINDOW),
    "takings": takings_today,
    "page_of_all": _page(JobSearch()),
    "page_of_failed": _page(JobSearch(state=JobState.FAILED)),
    "page_of_queued": _page(JobSearch(state=JobState.QUEUED)),
    "page_of_a_tenant": _page(JobSearch(tenant_id="ten_7")),
    "page_of_a_model": _page(JobSearch(variant="model-7")),
    "page_of_no_model": _page(JobSearch(variant="model-none")),
    "page_of_an_error": _page(JobSearch(error_code="timeout")),
    "page_of_metadata": _page(JobSearch(metadata={"order": "500"})),
}


def _median(database: Database, ask: Callable[[Session], object]) -> float:
    return statistics.median(_seconds(database, ask) for _ in range(_ROUNDS))


def _seconds(database: Database, ask: Callable[[Session], object]) -> float:
    with database.transaction(durable=False) as session:
        begun = time.perf_counter()
        ask(session)
        return time.perf_counter() - begun
