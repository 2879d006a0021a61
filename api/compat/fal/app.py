"""The application of fal's surface: queue, run, proxy and storage."""

import re

from fastapi import FastAPI

from api.compat.fal import queue, run, storage
from api.compat.fal.errors import respond
from api.compat.fal.gateway import FalGateway
from api.compat.shared.surface_app import MountedSurface, surface_app
from api.core.surfaces import Surface
from db.values.surfaces import SurfaceName

_OPEN = re.compile(r"/fal/(?:storage/upload|files)/.+|/fal/rest/\.well-known/jwks\.json")
"""Calls whose paths hold a token, and the keys by which webhooks are verified."""


def make_app() -> FastAPI:
    """The application, without the services, which the main one shares with it."""
    app = surface_app(
        "Bottega: fal", "Queue, run and storage as the clients of fal call them.", respond
    )
    app.include_router(queue.router)
    app.include_router(run.router)
    app.include_router(storage.rest)
    app.include_router(storage.router)
    app.add_middleware(FalGateway)
    return app


SURFACE = MountedSurface(
    Surface(SurfaceName.FAL, storage.PREFIX, respond, _OPEN, key_header="Authorization: Key <key>"),
    make_app,
)
