"""The playground: an application of its own, at `/` and below `/playground`."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.core.errors import ProblemError, respond
from api.web.playground import gallery, home, jobs, pictures, sign_in
from api.web.playground.error_hints import about_request, faults_of
from api.web.playground.form import page as form
from api.web.playground.pages import STATIC, page
from api.web.playground.session import SignedOutError
from api.web.shared.assets import KeptFiles
from api.web.shared.guard import GuardedHeaders
from api.web.shared.problems import SHOWN, shown_problem

PATH = "/playground"

ROUTERS: Sequence[APIRouter] = (
    sign_in.router,
    home.router,
    form.router,
    jobs.router,
    pictures.router,
    gallery.router,
)
_PICTURES = "'self' data:"
"""Previews come within the stream of a job's events."""


def create_playground() -> FastAPI:
    """The application; it reads the services of the one around it."""
    playground = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for router in ROUTERS:
        playground.include_router(router)
    playground.mount("/static", KeptFiles(directory=STATIC), name="playground-static")
    playground.add_middleware(GuardedHeaders, pictures=_PICTURES)
    playground.add_exception_handler(SignedOutError, _lead_to_sign_in)
    for kind in SHOWN:
        playground.add_exception_handler(kind, _show_problem)
    return playground


def install(app: FastAPI) -> None:
    """Serve the playground in the API's process, on the API's own services.

    At `/` alone, and not below it: what lies there is the API's, unknown addresses included.
    """
    playground = create_playground()
    playground.state = app.state
    app.router.routes.append(Route("/", playground, include_in_schema=False))
    app.mount(PATH, playground, name="playground")


async def _lead_to_sign_in(request: Request, _error: Exception) -> Response:
    target = f"{PATH}/sign-in"
    if request.headers.get("HX-Request") == "true":
        # A redirect would be followed unseen, and the form would land in a part of the page.
        return Response(status_code=401, headers={"HX-Redirect": target})
    if _speaks_json(request):
        return respond(ProblemError(401, "unauthorized", "sign in again: load the page anew"))
    return RedirectResponse(target, 303)


async def _show_problem(request: Request, error: Exception) -> Response:
    problem = shown_problem(error)
    if _speaks_json(request):
        return respond(problem)
    is_part = request.headers.get("HX-Request") == "true"
    answer = page(
        request,
        "trouble.html" if is_part else "problem.html",
        status=problem.status,
        problem=problem,
        faults=faults_of(problem),
        advice=about_request(problem),
    )
    if is_part:
        answer.headers.update({"HX-Retarget": "#trouble", "HX-Reswap": "innerHTML"})
    answer.headers.update(problem.headers)
    return answer


def _speaks_json(request: Request) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")
