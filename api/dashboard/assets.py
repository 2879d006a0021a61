"""Static files under names that change with their content, so that browsers may keep them."""

import hashlib
from functools import cache
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
PATH = "/dashboard/static"


@cache
def asset(name: str) -> str:
    """The URL of a static file, with a mark of its content."""
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:12]
    return f"{PATH}/{name}?v={digest}"


class KeptFiles(StaticFiles):
    """The static files; what was asked for by its mark may be kept for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 404."""
        response = await super().get_response(path, scope)
        if b"v=" in scope["query_string"]:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
