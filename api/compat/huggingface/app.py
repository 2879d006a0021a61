"""The application of the API of Hugging Face's inference."""

import re

from fastapi import FastAPI

from api.compat.huggingface.errors import respond
from api.compat.huggingface.routes import router
from api.compat.shared.surface_app import MountedSurface, surface_app
from api.core.surfaces import Rewrite, Surface
from db.values.surfaces import SurfaceName


def make_app() -> FastAPI:
    """The application, without the services, which the main one shares with it."""
    app = surface_app(
        "Bottega: Hugging Face",
        "Inference as the clients of Hugging Face call it.",
        respond,
    )
    app.include_router(router)
    return app


_SLASH_AT_THE_END = Rewrite(re.compile(r"(/hf/models/.*[^/])/+"), r"\1")

SURFACE = MountedSurface(
    Surface(SurfaceName.HUGGINGFACE, "/hf", respond, rewrites=(_SLASH_AT_THE_END,)), make_app
)
