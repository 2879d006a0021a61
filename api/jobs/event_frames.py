"""The events of one job for one client: those of the past, then new ones, and last the job."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from api.auth.tenant import Caller
from api.core.event_stream import PING, PING_SECONDS, frame
from api.jobs.rendered_job import RenderedJob, load_ended_job
from api.jobs.views import JobViews, is_over
from api.resources.waiter import CloseReason, StreamedEvent, Waiter
from api.schemas.jobs import JobView
from api.services import Services
from workers.messaging.events import parse_id


@dataclass(frozen=True)
class Moment:
    """Events of a job that came together, oldest first, and the job when it has ended with them.

    Attributes:
        last_id: the id of the end, which a client names that has seen it.
    """

    events: tuple[StreamedEvent, ...]
    last: RenderedJob | None = None
    last_id: str = ""


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

    async def is_told(self, last_event_id: str | None) -> bool:
        """True when the job is over, and the client has been sent its end.

        A client of event streams comes back after each end, until it is answered with 204.
        """
        if not last_event_id or not is_over(self.first):
            return False
        if last_event_id == _end_id(self.first):
            return True
        events = await self.services.hub.replay(self.first.id, self.waiter)
        ends = [each.order for each in events if each.event.type == "done"]
        return bool(ends) and _order(last_event_id) >= ends[-1]

    async def frames(self, last_event_id: str | None) -> AsyncGenerator[bytes, None]:
        """The encoded events; the stream ends after `done`, or when the client goes away.

        Args:
            last_event_id: the id of the last event that the client has; None, or any text that is
                no id, for all events.

        Raises:
            db.tenants.api_keys.InvalidKeyError: the caller's key was revoked meanwhile.
            db.tenants.tenants.TenantSuspendedError: the tenant was suspended meanwhile.
        """
        is_first = True
        async with aclosing(self.moments(last_event_id)) as moments:
            async for moment in moments:
                if is_first and not moment.events and moment.last is None:
                    state = {"state": self.first.state, "attempt": self.first.attempt}
                    yield frame("state", json.dumps(state))
                elif not moment.events and moment.last is None:
                    yield PING
                if sent := b"".join(each.frame for each in moment.events):
                    yield sent
                if moment.last is not None:
                    yield moment.last.done(moment.last_id)
                is_first = False

    async def moments(self, last_event_id: str | None = None) -> AsyncGenerator[Moment, None]:
        """The events as they come, together where they came together; the last has the ended job.

        The first comes at once, with the events so far. One without events follows a silence of
        `PING_SECONDS`, after which a stream needs a sign of life.

        Raises:
            db.tenants.api_keys.InvalidKeyError: the caller's key was revoked meanwhile.
            db.tenants.tenants.TenantSuspendedError: the tenant was suspended meanwhile.
        """
        events = await self.services.hub.replay(
            self.first.id, self.waiter, after=_order(last_event_id)
        )
        if is_over(self.first):
            self.waiter.end()
            # Another client's wait may remember those of a job whose contents are removed.
            events = [each for each in events if each.event.type != "preview"]
        is_first = True
        while True:
            done = next((each for each in events if each.event.type == "done"), None)
            others = tuple(each for each in events if each is not done)
            last = None
            if done is not None or self.waiter.is_over:
                last = await self._end()
                if last is None:
                    self.waiter.reopen()
            if others or last or is_first or not (done or self.waiter.is_over):
                yield Moment(others, last, _id_of_end(done, last))
            if last is not None:
                return
            is_first = False
            events = await self.waiter.next(PING_SECONDS)
            if self.waiter.closed:
                break
        if self.waiter.closed == CloseReason.INVALID_CREDENTIAL:
            await self.services.credential_checks.require(self.caller.credential)

    async def _end(self) -> RenderedJob | None:
        """The ended job; None when the job is not over, whatever an event said."""
        return await load_ended_job(
            self.services,
            self.views,
            tenant_id=self.caller.tenant_id,
            credential=self.caller.credential,
            job_id=self.first.id,
            shared=not is_over(self.first),
        )


def _id_of_end(done: StreamedEvent | None, last: RenderedJob | None) -> str:
    """The id of the event of the end; one of the job's row where no event came. Empty before."""
    if done is not None:
        return done.event.id
    return "" if last is None else _end_id(last.view)


def _end_id(job: JobView) -> str:
    """The id of the end of a job without an event of it: of its time, as the ids of events."""
    at = job.finished_at.timestamp() if job.finished_at else 0.0
    return f"{int(at * 1000)}-0"


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
