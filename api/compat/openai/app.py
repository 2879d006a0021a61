"""The application of this surface."""

import re

from fastapi import FastAPI

from api.compat.openai import chat, files, images, models
from api.compat.openai.errors import respond
from api.compat.shared.surface_app import MountedSurface, surface_app
from api.core.surfaces import Rewrite, Surface
from db.values.surfaces import SurfaceName

_ROUTERS = (images.router, chat.router, models.router, files.router)

_AT_THE_ROOT = Rewrite(
    re.compile(r"/v1/(images/generations|images/edits|chat/completions)"), r"/openai/v1/\1"
)
"""Clients whose base URL ends in `/v1`; the native API has other calls there."""


def make_app() -> FastAPI:
    """The application, without the services, which the main one shares with it."""
    app = surface_app(
        "Bottega: OpenAI",
        "Images, chat completions about pictures, models and files, as OpenAI's clients call them.",
        respond,
        sends_422=False,
    )
    for router in _ROUTERS:
        app.include_router(router)
    return app


SURFACE = MountedSurface(
    Surface(SurfaceName.OPENAI, "/openai", respond, rewrites=(_AT_THE_ROOT,)), make_app
)
