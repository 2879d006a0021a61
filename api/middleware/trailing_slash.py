"""ASGI middleware: a path means the same with and without a slash at its end."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send


class TrailingSlash:
    """Gives a path its canonical spelling, before anything else reads it.

    A redirect would name the host and scheme by which the request arrived here, which behind a
    proxy are not the client's: its key would go there.

    Args:
        app: the application behind it.
        rooms: paths with a slash at the end, such as that of a mounted application.
    """

    def __init__(self, app: ASGIApp, rooms: Collection[str]) -> None:
        self._app = app
        self._rooms = frozenset(rooms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request under its canonical path."""
        if scope["type"] == "http" and (path := self._canonical(scope["path"])) != scope["path"]:
            scope["path"], scope["raw_path"] = path, path.encode()
        await self._app(scope, receive, send)

    def _canonical(self, path: str) -> str:
        bare = path.rstrip("/")
        return f"{bare}/" if not bare or f"{bare}/" in self._rooms else bare
