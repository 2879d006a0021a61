"""ASGI middleware: finds the compatible API of a request, also under its other addresses."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from api.core.surfaces import SURFACE, Surface


class SurfaceRouting:
    """Rewrites other addresses to the canonical path before anything else reads it.

    Args:
        app: the application behind it.
        surfaces: the compatible APIs; the first rewrite that fits holds.
    """

    def __init__(self, app: ASGIApp, surfaces: Sequence[Surface]) -> None:
        self._app = app
        self._surfaces = surfaces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request under its canonical path."""
        if scope["type"] == "http" and (path := self._canonical(scope)) is not None:
            if path != scope["path"]:
                scope["path"], scope["raw_path"] = path, path.encode()
            scope[SURFACE] = next(each for each in self._surfaces if each.has(path))
        await self._app(scope, receive, send)

    def _canonical(self, scope: Scope) -> str | None:
        """The canonical path; None for a path of no surface."""
        path, method = scope["path"], scope["method"]
        for surface in self._surfaces:
            for rewrite in surface.rewrites:
                if rewrite.methods and method not in rewrite.methods:
                    continue
                if (match := rewrite.pattern.fullmatch(path)) is not None:
                    return match.expand(rewrite.path)
        return path if any(surface.has(path) for surface in self._surfaces) else None
