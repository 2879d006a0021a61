"""The dashboard: an application of its own below `/dashboard`, with errors as pages."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api import errors
from api.dashboard import (
    audit,
    bulk,
    job,
    job_actions,
    job_pictures,
    jobs,
    overview,
    queues,
    sign_in,
    tenant_actions,
    tenants,
    workers,
)
from api.dashboard.assets import FOLDER, KeptFiles
from api.dashboard.pages import GuardedHeaders, page
from api.dashboard.visitor import SignedOutError
from api.errors import ProblemError, problem_of, validation_problem

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
    for kind in (*errors.KNOWN, RequestValidationError, HTTPException, Exception):
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
    problem = _problem(error)
    answer = page(request, "problem.html", status=problem.status, problem=problem)
    answer.headers.update(problem.headers)
    return answer


def _problem(error: Exception) -> ProblemError:
    if isinstance(error, RequestValidationError):
        return validation_problem([], error.errors())
    if isinstance(error, HTTPException):
        return ProblemError(error.status_code, "http_error", str(error.detail))
    if isinstance(error, errors.KNOWN):
        return problem_of(error)
    # The server logs it; the page must not quote it.
    return ProblemError(500, "internal_error", "something failed here; it is logged")
