"""The playground: an application of its own, at `/` and below `/playground`."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.core.errors import ProblemError, respond
from api.middleware.security_headers import SecurityHeaders
from api.web.playground import gallery, home, jobs, pictures, sign_in
from api.web.playground.error_hints import field_errors, request_hint
from api.web.playground.form import page as form
from api.web.playground.pages import STATIC, page
from api.web.playground.session import COOKIE, is_open
from api.web.shared.assets import SHARED_STATIC, VersionedFiles
from api.web.shared.form_guard import FormGuard
from api.web.shared.problems import HANDLED_ERRORS, page_problem
from api.web.shared.security import PAGE_HEADERS, page_policy
from api.web.shared.sign_in import SignedOutError, redirect_to_sign_in

PATH = "/playground"

ROUTERS: Sequence[APIRouter] = (
    sign_in.router,
    home.router,
    form.router,
    jobs.router,
    pictures.router,
    gallery.router,
)
_IMAGE_SOURCES = "'self' data:"
"""Previews come as data URIs in the stream of a job's events."""


def create_playground() -> FastAPI:
    """The application; it uses the outer application's services."""
    playground = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for router in ROUTERS:
        playground.include_router(router)
    playground.mount("/static", VersionedFiles(STATIC, SHARED_STATIC), name="playground-static")
    playground.add_middleware(
        FormGuard,
        cookie=COOKIE,
        is_open=is_open,
        signed_out=_redirect_to_sign_in,
        sign_in_path=sign_in.FORM_PATH,
    )
    policy = page_policy(_IMAGE_SOURCES)
    playground.add_middleware(SecurityHeaders, policy=policy, more=PAGE_HEADERS)
    playground.add_exception_handler(SignedOutError, _redirect_to_sign_in)
    for kind in HANDLED_ERRORS:
        playground.add_exception_handler(kind, _show_problem)
    return playground


def install(app: FastAPI) -> None:
    """Serve the playground in the API's process, with the API's own services.

    It is routed at `/` exactly; all paths below, also unknown ones, belong to the API.
    """
    playground = create_playground()
    playground.state = app.state
    app.router.routes.append(Route("/", playground, include_in_schema=False))
    app.mount(PATH, playground, name="playground")


async def _redirect_to_sign_in(request: Request, _error: Exception) -> Response:
    if _accepts_json(request):
        return respond(ProblemError(401, "unauthorized", "sign in again: reload the page"))
    return redirect_to_sign_in(request, sign_in.FORM_PATH)


async def _show_problem(request: Request, error: Exception) -> Response:
    problem = page_problem(request, error)
    if _accepts_json(request):
        return respond(problem)
    is_part = request.headers.get("HX-Request") == "true"
    response = page(
        request,
        "form_errors.html" if is_part else "problem.html",
        status=problem.status,
        problem=problem,
        errors=field_errors(problem),
        hint=request_hint(problem),
    )
    if is_part:
        response.headers.update({"HX-Retarget": "#form-errors", "HX-Reswap": "innerHTML"})
    response.headers.update(problem.headers)
    return response


def _accepts_json(request: Request) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")
