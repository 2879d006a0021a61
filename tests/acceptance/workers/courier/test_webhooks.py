"""Webhooks of a whole stack: what its workers finish, its courier tells, killed or not."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stack import Client, Json, Stack, eventually
from tests.support.receivers import Say, receiving

SETTINGS = {
    "BOTTEGA_OUTBOUND_ALLOW": '["127.0.0.0/8"]',
    "BOTTEGA_OUTBOUND_HTTP": "true",
    "BOTTEGA_OUTBOUND_PORTS": "[]",
}


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose courier may reach this machine."""
    running = Stack(
        tmp_path_factory.mktemp("telling") / "data", SETTINGS, variants=("flux.1-demo",)
    )
    try:
        running.start()
        yield running
        assert running.violations() == []
        running.stop()
    finally:
        running.abandon()


@pytest.fixture
def client(telling: Stack) -> Client:
    return telling.tenant()


def paint(client: Client, url: str) -> Json:
    """Submit a picture whose end is to be told."""
    return client.submit("flux.1-demo", {"prompt": "a red circle"}, webhook={"url": url})


def deliveries(client: Client, **query: str) -> list[Json]:
    """What the tenant is told of its webhooks."""
    listed = client.http.get("/v1/webhooks/deliveries", params=query).raise_for_status()
    found: list[Json] = listed.json()["deliveries"]
    return found


def test_a_finished_job_is_told_with_the_tenants_signature(client: Client) -> None:
    with receiving() as receiver:
        job = client.over(paint(client, receiver.url))
        eventually(lambda: receiver.heard)
        secret = client.http.get("/v1/webhooks/secret").json()["secret"]
        event = receiver.heard[0].verified(secret)
        [delivery] = eventually(lambda: deliveries(client, state="delivered"))
    assert event["type"] == "job.succeeded"
    assert event["timestamp"] == event["data"]["finished_at"]
    told, shown = event["data"], job
    for name in ("id", "model", "state", "attempt", "priority", "price", "error", "metadata"):
        assert told[name] == shown[name], name
    [image] = shown["output"]["images"]
    del image["url"]
    assert told["output"]["images"] == [image]
    assert (delivery["id"], delivery["job_id"]) == (receiver.heard[0].id, job["id"])


def test_a_courier_killed_under_load_loses_nothing(telling: Stack, client: Client) -> None:
    with receiving(Say(500)) as receiver:
        jobs = [paint(client, receiver.url) for _ in range(12)]
        eventually(lambda: receiver.heard)
        os.kill(telling.children()["courier"], signal.SIGKILL)
        for job in jobs:
            client.over(job)
        told = eventually(lambda: _all_delivered(client, len(jobs)), seconds=90)
    assert {one["job_id"] for one in told} == {job["id"] for job in jobs}
    assert set(receiver.ids) == {one["id"] for one in told}


def _all_delivered(client: Client, count: int) -> list[Json]:
    told = deliveries(client, state="delivered", limit="100")
    return told if len(told) == count else []


def test_the_logs_tell_neither_urls_nor_secrets(telling: Stack, client: Client) -> None:
    secret = client.http.get("/v1/webhooks/secret").json()["secret"]
    with receiving() as receiver:
        client.over(paint(client, f"{receiver.url}/t0ken-in-path"))
        eventually(lambda: receiver.heard)
        eventually(lambda: deliveries(client, state="delivered"))
    logs = "".join(path.read_text() for path in Path(telling.data_dir, "logs").glob("*.log"))
    assert "webhook_sent" in logs
    assert "t0ken-in-path" not in logs
    assert secret not in logs
