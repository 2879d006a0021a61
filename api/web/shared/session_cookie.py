"""The cookie that keeps a browser signed in."""

from dataclasses import dataclass

from starlette.responses import Response

SESSION_SECONDS = 8 * 3600


@dataclass(frozen=True)
class SessionCookie:
    """A cookie that scripts cannot read and that requests from other sites do not carry.

    Attributes:
        name: its name in the browser.
        path: the URL path below which the browser sends it.
    """

    name: str
    path: str

    def set_on(self, response: Response, token: str, *, secure: bool) -> None:
        """Store a session's token in the browser."""
        response.set_cookie(
            self.name,
            token,
            max_age=SESSION_SECONDS,
            path=self.path,
            secure=secure,
            httponly=True,
            samesite="strict",
        )

    def delete_from(self, response: Response) -> None:
        """Delete the cookie in the browser."""
        response.delete_cookie(self.name, path=self.path)
