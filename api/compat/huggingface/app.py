"""The application of this surface."""

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Scope

from api.compat.shared.surface_app import MountedSurface, surface_app
from api.core.errors import ProblemError, respond
from api.core.surfaces import Surface
from db.values.surfaces import SurfaceName


def _respond(problem: ProblemError, _scope: Scope) -> Response:
    return respond(problem)


def make_app() -> FastAPI:
    """The application, without the services, which the main one shares with it."""
    return surface_app(
        "Bottega: Hugging Face", "Inference as the clients of Hugging Face call it.", _respond
    )


SURFACE = MountedSurface(Surface(SurfaceName.HUGGINGFACE, "/hf", _respond), make_app)
