"""Time of a claim by the number of queued jobs."""

import statistics
import time
from collections.abc import Sequence

from pydantic import SecretStr
from sqlalchemy import text

from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.jobs.claim import claim_jobs
from db.jobs.types import ClaimedJobs
from db.tenants import tenants

_CLAIMS = 200
_VARIANT = "bench"

# These rows are for claims alone: they have no hold, so they must never finish.
_FILL = text("""
INSERT INTO jobs (id, tenant_id, variant, state, priority, input, metadata, batch_key,
    batch_limit, cost_seconds, fair_share, fair_start, attempt, max_attempts, deadline_seconds,
    progress_step, progress_steps, unit_kind, units, price_micros, covered_by)
SELECT :prefix || n, :tenant_id, :variant, 'queued', 'normal', '{}', '{}', n::text,
    1, 1, 1, n, 0, 3, 60, 0, 0, 'images', 1, 0, 'allowance'
FROM generate_series(1, :count) AS n
""")


def measure_claim(database_url: str, backlogs: Sequence[int]) -> dict[str, float]:
    """Measure the median seconds of a claim by backlog, and the ratio of the last to the first."""
    settings = DatabaseSettings(url=SecretStr(database_url), statement_timeout_seconds=600)
    database = Database(settings)
    try:
        medians = {count: _median_claim(database, count) for count in backlogs}
    finally:
        database.close()
    figures = {f"claim_at_{count}_p50_seconds": seconds for count, seconds in medians.items()}
    return figures | {"claim_ratio": medians[backlogs[-1]] / medians[backlogs[0]]}


def _median_claim(database: Database, backlog: int) -> float:
    variant = f"{_VARIANT}-{backlog}"
    with database.transaction() as session:
        tenant = tenants.create(session, name=variant, tier="enterprise")
        values = {"prefix": f"{variant}-", "tenant_id": tenant.id, "variant": variant}
        session.execute(_FILL, {**values, "count": backlog})
    with database.transaction() as session:
        session.execute(text("ANALYZE jobs"))
    return statistics.median(_time_claim(database, variant) for _ in range(_CLAIMS))


def _time_claim(database: Database, variant: str) -> float:
    began = time.perf_counter()
    with database.transaction(durable=False) as session:
        claimed = claim_jobs(session, variant=variant, worker_id="bench", lease_seconds=3600)
    if not isinstance(claimed, ClaimedJobs) or not claimed.jobs:
        raise RuntimeError("the benchmark's queue is empty")
    return time.perf_counter() - began
