"""The events of one job for one client: those of the past, then new ones, and last the job."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from api.auth.tenant import Caller
from api.core.event_stream import PING, PING_SECONDS, frame
from api.jobs.rendered_job import load_ended_job
from api.jobs.views import JobViews, is_over
from api.resources.waiter import CloseReason, StreamedEvent, Waiter
from api.schemas.jobs import JobView
from api.services import Services
from workers.messaging.events import parse_id


@dataclass(frozen=True)
class FollowedJob:
    """A job that a client follows.

    Attributes:
        first: the job, read after the wait began.
    """

    services: Services
    views: JobViews
    caller: Caller
    waiter: Waiter
    first: JobView

    async def frames(self, last_event_id: str | None) -> AsyncGenerator[bytes, None]:
        """The encoded events; the stream ends after `done`, or when the client goes away.

        Args:
            last_event_id: the id of the last event that the client has; None, or any text that is
                no id, for all events.

        Raises:
            db.tenants.api_keys.InvalidKeyError: the caller's key was revoked meanwhile.
            db.tenants.tenants.TenantSuspendedError: the tenant was suspended meanwhile.
        """
        events = await self.services.hub.replay(
            self.first.id, self.waiter, after=_order(last_event_id)
        )
        if is_over(self.first):
            self.waiter.end()
        elif not events:
            state = {"state": self.first.state, "attempt": self.first.attempt}
            yield frame("state", json.dumps(state))
        while True:
            done = next((each for each in events if each.event.type == "done"), None)
            if sent := b"".join(each.frame for each in events if each is not done):
                yield sent
            if done is not None or self.waiter.is_over:
                if (last := await self._end(done)) is not None:
                    yield last
                    return
                self.waiter.reopen()
            events = await self.waiter.next(PING_SECONDS)
            if self.waiter.closed:
                break
            if not events and not self.waiter.is_over:
                yield PING
        if self.waiter.closed == CloseReason.INVALID_CREDENTIAL:
            await self.services.credential_checks.require(self.caller.credential)

    async def _end(self, done: StreamedEvent | None) -> bytes | None:
        """The last event; None when the job is not over, whatever an event said."""
        job = await load_ended_job(
            self.services,
            self.views,
            tenant_id=self.caller.tenant_id,
            credential=self.caller.credential,
            job_id=self.first.id,
        )
        return None if job is None else job.done(done.event.id if done else None)


def _order(event_id: str | None) -> tuple[int, int]:
    """An event id as numbers; zeros for an id that is not ours."""
    try:
        order = parse_id(event_id or "") if len(event_id or "") <= _MAX_ID else (0, 0)
    except ValueError:
        return (0, 0)
    return order if max(order) < _MAX_NUMBER else (0, 0)


_MAX_NUMBER = 2**64
"""Redis counts in 64 bits, and refuses a larger number."""

_MAX_ID = 41
