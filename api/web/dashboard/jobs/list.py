"""The jobs of all tenants, with filters in the URL, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.core.paging import decode_cursor, encode_cursor
from api.services import Services, ServicesDep
from api.web.dashboard.jobs.filters import JobFilters, JobFiltersDep
from api.web.dashboard.pages import page
from api.web.dashboard.session import CurrentOperatorDep
from api.web.shared.job_labels import surface_label
from db.jobs import search as job_search
from db.jobs.search import FoundJob
from db.tables import Tenant
from db.tenants import tenants
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName

router = APIRouter()

HOME = "/dashboard/jobs"
PAGE_SIZE = 50


@dataclass(frozen=True)
class JobRow:
    """One row of the table."""

    id: str
    state: str
    variant: str
    tenant_id: str
    tenant_name: str
    created_at: datetime
    waited_seconds: float | None
    run_seconds: float | None
    attempt: int
    price_micros: int
    covered_by: str
    error_code: str | None
    progress_text: str
    surface: str


def _row(found: FoundJob) -> JobRow:
    job = found.job
    started = job.started_at
    is_running = job.state == JobState.RUNNING and job.progress_steps
    return JobRow(
        id=job.id,
        state=job.state,
        variant=job.variant,
        tenant_id=job.tenant_id,
        tenant_name=found.tenant_name,
        created_at=job.created_at,
        waited_seconds=(started - job.created_at).total_seconds() if started else None,
        run_seconds=job.run_seconds,
        attempt=job.attempt,
        price_micros=job.price_micros,
        covered_by=job.covered_by,
        error_code=job.error_code,
        progress_text=f"{job.progress_step}/{job.progress_steps}" if is_running else "",
        surface=surface_label(job.surface),
    )


@router.get("/jobs")
def show_jobs(
    request: Request,
    services: ServicesDep,
    operator: CurrentOperatorDep,
    filters: JobFiltersDep,
    job: Annotated[str, Query(max_length=100)] = "",
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """A page of the matching jobs, newest first; a job's id redirects to that job."""
    if job.strip():
        return RedirectResponse(f"{HOME}/{job.strip()}", 303)
    before_id = decode_cursor(cursor, "job")
    with services.database.transaction(durable=False) as session:
        found = job_search.search(
            session, filters.search(), before_id=before_id, limit=PAGE_SIZE + 1
        )
        all_tenants = tenants.list_tenants(session)
        codes = job_search.error_codes(session)
    return page(
        request,
        "jobs.html",
        operator,
        jobs=[_row(each) for each in found[:PAGE_SIZE]],
        next_page=_next_page(filters, found),
        first_page=f"{HOME}{filters.query}" if cursor else None,
        codes=codes,
        message=None,
        **_form_values(services, filters, all_tenants),
    )


def _form_values(
    services: Services, filters: JobFilters, all_tenants: Sequence[Tenant]
) -> dict[str, Any]:
    return {
        "filters": filters,
        "filter_query": filters.query,
        "states": list(JobState),
        "models": [row.id for row in services.catalogue.variants()],
        "tenants": all_tenants,
        "surfaces": [(each, surface_label(each)) for each in SurfaceName],
    }


def _next_page(filters: JobFilters, found: Sequence[FoundJob]) -> str | None:
    if len(found) <= PAGE_SIZE:
        return None
    last = found[PAGE_SIZE - 1].job.id
    return f"{HOME}?{urlencode([*filters.items, ('cursor', encode_cursor(last))])}"
