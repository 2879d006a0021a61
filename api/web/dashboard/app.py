"""The dashboard: an application of its own below `/dashboard`, with errors as pages."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from api.middleware.security_headers import SecurityHeaders
from api.web.dashboard import audit, overview, queues, sign_in, tenant_actions, tenants, workers
from api.web.dashboard.jobs import actions as job_actions
from api.web.dashboard.jobs import bulk
from api.web.dashboard.jobs import detail as job
from api.web.dashboard.jobs import list as jobs
from api.web.dashboard.jobs import pictures as job_pictures
from api.web.dashboard.pages import STATIC, page
from api.web.dashboard.session import COOKIE, is_open
from api.web.shared.assets import SHARED_STATIC, VersionedFiles
from api.web.shared.form_guard import FormGuard
from api.web.shared.problems import HANDLED_ERRORS, page_problem
from api.web.shared.security import PAGE_HEADERS, page_policy
from api.web.shared.sign_in import SignedOutError, redirect_to_sign_in

PATH = "/dashboard"

ROUTERS: Sequence[APIRouter] = (
    sign_in.router,
    overview.router,
    jobs.router,
    job.router,
    job_pictures.router,
    job_actions.router,
    bulk.router,
    workers.router,
    queues.router,
    tenants.router,
    tenant_actions.router,
    audit.router,
)


def create_dashboard() -> FastAPI:
    """The application that is mounted at `PATH`; it uses the outer application's services."""
    dashboard = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for router in ROUTERS:
        dashboard.include_router(router)
    dashboard.mount("/static", VersionedFiles(STATIC, SHARED_STATIC), name="dashboard-static")
    dashboard.add_middleware(
        FormGuard,
        cookie=COOKIE,
        is_open=is_open,
        signed_out=_redirect_to_sign_in,
        sign_in_path=sign_in.FORM_PATH,
    )
    dashboard.add_middleware(SecurityHeaders, policy=page_policy(), more=PAGE_HEADERS)
    dashboard.add_exception_handler(SignedOutError, _redirect_to_sign_in)
    for kind in HANDLED_ERRORS:
        dashboard.add_exception_handler(kind, _show_problem)
    return dashboard


def install(app: FastAPI) -> None:
    """Mount the dashboard in the API's process, with the API's own services."""
    dashboard = create_dashboard()
    dashboard.state = app.state
    app.mount(PATH, dashboard, name="dashboard")


async def _redirect_to_sign_in(request: Request, _error: Exception) -> Response:
    return redirect_to_sign_in(request, sign_in.FORM_PATH)


async def _show_problem(request: Request, error: Exception) -> Response:
    problem = page_problem(request, error)
    response = page(request, "problem.html", status=problem.status, problem=problem)
    response.headers.update(problem.headers)
    return response
