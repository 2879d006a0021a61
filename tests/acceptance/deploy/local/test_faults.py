"""A whole stack, its processes killed, frozen and told to stop while jobs run and come in."""

import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.acceptance.stack import Client, Json, ServerSentEvent, Stack, eventually
from tests.support.stack_faults import (
    QUICK,
    Load,
    assert_paid_once,
    assert_sound,
    assert_well,
    await_restart,
    books_of,
    frozen,
    strike,
    timed,
)

pytestmark = pytest.mark.slow

SETTINGS = {"BOTTEGA_LEASE_SECONDS": "3", "BOTTEGA_SWEEP_SECONDS": "0.5"}
STEPS = 50
LONG: Json = {"steps": STEPS, "num_images": 2, "width": 256, "height": 256, "seed": 1}


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this module's own, whose workers' leases run out soon."""
    running = Stack(tmp_path_factory.mktemp("struck") / "data", SETTINGS, variants=("flux.1-demo",))
    try:
        running.start()
        yield running
        assert_sound(running)
        running.stop()
    finally:
        running.abandon()


@pytest.fixture
def client(struck: Stack) -> Iterator[Client]:
    """A new tenant; whatever happens to the stack, it is well again afterwards."""
    yield struck.tenant()
    assert_well(struck)


@pytest.mark.parametrize(
    ("names", "by"),
    [
        (("courier", "api"), signal.SIGKILL),
        (("redis",), signal.SIGKILL),
        (("postgres",), signal.SIGQUIT),  # its immediate shutdown: as a crash
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else str(value),
)
def test_each_submission_comes_out_once_whatever_is_killed_meanwhile(
    struck: Stack, client: Client, names: tuple[str, ...], by: signal.Signals
) -> None:
    load = Load(client)
    with load.running():
        load.await_more()
        for name, pid in [(name, strike(struck, name, by)) for name in names]:
            await_restart(struck, name, pid)
        load.await_more()
    load.assert_all_came_out(struck)
    assert bool(load.broken) == ("api" in names)
    assert bool(load.refused) == ("postgres" in names)


def test_a_worker_frozen_past_its_lease_pays_and_keeps_one_attempt_alone(
    struck: Stack, client: Client
) -> None:
    job = client.paint(**LONG)
    client.wait_for_step(job, STEPS // 2)
    with frozen(struck, "worker"):
        eventually(lambda: client.job(job["id"])["state"] == "queued")
    ended = client.await_end(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2)
    books = books_of(struck, job)
    assert books.outcomes == ["worker_lost", "succeeded"]
    assert_paid_once(books, attempt=2, pictures=2)


def test_a_job_whose_worker_is_killed_is_finished_by_a_second_attempt(
    struck: Stack, client: Client
) -> None:
    job = client.paint(**LONG)
    client.wait_for_step(job, 2)
    await_restart(struck, "worker", strike(struck, "worker"))
    ended = client.await_end(job)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 2)
    images = ended["output"]["images"]
    assert [httpx.get(image["url"]).status_code for image in images] == [200, 200]
    books = books_of(struck, job)
    assert books.outcomes == ["worker_lost", "succeeded"]
    assert_paid_once(books, attempt=2, pictures=2)
    account = client.account()
    assert (account["allowances"]["images"]["used"], account["open_holds"]) == (2, 0)
    with client.follow(job) as stream:
        states = [(e.data["state"], e.data["attempt"]) for e in stream if e.type == "state"]
    assert states == [("queued", 0), ("running", 1), ("queued", 1), ("running", 2)]


def test_a_worker_told_to_stop_in_mid_job_loses_nothing(struck: Stack, client: Client) -> None:
    job, later = client.paint(**LONG), client.paint(steps=1)
    client.wait_for_step(job, 2)
    await_restart(struck, "worker", strike(struck, "worker", signal.SIGTERM))
    for one, pictures in ((job, 2), (later, 1)):
        ended = client.await_end(one)
        assert ended["state"] == "succeeded"
        books = books_of(struck, one)
        assert "worker_lost" not in books.outcomes, "handed back at the latest, never left"
        assert_paid_once(books, ended["attempt"], pictures)


def test_fifty_queued_jobs_outlive_the_flushing_of_redis(struck: Stack, client: Client) -> None:
    with struck.paused("flux.1-demo"):
        jobs = [client.paint(steps=1) for _ in range(50)]
        with struck.redis_as_admin() as connection:
            connection.flushall()
    assert [client.await_end(job)["state"] for job in jobs] == ["succeeded"] * 50
    assert client.account()["allowances"]["images"]["used"] == 50


def test_submissions_are_taken_at_once_while_redis_hangs(struck: Stack, client: Client) -> None:
    asked = {"model": "flux.1-demo", "input": QUICK}
    with frozen(struck, "redis"):
        answers = [timed(client.http, asked) for _ in range(6)]
    assert [status for status, _ in answers] == [202] * 6
    assert max(seconds for _, seconds in answers) < 3, answers
    listed = client.http.get("/v1/jobs").raise_for_status().json()["jobs"]
    assert [client.await_end(job)["state"] for job in listed] == ["succeeded"] * 6


def follow_to_the_end(client: Client, job: Json, struck: Stack) -> list[ServerSentEvent]:
    """A job's events over the API's death and restart, each connection resuming the last."""
    seen: list[ServerSentEvent] = []
    killed = 0
    while not seen or seen[-1].type != "done":
        try:
            with client.follow(job, after=seen[-1].id if seen else None) as stream:
                for event in stream:
                    seen.append(event)
                    if event.type == "progress" and not killed:
                        killed = strike(struck, "api")
        except httpx.TransportError:
            await_restart(struck, "api", killed)
    assert killed
    return seen


def test_a_stream_resumed_over_the_apis_death_tells_each_event_once(
    struck: Stack, client: Client
) -> None:
    job = client.paint(**LONG)
    seen = follow_to_the_end(client, job, struck)
    steps = [event.data["step"] for event in seen if event.type == "progress"]
    # Of progress a client is told the newest, a few times a second, and never one step twice.
    assert steps == sorted(set(steps))
    with client.follow(job) as stream:
        replayed = [event.id for event in stream]
    assert [each for each in replayed if each in {event.id for event in seen}] == [
        event.id for event in seen
    ]
    assert seen[-1].data["state"] == "succeeded"


def test_a_long_poll_and_a_stream_outlive_redis(struck: Stack, client: Client) -> None:
    job = client.paint(**LONG)
    with client.follow(job) as stream:
        assert any(event.type == "progress" for event in stream)
        await_restart(struck, "redis", strike(struck, "redis"))
        assert client.await_end(job)["state"] == "succeeded"
        last = list(stream)[-1]
    assert (last.type, last.data["state"]) == ("done", "succeeded")


def test_a_job_canceled_in_mid_run_leaves_the_device_at_once(struck: Stack, client: Client) -> None:
    job = client.paint(**LONG)
    client.wait_for_step(job, 2)
    assert client.cancel(job)["state"] == "canceled"
    assert client.account()["open_holds"] == 0
    with client.follow(job) as stream:
        list(stream)
    assert client.await_end(client.paint(steps=1))["state"] == "succeeded"
    books = books_of(struck, job)
    # What ran is charged: two steps of many are less than a picture.
    assert books == (["canceled"], ["settled"], [0], [], [])
    eventually(lambda: f'"job_id": "{job["id"]}"' in _given_up(struck))


def _given_up(struck: Stack) -> str:
    lines = struck.log("worker").splitlines()
    return "\n".join(line for line in lines if '"outcome": "given_up"' in line)


def test_a_job_canceled_while_queued_never_runs(struck: Stack, client: Client) -> None:
    with struck.paused("flux.1-demo"):
        job = client.paint()
        assert client.cancel(job)["state"] == "canceled"
    assert client.await_end(client.paint())["state"] == "succeeded"
    assert books_of(struck, job) == ([], ["released"], [], [], [])
