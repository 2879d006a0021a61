"""The application of fal's surface: queue, run, proxy and storage."""

import re

from fastapi import FastAPI

from api.compat.fal import queue, run
from api.compat.fal.errors import respond
from api.compat.fal.gateway import FalGateway
from api.compat.shared.surface_app import MountedSurface, surface_app
from api.core.surfaces import Surface
from db.values.surfaces import SurfaceName

PREFIX = "/fal"

_OPEN = re.compile(rf"{PREFIX}/(?:storage/[^/]+|files)/.+|{PREFIX}/rest/\.well-known/jwks\.json")
"""Calls whose paths hold a token, and the keys by which webhooks are verified."""


def make_app() -> FastAPI:
    """The application, without the services, which the main one shares with it."""
    app = surface_app(
        "Bottega: fal", "Queue, run and storage as the clients of fal call them.", respond
    )
    app.include_router(queue.router)
    app.include_router(run.router)
    app.add_middleware(FalGateway)
    return app


SURFACE = MountedSurface(Surface(SurfaceName.FAL, PREFIX, respond, _OPEN), make_app)
