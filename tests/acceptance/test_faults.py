"""What dies is restarted, and every job ends once: with one settlement and one set of results."""

import os
import signal
from collections.abc import Iterator

import httpx
import psutil
import pytest
from sqlalchemy import select

from db.tables import Artifact, Attempt, Hold, LedgerEntry, UsageEvent
from tests.acceptance.stack import Client, Json, Stack, eventually


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own, whose workers' leases run out soon."""
    running = Stack(
        tmp_path_factory.mktemp("fragile") / "data", settings={"BOTTEGA_LEASE_SECONDS": "3"}
    )
    try:
        running.start()
        yield running
        assert running.violations() == []
        running.stop()
    finally:
        running.abandon()


def kill(stack: Stack, name: str) -> int:
    """Kill one of a stack's processes as a crash would; its process id."""
    pid = stack.children()[name]
    os.kill(pid, signal.SIGKILL)
    return pid


def restarted(stack: Stack, name: str, old_pid: int) -> int:
    """The process id of the one that the supervisor started instead."""

    def new_pid() -> int:
        pid = stack.children().get(name, 0)
        return pid if pid != old_pid else 0

    return eventually(new_pid)


def paint_when_possible(client: Client) -> Json:
    """A painted job, once the API takes and a worker finishes one."""

    def submitted() -> Json:
        try:
            answer = client.http.post(
                "/v1/jobs", json={"model": "flux.1-demo", "input": {"prompt": "a"}}
            )
        except httpx.TransportError:
            return {}
        assert answer.status_code in {202, 503}, answer.text
        job: Json = answer.json()
        return job if answer.status_code == 202 else {}

    def over(job: Json) -> Json:
        try:
            seen = client.job(job["id"], wait=5)
        except (httpx.TransportError, httpx.HTTPStatusError):
            return {}
        return seen if seen["finished_at"] else {}

    job = eventually(submitted)
    return eventually(lambda: over(job), seconds=60)


def test_a_job_whose_worker_is_killed_is_finished_by_a_second_attempt(fragile: Stack) -> None:
    client = fragile.tenant()
    job = client.paint(steps=50, num_images=4, width=256, height=256, seed=1)
    client.wait_for_step(job, 2)
    killed = kill(fragile, "worker")
    new = restarted(fragile, "worker", killed)
    assert psutil.Process(new).is_running()
    ended = client.over(job)
    assert ended["state"] == "succeeded"
    assert ended["attempt"] == 2
    images = ended["output"]["images"]
    assert len(images) == 4
    assert all(httpx.get(image["url"]).status_code == 200 for image in images)
    with fragile.database.transaction() as session:
        tried = select(Attempt).where(Attempt.job_id == job["id"]).order_by(Attempt.number)
        outcomes = [attempt.outcome for attempt in session.scalars(tried)]
        assert outcomes == ["worker_lost", "succeeded"]
        stored = session.scalars(select(Artifact).where(Artifact.job_id == job["id"])).all()
        assert {row.attempt for row in stored} == {2}
        assert len(stored) == 4
        holds = session.scalars(select(Hold).where(Hold.job_id == job["id"])).all()
        assert [hold.state for hold in holds] == ["settled"]
        used = session.scalars(select(UsageEvent).where(UsageEvent.job_id == job["id"])).all()
        assert [(event.units, event.covered_by) for event in used] == [(4, "allowance")]
        entries = select(LedgerEntry).where(LedgerEntry.tenant_id == client.tenant_id)
        assert session.scalars(entries).all() == []
    keys = [info.key for info in fragile.store.list(f"results/{client.tenant_id}/")]
    assert sorted(keys) == sorted(row.key for row in stored)
    account = client.account()
    assert account["allowances"]["images"]["used"] == 4
    assert account["open_holds"] == 0
    with client.follow(job) as stream:
        states = [(e.data["state"], e.data["attempt"]) for e in stream if e.type == "state"]
    assert states == [("queued", 0), ("running", 1), ("queued", 1), ("running", 2)]


@pytest.mark.parametrize("name", ["api", "redis", "courier", "postgres"])
def test_a_killed_process_is_restarted_and_jobs_run_again(fragile: Stack, name: str) -> None:
    client = fragile.tenant()
    before = client.over(client.paint())
    restarted(fragile, name, kill(fragile, name))
    after = paint_when_possible(client)
    assert after["state"] == "succeeded"
    assert client.job(before["id"])["output"]["images"][0]["sha256"]
    answer = httpx.get(f"{fragile.url}/readyz")
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "redis": "ok"}}


def test_a_long_poll_and_a_stream_outlive_redis(fragile: Stack) -> None:
    client = fragile.tenant()
    job = client.paint(steps=50, num_images=4, width=256, height=256)
    with client.follow(job) as stream:
        assert any(event.type == "progress" for event in stream)
        restarted(fragile, "redis", kill(fragile, "redis"))
        assert client.over(job)["state"] == "succeeded"
        last = list(stream)[-1]
    assert (last.type, last.data["state"]) == ("done", "succeeded")
