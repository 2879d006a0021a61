"""The dashboard: an application of its own below `/dashboard`, with errors as pages."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.web.dashboard import audit, overview, queues, sign_in, tenant_actions, tenants, workers
from api.web.dashboard.assets import FOLDER
from api.web.dashboard.jobs import actions as job_actions
from api.web.dashboard.jobs import bulk
from api.web.dashboard.jobs import detail as job
from api.web.dashboard.jobs import list as jobs
from api.web.dashboard.jobs import pictures as job_pictures
from api.web.dashboard.pages import page
from api.web.dashboard.session import SignedOutError
from api.web.shared.assets import KeptFiles
from api.web.shared.guard import GuardedHeaders
from api.web.shared.problems import SHOWN, shown_problem

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
    """The application that is mounted at `PATH`; it reads the services of the one around it."""
    dashboard = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for router in ROUTERS:
        dashboard.include_router(router)
    dashboard.mount("/static", KeptFiles(directory=FOLDER), name="dashboard-static")
    dashboard.add_middleware(GuardedHeaders)
    dashboard.add_exception_handler(SignedOutError, _lead_to_sign_in)
    for kind in SHOWN:
        dashboard.add_exception_handler(kind, _show_problem)
    return dashboard


def install(app: FastAPI) -> None:
    """Mount the dashboard in the API's process, on the API's own services."""
    dashboard = create_dashboard()
    dashboard.state = app.state
    app.mount(PATH, dashboard, name="dashboard")


async def _lead_to_sign_in(request: Request, _error: Exception) -> Response:
    target = f"{PATH}/sign-in"
    if request.headers.get("HX-Request") == "true":
        # A redirect would be followed unseen, and the form would land in the live region.
        return Response(status_code=401, headers={"HX-Redirect": target})
    return RedirectResponse(target, 303)


async def _show_problem(request: Request, error: Exception) -> Response:
    problem = shown_problem(error)
    answer = page(request, "problem.html", status=problem.status, problem=problem)
    answer.headers.update(problem.headers)
    return answer
