"""The application of one compatible API, with its own form of errors and its own document."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI, Request, Response

from api.compat.shared.ignored_query import IgnoredQuery, note_unknown_names
from api.core import errors
from api.core.errors import ProblemError
from api.core.json_body import JsonRoute
from api.core.surfaces import DOCUMENT_PATH, ErrorShape, Surface


class _SurfaceApp(FastAPI):
    """An application whose document states no 422 of the framework, where it is sent as another."""

    sends_422 = True

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, built at the first call."""
        if self.openapi_schema is None and not self.sends_422:
            document = super().openapi()
            for operations in document["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
            for unused in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(unused, None)
        return super().openapi()


def surface_app(
    title: str, description: str, respond: ErrorShape, *, sends_422: bool = True
) -> FastAPI:
    """An application whose errors have the form that the surface's clients read.

    Its routers take JSON as the service's own do, see `api.core.json_body`.

    Args:
        title: the surface's name, for its OpenAPI document.
        description: one sentence for the same.
        respond: the surface's form of errors.
        sends_422: false for a surface whose invalid requests have another status.
    """
    app = _SurfaceApp(
        title=title,
        description=description,
        version=version("bottega"),
        docs_url=None,
        redoc_url=None,
        openapi_url=DOCUMENT_PATH,
        redirect_slashes=False,
        dependencies=[Depends(note_unknown_names)],
    )
    app.sends_422 = sends_422
    app.router.route_class = JsonRoute

    def answer(problem: ProblemError, request: Request) -> Response:
        return respond(problem, request.scope)

    errors.install(app, answer)
    app.add_middleware(IgnoredQuery)
    return app


@dataclass(frozen=True)
class MountedSurface:
    """A surface, and the maker of its application."""

    surface: Surface
    make_app: Callable[[], FastAPI]
