"""Ways to read a job's state: long polls, validators, lists, cancels."""

import time
from datetime import datetime

import pytest

from tests.acceptance.stack import Client, Json, Stack, eventually

pytestmark = pytest.mark.usefixtures("books")

LONG = {"steps": 50, "num_images": 4, "width": 256, "height": 256}
"""Seconds of work, in fifty steps."""


def account_state(account: Json) -> Json:
    """The state that must be the same after a submission and its cancel."""
    names = ("in_flight", "allowances", "balance_micros", "held_micros", "open_holds")
    return {name: account[name] for name in names}


def test_a_long_poll_answers_as_soon_as_the_job_is_over(tenant: Client) -> None:
    delays = []
    for _ in range(3):
        job = tenant.paint(steps=20)
        ended = tenant.job(job["id"], wait=60)
        delays.append(time.time() - _seconds(ended["finished_at"]))
        assert ended["state"] == "succeeded"
    assert "retry-after" not in tenant.http.get(job["urls"]["self"]).headers
    # Without the event each would wait for the next query of the database, every two seconds.
    assert min(delays) < 0.5, delays


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def test_a_long_poll_ends_with_its_time_and_says_why_the_job_waits(
    stack: Stack, tenant: Client
) -> None:
    with stack.paused("flux.1-demo"):
        job = tenant.paint()
        began = time.monotonic()
        answer = tenant.http.get(job["urls"]["self"], params={"wait": 1})
        assert 1 <= time.monotonic() - began < 10
        assert answer.json()["state"] == "queued"
        assert answer.json()["waiting"]["reason"] == "queue_paused"
        assert answer.json()["waiting"]["position"] == 1
        assert int(answer.headers["retry-after"]) >= 1
        tenant.cancel(job)


def test_a_validator_saves_the_body_until_the_job_changes(stack: Stack, tenant: Client) -> None:
    with stack.paused("flux.1-demo"):
        job = tenant.paint()
        url = job["urls"]["self"]
        tag = tenant.http.get(url).headers["etag"]
        for validator in (tag, f'"something else", {tag}'):
            same = tenant.http.get(url, headers={"If-None-Match": validator})
            assert (same.status_code, same.content) == (304, b"")
            assert same.headers["etag"] == tag
        tenant.cancel(job)
        changed = tenant.http.get(url, headers={"If-None-Match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag


def test_queued_jobs_tell_their_positions(stack: Stack, tenant: Client) -> None:
    with stack.paused("flux.1-demo"):
        jobs = [tenant.paint() for _ in range(3)]
        waits = [tenant.job(job["id"])["waiting"] for job in jobs]
        assert [waiting["position"] for waiting in waits] == [1, 2, 3]
        assert [waiting["expected_seconds"] for waiting in waits] == [None] * 3
        for job in jobs:
            tenant.cancel(job)


def test_a_canceled_queued_job_gives_its_hold_back(stack: Stack, tenant: Client) -> None:
    before = account_state(tenant.account())
    with stack.paused("flux.1-demo"):
        job = tenant.paint(num_images=3)
        held = tenant.account()
        assert held["in_flight"] == 1
        assert held["allowances"]["images"]["held"] == 3
        canceled = tenant.cancel(job)
    assert canceled["state"] == "canceled"
    assert canceled["finished_at"] is not None
    assert canceled["output"] is None
    assert canceled["error"] is None
    assert account_state(tenant.account()) == before


def test_a_canceled_running_job_stops_and_leaves_nothing(stack: Stack, tenant: Client) -> None:
    before = account_state(tenant.account())
    job = tenant.paint(**LONG)
    tenant.wait_for_step(job, 2)
    canceled = tenant.cancel(job)
    assert canceled["state"] == "canceled"
    assert canceled["started_at"] is not None
    assert account_state(tenant.account()) == before

    def given_up() -> bool:
        lines = [line for line in stack.log("worker").splitlines() if job["id"] in line]
        return any('"outcome": "given_up"' in line for line in lines)

    eventually(given_up)
    assert tenant.job(job["id"])["state"] == "canceled"
    assert list(stack.store.list(f"results/{tenant.tenant_id}/")) == []
    [event] = tenant.http.get("/v1/usage").json()["events"]
    assert (event["outcome"], event["units"], event["amount_micros"]) == ("canceled", 0, 0)


def test_cancelling_a_finished_job_leaves_it_as_it_is(tenant: Client) -> None:
    done = tenant.await_end(tenant.paint())
    after = tenant.cancel(done)
    assert after["state"] == "succeeded"
    assert after["finished_at"] == done["finished_at"]
    assert after["output"]["images"][0]["sha256"] == done["output"]["images"][0]["sha256"]
    assert len(tenant.http.get("/v1/usage").json()["events"]) == 1


def test_cancelling_twice_answers_the_same(stack: Stack, tenant: Client) -> None:
    with stack.paused("flux.1-demo"):
        job = tenant.paint()
        assert tenant.cancel(job) == tenant.cancel(job)


def test_a_job_that_no_worker_begins_in_time_expires(stack: Stack, tenant: Client) -> None:
    before = account_state(tenant.account())
    with stack.paused("flux.1-demo"):
        job = tenant.submit("flux.1-demo", {"prompt": "a"}, expires_in_seconds=1)
        ended = tenant.job(job["id"], wait=30)
    assert ended["state"] == "expired"
    assert account_state(tenant.account()) == before
