"""Server-Sent Events: a job's events in real time, and their replay."""

import base64
import io

import pytest
from PIL import Image

from tests.acceptance.stack import Client, Json, ServerSentEvent, Stack

pytestmark = pytest.mark.usefixtures("books")

STEPS = 8


@pytest.fixture(scope="module")
def follower(stack: Stack) -> Client:
    return stack.tenant()


@pytest.fixture(scope="module")
def done(follower: Client) -> Json:
    return follower.await_end(follower.paint(steps=STEPS))


def order(event: ServerSentEvent) -> tuple[int, int]:
    """An id as numbers."""
    assert event.id is not None
    milliseconds, _, sequence = event.id.partition("-")
    return int(milliseconds), int(sequence)


def assert_newest(steps: list[int], *, last: int) -> None:
    """Live, the newest step comes a few times a second: some may be left out, never the last."""
    assert steps == sorted(set(steps))
    assert steps[-1] == last


def test_a_job_is_followed_step_by_step_to_its_end(tenant: Client) -> None:
    job = tenant.paint(steps=STEPS)
    with tenant.follow(job) as stream:
        events = list(stream)
    states = [event.data["state"] for event in events if event.type == "state"]
    assert states[-1] == "running"
    steps = [event.data for event in events if event.type == "progress"]
    assert_newest([data["step"] for data in steps], last=STEPS)
    assert {data["steps"] for data in steps} == {STEPS}
    assert steps[-1]["fraction"] == 1
    assert [event.type for event in events].count("done") == 1
    last = events[-1]
    assert last.type == "done"
    assert last.data["id"] == job["id"]
    assert last.data["state"] == "succeeded"
    assert last.data["output"]["images"][0]["url"].startswith("http")


def test_events_come_while_the_job_runs(tenant: Client) -> None:
    job = tenant.paint(steps=50, width=256, height=256)
    with tenant.follow(job) as stream:
        next(event for event in stream if event.type == "progress")
        assert tenant.job(job["id"])["state"] == "running"
        assert [event.type for event in stream][-1] == "done"


def test_who_asks_sees_what_a_job_is_coming_to_until_it_is_over(tenant: Client) -> None:
    job = tenant.paint(steps=STEPS, previews=True)
    with tenant.follow(job) as stream:
        shown = [event.data for event in stream if event.type == "preview"]
    assert shown
    assert [data["step"] for data in shown] == sorted({data["step"] for data in shown})
    for data in shown:
        head, _, text = data["image"].partition(",")
        assert head == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(text))).size == (128, 128)
    with tenant.follow(job) as stream:
        assert "preview" not in [event.type for event in stream]


def test_the_events_of_a_finished_job_are_told_again(follower: Client, done: Json) -> None:
    with follower.follow(done) as stream:
        events = list(stream)
    assert [e.data["state"] for e in events if e.type == "state"] == ["queued", "running"]
    assert [e.data["step"] for e in events if e.type == "progress"] == list(range(1, STEPS + 1))
    assert events[-1].type == "done"
    assert [order(event) for event in events] == sorted(order(event) for event in events)


def test_a_resumed_stream_tells_only_what_came_later(follower: Client, done: Json) -> None:
    with follower.follow(done) as stream:
        events = list(stream)
    for n in (0, len(events) // 2, len(events) - 2):
        with follower.follow(done, after=events[n].id) as stream:
            assert [event.id for event in stream] == [event.id for event in events[n + 1 :]]


def test_a_stream_resumed_in_the_middle_of_a_job_misses_nothing(tenant: Client) -> None:
    job = tenant.paint(steps=50)
    with tenant.follow(job) as stream:
        seen = next(event for event in stream if event.type == "progress")
    with tenant.follow(job, after=seen.id) as stream:
        rest = [event.data["step"] for event in stream if event.type == "progress"]
    assert rest[0] > seen.data["step"]
    assert_newest(rest, last=50)


def test_a_stream_resumed_after_its_end_is_told_not_to_come_again(
    follower: Client, done: Json
) -> None:
    with follower.follow(done) as stream:
        last = list(stream)[-1]
    again = follower.http.get(done["urls"]["events"], headers={"Last-Event-ID": str(last.id)})
    assert (again.status_code, again.content) == (204, b"")


def test_what_is_no_event_id_counts_as_none(follower: Client, done: Json) -> None:
    for nonsense in ("nonsense", "0-0", "-1", "9" * 40):
        with follower.follow(done, after=nonsense) as stream:
            assert list(stream)[-1].type == "done"


def test_a_canceled_job_ends_its_stream(stack: Stack, tenant: Client) -> None:
    with stack.paused("flux.1-demo"):
        job = tenant.paint()
        with tenant.follow(job) as stream:
            assert next(stream).data["state"] == "queued"
            tenant.cancel(job)
            last = list(stream)[-1]
    assert (last.type, last.data["state"]) == ("done", "canceled")


def test_another_tenant_gets_a_problem_and_no_stream(
    follower: Client, done: Json, tenant: Client
) -> None:
    answer = tenant.http.get(done["urls"]["events"])
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"
    assert follower.job(done["id"])["state"] == "succeeded"


def test_the_stream_is_one_that_proxies_leave_alone(follower: Client, done: Json) -> None:
    with follower.http.stream("GET", done["urls"]["events"]) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "no-cache" in response.headers["cache-control"]
        response.read()
