"""The cookie that a signed-in browser bears."""

from dataclasses import dataclass

from starlette.responses import Response

SESSION_SECONDS = 8 * 3600


@dataclass(frozen=True)
class SessionCookie:
    """A cookie that no script reads and no other site makes a browser send.

    Attributes:
        name: under which the browser keeps it.
        path: below which it is sent.
    """

    name: str
    path: str

    def set_on(self, response: Response, token: str, *, secure: bool) -> None:
        """Have the browser keep a session's token."""
        response.set_cookie(
            self.name,
            token,
            max_age=SESSION_SECONDS,
            path=self.path,
            secure=secure,
            httponly=True,
            samesite="strict",
        )

    def take_from(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.name, path=self.path)
