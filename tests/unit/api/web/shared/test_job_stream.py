"""The stream of a job's live part: order, newest progress, and its end."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from api.resources.credentials import Credential
from api.resources.waiter import StreamedEvent, Waiter
from api.services import Services
from api.web.shared.job_stream import JobValues, LivePart
from db.tables import Job
from db.tenants.api_keys import InvalidKeyError
from workers.messaging.events import Event


def event(n: int, kind: str, **data: Any) -> Event:
    return Event(job_id="job_1", id=f"{n}-0", type=cast("Any", kind), data=data)


class Past:
    """Events of the past, to whoever asks."""

    def __init__(self, events: list[Event]) -> None:
        self._events = [StreamedEvent(each) for each in events]

    async def replay(self, _job_id: str, waiter: Waiter) -> list[StreamedEvent]:
        if self._events:
            waiter.skip_to(self._events[-1].order)
        return self._events


class Checks:
    """Checks of a credential that stays valid for a number of looks."""

    def __init__(self, looks: int) -> None:
        self._looks = looks

    async def require(self, _credential: Credential) -> None:
        self._looks -= 1
        if self._looks < 0:
            raise InvalidKeyError


def values(state: str, **more: Any) -> JobValues:
    job = Job(id="job_1", state=state, progress_step=0, progress_steps=0)
    return {"job": job, "over": state == "succeeded", "waiting": None, **more}


def render(job_values: JobValues, preview: str) -> str:
    job = job_values["job"]
    return f"{job.state} {job.progress_step}/{job.progress_steps} {preview}".strip()


def streamed(
    past: list[Event], live: list[Event], reads: list[JobValues], *, looks: int = 9
) -> list[str]:
    """The frames of a stream whose job is read as these values, one after the other."""
    remaining = iter(reads)

    async def collect() -> list[str]:
        services = SimpleNamespace(hub=Past(past), credential_checks=Checks(looks))
        waiter = Waiter(Credential("key_1"))
        waiter.put(map(StreamedEvent, live))
        part = LivePart(
            cast("Services", services), "job_1", waiter, lambda: next(remaining), render
        )
        return [frame.decode() async for frame in part.frames()]

    return asyncio.run(collect())


def test_progress_comes_from_events_and_done_is_last() -> None:
    past = [event(1, "progress", step=3, steps=9), event(2, "preview", image="data:x")]
    live = [event(3, "progress", step=4, steps=9), event(4, "done")]
    assert streamed(past, live, [values("running"), values("succeeded")]) == [
        "data: running 3/9 data:x\n\n",
        "data: succeeded 4/9 data:x\n\n",
        "event: done\ndata: succeeded\nid: done\n\n",
    ]


def test_another_attempt_starts_from_the_beginning() -> None:
    past = [event(1, "progress", step=3, steps=9)]
    reads = [values("running"), values("queued", over=True)]
    assert streamed(past, [event(2, "state")], reads)[1] == "data: queued 0/0\n\n"


def test_an_unchanged_part_is_not_sent_again() -> None:
    parts = streamed([], [event(1, "state")], [values("running"), values("running", over=True)])
    assert parts == ["data: running 0/0\n\n", "event: done\ndata: running\nid: done\n\n"]


def test_who_is_signed_out_meanwhile_is_sent_nothing_more() -> None:
    reads = [values("running"), values("succeeded")]
    parts = streamed([], [event(1, "done")], reads, looks=1)
    assert parts == ["data: running 0/0\n\n"]
