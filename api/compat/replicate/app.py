"""The surface of Replicate: its paths, and its application."""

import re

from fastapi import FastAPI

from api.compat.replicate.errors import respond
from api.compat.replicate.routes import account, files, models, predictions, streams
from api.compat.shared.surface_app import MountedSurface, surface_app
from api.core.surfaces import Rewrite, Surface
from db.values.surfaces import SurfaceName

_PREFIX = "/replicate"
_ROUTERS = (predictions.router, models.router, files.router, account.router, streams.router)

_OPEN_PATHS = re.compile(rf"{_PREFIX}/(?:stream/[^/]+|v1/files/file_[0-9a-z]{{26}}/download/[^/]+)")
_ROOMS = "account|collections|deployments|files|hardware|models|predictions|trainings|webhooks"

_REWRITES = (
    # One variable means the base with and without `/v1` to two clients.
    Rewrite(re.compile(rf"{_PREFIX}/v1(/v1(?:/.*)?)"), rf"{_PREFIX}\1"),
    Rewrite(re.compile(rf"{_PREFIX}(/(?:{_ROOMS})(?:/.*)?)"), rf"{_PREFIX}/v1\1"),
)


def make_app() -> FastAPI:
    """The application, without the services, which the main one shares with it."""
    app = surface_app(
        "Bottega: Replicate",
        "Predictions, models and files as the clients of Replicate call them.",
        respond,
    )
    for router in _ROUTERS:
        app.include_router(router)
    return app


SURFACE = MountedSurface(
    Surface(SurfaceName.REPLICATE, _PREFIX, respond, _OPEN_PATHS, _REWRITES), make_app
)
