"""Static files under names that change with their content, so that browsers may keep them."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope


def marked(folder: Path, path: str) -> Callable[[str], str]:
    """What gives the URL of a static file by its name, with a mark of its content.

    Args:
        folder: where the files lie.
        path: below which they are served.
    """

    @cache
    def url(name: str) -> str:
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12]
        return f"{path}/{name}?v={digest}"

    return url


class KeptFiles(StaticFiles):
    """The static files; what was asked for by its mark may be kept for good."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 404."""
        response = await super().get_response(path, scope)
        if b"v=" in scope["query_string"]:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
