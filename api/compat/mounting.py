"""The compatible APIs, mounted into the service's application."""

from fastapi import FastAPI

from api.compat.bfl.app import SURFACE as BFL
from api.compat.fal.app import SURFACE as FAL
from api.compat.huggingface.app import SURFACE as HUGGINGFACE
from api.compat.openai.app import SURFACE as OPENAI
from api.compat.replicate.app import SURFACE as REPLICATE

SURFACES = (OPENAI, REPLICATE, FAL, BFL, HUGGINGFACE)


def mount(app: FastAPI) -> None:
    """Mount each surface at its prefix; it shares the state of the application."""
    for mounted in SURFACES:
        own = mounted.make_app()
        own.state = app.state
        app.mount(mounted.surface.prefix, own, name=str(mounted.surface.name))
