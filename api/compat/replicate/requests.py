"""Parts that the calls share: the renderer of a request, links, and the JSON of answers."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.responses import Response

from api.compat.replicate.rendering import prediction
from api.compat.replicate.signed_urls import SignedUrls, StreamClaim
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs
from api.core.paging import encode_cursor
from api.core.urls import base_url
from api.services import Services, ServicesDep

Json = dict[str, Any]


async def _jobs(request: Request, services: ServicesDep) -> ForeignJobs:
    return ForeignJobs(services, base_url(request, services.settings))


ForeignJobsDep = Annotated[ForeignJobs, Depends(_jobs)]
"""Renders the jobs of a request."""


def signed_urls(services: Services) -> SignedUrls:
    """The signer of URLs that need no key."""
    return SignedUrls(services.settings.url_secret.get_secret_value())


def prediction_of(
    services: Services, jobs: ForeignJobs, job: ForeignJob, claim: StreamClaim
) -> Json:
    """The JSON of a prediction, with the URL of its stream.

    Args:
        services: the process's services.
        jobs: the renderer of the request.
        job: the job.
        claim: the access that the stream's URL grants.
    """
    return prediction(job, jobs.base, signed_urls(services).stream_path(claim))


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response; text that no encoding can represent is escaped."""
    text = json.dumps(content, separators=(",", ":"))
    return Response(text, status, dict(headers or {}), "application/json")


def next_page(request: Request, base: str, last_id: str) -> str:
    """The URL of the page that follows.

    Args:
        request: the request for this page.
        base: the service's own URL.
        last_id: the id of this page's last item.
    """
    url = request.url.include_query_params(cursor=encode_cursor(last_id))
    return f"{base}{url.path}?{url.query}"
