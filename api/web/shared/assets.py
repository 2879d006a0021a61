"""Static files whose URLs contain a digest of their content, so that browsers may cache them."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

SHARED_STATIC = Path(__file__).parent / "static"
"""The static files of both sites: the base styles, the frame's script, and htmx."""

_SHARED_PATH = "/dashboard/static"
"""The one path of the shared files, so that a browser caches them once for both sites."""


def asset_urls(folder: Path, path: str) -> Callable[[str], str]:
    """A function that gives the URL of a static file by its name: the site's own, or a shared one.

    Args:
        folder: the site's own static files.
        path: the URL path that serves them.
    """

    @cache
    def url(name: str) -> str:
        is_own = (folder / name).exists()
        file = (folder if is_own else SHARED_STATIC) / name
        digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        return f"{path if is_own else _SHARED_PATH}/{name}?v={digest}"

    return url


class VersionedFiles(StaticFiles):
    """Static files of one or more folders; a request that names a digest may be cached for good."""

    def __init__(self, *folders: Path) -> None:
        super().__init__(directory=folders[0])
        self.all_directories = list(folders)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or 404."""
        response = await super().get_response(path, scope)
        if b"v=" in scope["query_string"]:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
