"""Webhooks of a whole stack: its courier sends every end of a job, also after a kill."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.stack import Client, Json, Stack, eventually
from tests.support.receivers import Reply, receiving

pytestmark = pytest.mark.slow

SETTINGS = {
    "BOTTEGA_OUTBOUND_ALLOW": '["127.0.0.0/8"]',
    "BOTTEGA_OUTBOUND_HTTP": "true",
    "BOTTEGA_OUTBOUND_PORTS": "[]",
}


@pytest.fixture(scope="module")
def webhook_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose courier may reach this machine."""
    running = Stack(
        tmp_path_factory.mktemp("webhook_stack") / "data", SETTINGS, variants=("flux.1-demo",)
    )
    try:
        running.start()
        yield running
        assert running.violations() == []
        running.stop()
    finally:
        running.abandon()


@pytest.fixture
def client(webhook_stack: Stack) -> Client:
    return webhook_stack.tenant()


def paint(client: Client, url: str) -> Json:
    """Submit a picture with a webhook."""
    return client.submit("flux.1-demo", {"prompt": "a red circle"}, webhook={"url": url})


def deliveries(client: Client, **query: str) -> list[Json]:
    """The tenant's deliveries."""
    listed = client.http.get("/v1/webhooks/deliveries", params=query).raise_for_status()
    found: list[Json] = listed.json()["deliveries"]
    return found


def test_a_finished_job_is_told_with_the_tenants_signature(client: Client) -> None:
    with receiving() as receiver:
        job = client.await_end(paint(client, receiver.url))
        eventually(lambda: receiver.requests)
        secret = client.http.get("/v1/webhooks/secret").json()["secret"]
        event = receiver.requests[0].verified(secret)
        [delivery] = eventually(lambda: deliveries(client, state="delivered"))
    assert event["type"] == "job.succeeded"
    assert event["timestamp"] == event["data"]["finished_at"]
    told, shown = event["data"], job
    for name in ("id", "model", "state", "attempt", "priority", "price", "error", "metadata"):
        assert told[name] == shown[name], name
    [image] = shown["output"]["images"]
    del image["url"]
    assert told["output"]["images"] == [image]
    assert (delivery["id"], delivery["job_id"]) == (receiver.requests[0].id, job["id"])


def test_a_courier_killed_under_load_loses_nothing(webhook_stack: Stack, client: Client) -> None:
    with receiving(Reply(500)) as receiver:
        jobs = [paint(client, receiver.url) for _ in range(12)]
        eventually(lambda: receiver.requests)
        os.kill(webhook_stack.children()["courier"], signal.SIGKILL)
        for job in jobs:
            client.await_end(job)
        told = eventually(lambda: _all_delivered(client, len(jobs)), seconds=90)
    assert {one["job_id"] for one in told} == {job["id"] for job in jobs}
    assert set(receiver.ids) == {one["id"] for one in told}


def _all_delivered(client: Client, count: int) -> list[Json]:
    told = deliveries(client, state="delivered", limit="100")
    return told if len(told) == count else []


def test_the_logs_tell_neither_urls_nor_secrets(webhook_stack: Stack, client: Client) -> None:
    secret = client.http.get("/v1/webhooks/secret").json()["secret"]
    with receiving() as receiver:
        client.await_end(paint(client, f"{receiver.url}/t0ken-in-path"))
        eventually(lambda: receiver.requests)
        eventually(lambda: deliveries(client, state="delivered"))
    logs = "".join(path.read_text() for path in Path(webhook_stack.data_dir, "logs").glob("*.log"))
    assert "webhook_sent" in logs
    assert "t0ken-in-path" not in logs
    assert secret not in logs
