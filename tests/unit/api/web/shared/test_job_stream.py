"""The stream of a job's live part: order, newest progress, and its end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from fastapi.sse import ServerSentEvent

from api.resources.event_hub import EventHub, Waiter
from api.web.shared.job_stream import JobValues, stream_job
from db.tables import Job
from workers.messaging.events import Event


def event(kind: str, **data: Any) -> Event:
    return Event(job_id="job_1", id="1-0", type=cast("Any", kind), data=data)


class FakeHub:
    """Events of the past, and of the time after watching began."""

    def __init__(self, past: list[Event], live: list[Event]) -> None:
        self._past, self._live = past, live
        self.watchers = 0

    @contextmanager
    def watch(self, _job_id: str) -> Iterator[Waiter]:
        waiter: Waiter = asyncio.Queue()
        for each in self._live:
            waiter.put_nowait(each)
        self.watchers += 1
        yield waiter
        self.watchers -= 1

    async def replay(self, _job_id: str, *, after: str | None) -> list[Event]:
        assert after is None
        return self._past


def values(state: str, **more: Any) -> JobValues:
    job = Job(id="job_1", state=state, progress_step=0, progress_steps=0)
    return {"job": job, "over": state == "succeeded", "waiting": None, **more}


def render(job_values: JobValues, preview: str) -> str:
    job = job_values["job"]
    return f"{job.state} {job.progress_step}/{job.progress_steps} {preview}".strip()


def streamed(hub: FakeHub, reads: list[JobValues]) -> list[tuple[str | None, str | None]]:
    """The events of a stream whose job is read as these values, one after the other."""
    remaining = iter(reads)

    async def collect() -> list[ServerSentEvent]:
        stream = stream_job(
            cast("EventHub", hub), "job_1", read=lambda: next(remaining), render=render
        )
        return [each async for each in stream]

    events = asyncio.run(collect())
    assert hub.watchers == 0
    return [(each.event, each.raw_data) for each in events]


def test_progress_comes_from_events_and_done_is_last() -> None:
    past = [event("progress", step=3, steps=9), event("preview", image="data:x")]
    hub = FakeHub(past, [event("progress", step=4, steps=9), event("done")])
    assert streamed(hub, [values("running"), values("succeeded")]) == [
        (None, "running 3/9 data:x"),
        (None, "succeeded 4/9 data:x"),
        ("done", "succeeded"),
    ]


def test_another_attempt_starts_from_the_beginning() -> None:
    hub = FakeHub([event("progress", step=3, steps=9)], [event("state")])
    parts = streamed(hub, [values("running"), values("queued", over=True)])
    assert parts[1] == (None, "queued 0/0")


def test_an_unchanged_part_is_not_sent_again() -> None:
    hub = FakeHub([], [event("state")])
    parts = streamed(hub, [values("running"), values("running", over=True)])
    assert parts == [(None, "running 0/0"), ("done", "running")]
