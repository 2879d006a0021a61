"""The cookie that keeps a browser signed in."""

from dataclasses import dataclass, replace

from starlette.responses import Response

from api.core.settings import ApiSettings
from api.core.urls import is_public_https

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

    def under(self, settings: ApiSettings) -> "SessionCookie":
        """The cookie as this deployment sets it.

        Where clients use https, its name begins with `__Host-`: the browser then accepts it from
        this host by https alone, and no other host of the domain can plant one.
        """
        if not is_public_https(settings):
            return self
        return replace(self, name=f"__Host-{self.name}", path="/")

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

    def delete_from(self, response: Response, *, secure: bool) -> None:
        """Delete the cookie in the browser."""
        response.delete_cookie(self.name, path=self.path, secure=secure)
