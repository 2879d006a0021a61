"""The service's own URL, as its clients reach it."""

from fastapi import Request

from api.core.settings import ApiSettings


def base_url(request: Request, settings: ApiSettings) -> str:
    """The configured public URL, else the host that the request names; no trailing slash."""
    return (settings.public_url or str(request.base_url)).rstrip("/")
