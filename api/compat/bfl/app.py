"""The application of the API of FLUX's vendor, and the addresses of its calls."""

import re

from fastapi import FastAPI

from api.compat.bfl.errors import respond
from api.compat.bfl.routes import router
from api.compat.shared.surface_app import MountedSurface, surface_app
from api.core.surfaces import Rewrite, Surface
from db.values.surfaces import SurfaceName

_PREFIX = "/bfl"
_ENDPOINT = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NATIVE = "account|admin|artifacts|chat|files|images|jobs|models|usage|webhooks"
"""The first segments below `/v1/` of other calls: all else that is posted there is an endpoint."""

_POST = frozenset({"POST"})

REWRITES = (
    Rewrite(re.compile(r"/v1/(get_result|credits)"), r"/bfl/v1/\1"),
    Rewrite(re.compile(rf"/v1/(licenses/models/{_ENDPOINT}/usage)"), r"/bfl/v1/\1", _POST),
    Rewrite(re.compile(rf"/v1/(?!(?:{_NATIVE})$)({_ENDPOINT})"), r"/bfl/v1/\1", _POST),
    # ComfyUI's nodes, whose base URL may have this surface's prefix.
    Rewrite(re.compile(rf"(?:/bfl)?/proxy/bfl/({_ENDPOINT})/generate"), r"/bfl/v1/\1"),
)
"""The same calls at the root, where the vendor has them: some clients drop a prefix."""


def make_app() -> FastAPI:
    """The application, without the services, which the main one shares with it."""
    app = surface_app(
        "Bottega: FLUX vendor", "The API of FLUX's vendor as its clients call it.", respond
    )
    app.include_router(router, prefix="/v1")
    return app


SURFACE = MountedSurface(
    Surface(
        SurfaceName.BFL,
        _PREFIX,
        respond,
        open_calls=re.compile(rf"{_PREFIX}/v1/get_result"),
        rewrites=REWRITES,
        key_header="x-key: <key>",
    ),
    make_app,
)
