"""Webhooks in the form of a compatible API: their events, stored bodies and what is removed."""

import json
from typing import Any

import pytest

from db.core.session import Database
from db.jobs.contents import lock_job, remove_contents
from db.jobs.types import Origin, RequestWarning
from db.operators import jobs as operator_jobs
from db.operators.audit import Actor
from db.values.surfaces import SurfaceName
from db.webhooks import deliveries
from db.webhooks.types import ProgressEvent, Webhook, WebhookEvent
from tests.support.jobs import (
    add_tenant,
    cancel,
    complete,
    counts,
    fail,
    found,
    running,
    stored,
    submit,
)
from tests.support.waiting import at_once
from tests.support.webhooks import claim_deliveries, delivery, of_job, record

URL = "https://receiver.example/hook?token=abc"
BASE = "https://bottega.example"
EVERY = (*ProgressEvent, *WebhookEvent)
SECRET = "a-secret-of-the-request"
REQUEST = {"model": "black-forest-labs/flux-dev", "input": {"prompt": "a red circle"}}
WARNING = RequestWarning("parameter_ignored", "go_fast", "go_fast is ignored")


def foreign(*events: Any, surface: SurfaceName = SurfaceName.REPLICATE) -> dict[str, Any]:
    """The change that makes a submission's webhook one of a compatible API."""
    return {
        "webhook": Webhook(URL, events or EVERY, BASE, surface, SECRET),
        "origin": Origin(surface, REQUEST, (WARNING,)),
    }


def start(database: Database, job_id: str) -> None:
    """Tell a start."""
    with database.transaction() as session:
        deliveries.enqueue_start(session, found(database, job_id))


def step(database: Database, job_id: str, number: int, of: int = 4) -> None:
    """Tell a step."""
    with database.transaction() as session:
        deliveries.enqueue_logs(session, found(database, job_id), number, of)


def events(database: Database, job_id: str) -> list[str]:
    """The events of a job, oldest first."""
    return [each.event for each in reversed(of_job(database, job_id))]


def body(database: Database, job_id: str, event: str) -> Any:
    """The stored body of an event."""
    [text] = [each.body for each in of_job(database, job_id) if each.event == event]
    return json.loads(text)


def test_a_webhook_survives_its_column(database: Database) -> None:
    for webhook in (Webhook(URL, EVERY, BASE, SurfaceName.BFL, SECRET), Webhook(URL)):
        job_id = submit(database, add_tenant(database), webhook=webhook)
        kept = found(database, job_id).webhook
        assert kept is not None
        assert Webhook.from_json(kept) == webhook
    assert kept == {"url": URL, "events": list(WebhookEvent), "base_url": ""}
    assert SECRET not in repr(Webhook(URL, secret=SECRET))


def test_each_event_has_its_moment(database: Database) -> None:
    held = running(database, add_tenant(database), **foreign())
    start(database, held.job_id)
    step(database, held.job_id, 1)
    assert complete(database, held, stored(held, 0))
    assert events(database, held.job_id) == [
        "job.started",
        "job.logs.1",
        "job.output",
        "job.succeeded",
    ]
    assert body(database, held.job_id, "job.logs.1")["data"]["run"]["step"] == 1
    output = body(database, held.job_id, "job.output")["data"]
    assert (output["state"], output["finished_at"]) == ("running", None)
    ended = body(database, held.job_id, "job.succeeded")["data"]
    assert ended["state"] == "succeeded"
    assert ended["output"] == output["output"]
    assert [entry["n"] for entry in ended["output"]["images"]] == [0]
    assert body(database, held.job_id, "job.started")["data"]["output"] is None


@pytest.mark.parametrize("event", EVERY)
def test_what_is_not_subscribed_to_is_not_sent(database: Database, event: str) -> None:
    held = running(database, add_tenant(database), **foreign(event))
    start(database, held.job_id)
    step(database, held.job_id, 1)
    assert complete(database, held, stored(held))
    told = [name.removesuffix(".1") for name in events(database, held.job_id)]
    ends_otherwise = {"job.failed", "job.canceled", "job.expired"}
    assert told == ([] if event in ends_otherwise else [event])


def test_a_failure_has_no_output_event(database: Database) -> None:
    held = running(database, add_tenant(database), **foreign())
    assert fail(database, held)
    assert events(database, held.job_id) == ["job.failed"]


def test_a_queued_job_that_is_canceled_tells_it(database: Database) -> None:
    tenant_id = add_tenant(database)
    job_id = submit(database, tenant_id, **foreign())
    assert cancel(database, job_id, tenant_id)
    assert events(database, job_id) == ["job.canceled"]


def test_a_second_start_is_not_told(database: Database) -> None:
    held = running(database, add_tenant(database), **foreign())
    at_once([lambda: start(database, held.job_id)] * 4)
    assert events(database, held.job_id) == ["job.started"]


def test_starts_and_ends_of_many_jobs_at_once_make_one_endpoint(database: Database) -> None:
    tenant_id = add_tenant(database)
    held = [running(database, tenant_id, **foreign()) for _ in range(8)]
    at_once(
        [lambda each=each: start(database, each.job_id) for each in held]
        + [lambda each=each: complete(database, each, stored(each)) for each in held]
    )
    assert counts(database, "webhook_endpoints") == [1]
    assert counts(database, "deliveries") == [24]


def test_a_slow_receiver_gets_fewer_steps(database: Database) -> None:
    held = running(database, add_tenant(database), **foreign())
    step(database, held.job_id, 1)
    step(database, held.job_id, 2)
    assert events(database, held.job_id) == ["job.logs.1"]
    [sending] = claim_deliveries(database)
    assert record(database, sending, 200) == "delivered"
    step(database, held.job_id, 3)
    assert events(database, held.job_id) == ["job.logs.1", "job.logs.3"]


def test_a_claim_has_the_facts_of_the_form(database: Database) -> None:
    held = running(database, add_tenant(database), **foreign())
    assert fail(database, held)
    [sending] = claim_deliveries(database)
    facts = sending.foreign
    assert facts is not None
    assert (facts.surface, facts.base_url, facts.secret) == (SurfaceName.REPLICATE, BASE, SECRET)
    assert facts.request == REQUEST
    assert facts.input["prompt"] == "a red circle"
    assert facts.warnings == [WARNING.as_json()]
    for private in (SECRET, "a red circle", "token=abc"):
        assert private not in repr(sending)


def test_a_claim_of_the_services_own_form_has_none(database: Database) -> None:
    held = running(database, add_tenant(database), webhook=Webhook(URL))
    assert fail(database, held)
    assert [sending.foreign for sending in claim_deliveries(database)] == [None]


def test_removed_contents_are_in_no_webhook_and_no_secret_is_left(database: Database) -> None:
    tenant_id = add_tenant(database)
    held = running(database, tenant_id, metadata={"order": "17"}, **foreign())
    start(database, held.job_id)
    assert complete(database, held, stored(held))
    with database.transaction() as session:
        job = lock_job(session, tenant_id=tenant_id, job_id=held.job_id)
        assert job is not None
        job.deduplication_digest = b"of the request"
        remove_contents(session, job)
    assert found(database, held.job_id).deduplication_digest is None
    for each in of_job(database, held.job_id):
        data = json.loads(each.body)["data"]
        assert (data["output"], data["metadata"]) == (None, {})
    assert body(database, held.job_id, "job.started")["data"]["state"] == "running"
    assert SECRET not in str(found(database, held.job_id).webhook)
    sending = claim_deliveries(database)[0]
    assert sending.foreign is not None
    assert (sending.foreign.input, sending.foreign.request) == ({}, {})
    assert (sending.foreign.secret, sending.foreign.warnings) == ("", [])


def test_a_large_output_is_kept_whole(database: Database) -> None:
    held = running(database, add_tenant(database), **foreign())
    assert complete(database, held, *[stored(held, n) for n in range(200)])
    assert len(body(database, held.job_id, "job.succeeded")["data"]["output"]["images"]) == 200


def test_an_operators_retry_keeps_the_form(database: Database) -> None:
    held = running(database, add_tenant(database), **foreign())
    assert fail(database, held)
    with database.transaction() as session:
        again = operator_jobs.retry(session, Actor("opk_1", "someone"), held.job_id)
    assert again is not None
    kept = found(database, again.job.id).webhook
    assert kept is not None
    assert Webhook.from_json(kept) == foreign()["webhook"]


def test_an_ended_delivery_is_listed_by_its_event(database: Database) -> None:
    held = running(database, add_tenant(database), **foreign(ProgressEvent.LOGS))
    step(database, held.job_id, 2)
    [listed] = of_job(database, held.job_id)
    assert delivery(database, listed.id).event == "job.logs.2"
