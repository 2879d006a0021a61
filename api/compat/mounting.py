"""The compatible APIs, mounted into the service's application."""

from fastapi import FastAPI
from starlette.routing import Match, Mount
from starlette.types import Scope

from api.compat.bfl.app import SURFACE as BFL
from api.compat.fal.app import SURFACE as FAL
from api.compat.huggingface.app import SURFACE as HUGGINGFACE
from api.compat.openai.app import SURFACE as OPENAI
from api.compat.replicate.app import SURFACE as REPLICATE
from api.core.surfaces import Surface, surface_of

SURFACES = (OPENAI, REPLICATE, FAL, BFL, HUGGINGFACE)


def mount(app: FastAPI) -> None:
    """Mount each surface at its prefix; it shares the state of the application.

    Mount them before the application's own routes: those need not be tried for every call.
    """
    for mounted in SURFACES:
        own = mounted.make_app()
        own.state = app.state
        app.router.routes.append(_SurfaceMount(mounted.surface, own))


class _SurfaceMount(Mount):
    """A surface's application, for the requests that `SurfaceRouting` has found to be its own."""

    def __init__(self, surface: Surface, app: FastAPI) -> None:
        super().__init__(surface.prefix, app, name=str(surface.name))
        self._surface = surface

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """A full match for a request of this surface; it costs others next to nothing."""
        if surface_of(scope) is not self._surface:
            return Match.NONE, {}
        return super().matches(scope)
