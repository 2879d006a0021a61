"""A call that makes jobs: who calls, and in which words the answer is."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from api.auth.tenant import Caller, CallerDep
from api.compat.openai.job_stream import ExitsDep
from api.compat.shared.foreign_job import ForeignJobs
from api.core.urls import base_url
from api.routes.idempotency_header import IdempotencyKey
from api.services import Services, ServicesDep


@dataclass(frozen=True)
class Call:
    """A call that makes jobs.

    Attributes:
        exits: contexts that end after the response.
        retry_count: the value of `x-stainless-retry-count`; "" for clients that do not send it.
    """

    request: Request
    services: Services
    caller: Caller
    exits: AsyncExitStack
    idempotency_key: str | None
    retry_count: str

    @property
    def jobs(self) -> ForeignJobs:
        """Renders the jobs, with URLs of the origin that was asked."""
        return ForeignJobs(self.services, base_url(self.request, self.services.settings))

    @property
    def is_first(self) -> bool:
        """True when the client says that it has not sent the request before."""
        return self.retry_count == "0"

    @property
    def is_retry(self) -> bool:
        """True when the client says that it has sent the request before."""
        return self.retry_count not in ("", "0")


RetryCount = Annotated[
    str,
    Header(
        alias="x-stainless-retry-count",
        max_length=20,
        description="Sent by OpenAI's clients; a retry rejoins the job of the first try",
    ),
]


async def _call(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    exits: ExitsDep,
    idempotency_key: IdempotencyKey = None,
    retry_count: RetryCount = "",
) -> Call:
    return Call(request, services, caller, exits, idempotency_key, retry_count)


CallDep = Annotated[Call, Depends(_call)]
"""The call of a request."""
