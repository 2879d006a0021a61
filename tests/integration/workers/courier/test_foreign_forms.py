"""Webhooks in the form of a compatible API, from the courier to real receivers."""

import hashlib
import hmac
import json
import secrets
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.compat.shared.webhook_rendering import ForeignEvent
from api.compat.webhook_forms import WebhookForms
from api.core.artifact_urls import ArtifactUrls
from db.core.session import Database
from db.jobs.contents import lock_job, remove_contents
from db.jobs.finish import expire_job
from db.jobs.types import Origin
from db.values.surfaces import SurfaceName
from db.webhooks import deliveries
from db.webhooks.queries import count_pending_with
from db.webhooks.types import ProgressEvent, Webhook, WebhookEvent
from tests.support.jobs import (
    add_tenant,
    cancel,
    complete,
    fail,
    found,
    running,
    sql,
    stored,
    submit,
)
from tests.support.receivers import ReceivedRequest, Reply, receiving
from tests.support.webhooks import (
    deliver_due,
    of_job,
    pass_time,
    redeliver,
    results,
    secret_of,
    webhook_dispatcher,
)
from workers.courier.messages import NO_URL_SECRET

URL_SECRET = secrets.token_urlsafe(32)
BASE = "https://bottega.example"
REQUEST = {"model": "someone/something"}
ENDS = tuple(WebhookEvent)


def rendered(event: ForeignEvent, url_secret: str) -> dict[str, Any]:
    """A request that a surface could make."""
    assert url_secret == URL_SECRET
    return {
        "id": event.job.view.id,
        "event": event.name,
        "status": event.job.view.state,
        "model": event.job.request_by(event.job.view.surface).get("model"),
        "prompt": event.job.prompt,
        "progress": event.job.view.progress and event.job.view.progress.fraction,
        "pictures": [each["url"] for each in event.job.images],
        "fields": sorted(event.job.images[0]) if event.job.images else [],
        "queued": event.job.view.timings.queued_seconds,
        "delivery": event.delivery_id,
        "base": event.base,
    }


FORMS = WebhookForms(URL_SECRET, dict.fromkeys(SurfaceName, rendered))


def foreign(
    url: str, surface: SurfaceName, events: tuple[Any, ...] = ENDS, secret: str = ""
) -> dict[str, Any]:
    """The change that makes a submission's webhook one of a compatible API."""
    return {
        "webhook": Webhook(url, events, BASE, surface, secret),
        "origin": Origin(surface, REQUEST),
        "request_id": "req_1",
    }


def test_the_receiver_gets_the_foreign_body_signed_with_the_tenants_secret(
    database: Database,
) -> None:
    tenant_id = add_tenant(database)
    events = (ProgressEvent.OUTPUT, WebhookEvent.SUCCEEDED)
    with receiving() as receiver:
        held = running(database, tenant_id, **foreign(receiver.url, SurfaceName.REPLICATE, events))
        assert complete(database, held, stored(held))
        assert deliver_due(webhook_dispatcher(database, forms=FORMS)) == 2
        told = [one.verified(secret_of(database, tenant_id)) for one in receiver.requests]
    ended, output = sorted(told, key=lambda one: str(one["event"]), reverse=True)
    assert (output["status"], ended["status"]) == ("running", "succeeded")
    assert len({one.id for one in receiver.requests}) == 2
    assert ended["delivery"] in receiver.ids
    assert ended["model"] == "someone/something"
    assert ended["prompt"] == "a red circle"
    assert ended["progress"] == 1
    assert ended["queued"] >= 0
    assert "n" not in ended["fields"]
    [picture] = ended["pictures"]
    prefix = f"{BASE}/artifacts/"
    token, _, name = picture.removeprefix(prefix).partition("/")
    assert (picture.startswith(prefix), name) == (True, "0.png")
    assert ArtifactUrls(URL_SECRET, valid_seconds=60).job_of(token) == held.job_id


def test_a_retry_has_the_same_id_and_the_same_body(database: Database) -> None:
    with receiving(Reply(500)) as receiver:
        held = running(
            database, add_tenant(database), **foreign(receiver.url, SurfaceName.REPLICATE)
        )
        assert fail(database, held)
        dispatcher = webhook_dispatcher(database, forms=FORMS)
        deliver_due(dispatcher)
        pass_time(database, 10)
        deliver_due(dispatcher)
    first, second = receiver.requests
    assert (first.id, first.body) == (second.id, second.body)


def test_each_surface_signs_in_its_own_way(database: Database) -> None:
    def sent(surface: SurfaceName, secret: str = "") -> ReceivedRequest:
        with receiving() as receiver:
            webhook = foreign(receiver.url, surface, secret=secret)
            held = running(database, add_tenant(database), **webhook)
            assert fail(database, held)
            assert deliver_due(webhook_dispatcher(database, forms=FORMS)) == 1
        [request] = receiver.requests
        assert request.headers["content-type"] == "application/json"
        assert request.headers["x-request-id"] == "req_1"
        return request

    fal = sent(SurfaceName.FAL)
    assert fal.headers["x-fal-webhook-request-id"] == json.loads(fal.body)["id"]
    assert len(bytes.fromhex(fal.headers["x-fal-webhook-signature"])) == 64
    vendor = sent(SurfaceName.BFL, "s3cret")
    digest = hmac.new(b"s3cret", vendor.body, hashlib.sha256).hexdigest()
    assert vendor.headers["x-bfl-signature"] == f"sha256={digest}"
    assert vendor.headers["x-webhook-secret"] == "s3cret"
    assert "webhook-signature" not in vendor.headers


def test_a_courier_without_the_url_secret_fails_foreign_ones_alone(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving() as receiver:
        native = running(database, tenant_id, webhook=Webhook(receiver.url))
        foreign_ = running(
            database, tenant_id, **foreign(receiver.url + "/f", SurfaceName.REPLICATE)
        )
        assert fail(database, native)
        assert fail(database, foreign_)
        assert deliver_due(webhook_dispatcher(database)) == 2
        [own], [other] = of_job(database, native.job_id), of_job(database, foreign_.job_id)
        assert results(database, own.id) == [200]
        assert results(database, other.id) == [NO_URL_SECRET]
        with database.transaction(durable=False) as session:
            assert count_pending_with(session, NO_URL_SECRET) == 1
        pass_time(database, 10)
        assert deliver_due(webhook_dispatcher(database, forms=FORMS)) == 1
        assert results(database, other.id) == [NO_URL_SECRET, 200]
    with database.transaction(durable=False) as session:
        assert count_pending_with(session, NO_URL_SECRET) == 0


def test_a_renderer_that_breaks_is_an_error_of_the_attempt(database: Database) -> None:
    def broken(_event: ForeignEvent, _secret: str) -> dict[str, Any]:
        raise ValueError("a private detail")

    forms = WebhookForms(URL_SECRET, {SurfaceName.FAL: broken})
    with receiving() as receiver, capture_logs() as logs:
        held = running(database, add_tenant(database), **foreign(receiver.url, SurfaceName.FAL))
        assert fail(database, held)
        assert deliver_due(webhook_dispatcher(database, forms=forms)) == 1
        [row] = of_job(database, held.job_id)
        assert results(database, row.id) == ["internal_error"]
    assert "a private detail" not in str(logs)
    assert not receiver.requests


def test_nothing_private_is_logged(database: Database) -> None:
    with receiving() as receiver, capture_logs() as logs:
        hook = foreign(f"{receiver.url}?token=private", SurfaceName.BFL, secret="s3cret-text")
        held = running(database, add_tenant(database), **hook)
        assert complete(database, held, stored(held))
        deliver_due(webhook_dispatcher(database, forms=FORMS))
        [row] = of_job(database, held.job_id)
        redeliver(database, row.id)
        assert deliver_due(webhook_dispatcher(database, forms=FORMS)) == 1
    assert len(receiver.requests) == 2
    for private in ("s3cret-text", "private", "a red circle", URL_SECRET, "/artifacts/"):
        assert private not in str(logs)


def end(database: Database, tenant_id: str, state: str, webhook: dict[str, Any]) -> str:
    """End a job in a state; return its id."""
    if state in ("canceled", "expired"):
        job_id = submit(database, tenant_id, expires_in_seconds=60, **webhook)
        if state == "canceled":
            assert cancel(database, job_id, tenant_id)
        else:
            sql(
                database,
                "UPDATE jobs SET expires_at = now() - interval '1 s' WHERE id = :i",
                i=job_id,
            )
            with database.transaction() as session:
                assert expire_job(session, job_id)
        return job_id
    held = running(database, tenant_id, **webhook)
    if state == "failed":
        assert fail(database, held)
    else:
        assert complete(database, held, stored(held))
    return held.job_id


EXPECTED = {
    SurfaceName.REPLICATE: {
        "succeeded": ("succeeded", None),
        "failed": ("failed", "it broke"),
        "canceled": ("canceled", None),
        "expired": ("failed", "in time"),
    },
    SurfaceName.FAL: {
        "succeeded": ("OK", None),
        "failed": ("ERROR", "it broke"),
        "canceled": ("ERROR", "cancel"),
        "expired": ("ERROR", ""),
    },
    SurfaceName.BFL: {
        "succeeded": ("Ready", None),
        "failed": ("Error", "it broke"),
        "canceled": ("Error", ""),
        "expired": ("Error", ""),
    },
}


@pytest.mark.parametrize("state", ["succeeded", "failed", "canceled", "expired"])
@pytest.mark.parametrize("surface", list(EXPECTED))
def test_each_api_tells_each_end_in_its_own_words(
    database: Database, surface: SurfaceName, state: str
) -> None:
    tenant_id = add_tenant(database)
    with receiving() as receiver:
        job_id = end(database, tenant_id, state, foreign(receiver.url, surface, secret="s3cret"))
        dispatcher = webhook_dispatcher(database, forms=WebhookForms(URL_SECRET))
        assert deliver_due(dispatcher) == 1
        with database.transaction() as session:
            job = lock_job(session, tenant_id=tenant_id, job_id=job_id)
            assert job is not None
            remove_contents(session, job)
        [row] = of_job(database, job_id)
        redeliver(database, row.id)
        assert deliver_due(dispatcher) == 1
        assert results(database, row.id) == [200, 200]
    first, emptied = (json.loads(request.body) for request in receiver.requests)
    status, error = EXPECTED[surface][state]
    assert first["status"] == status
    assert job_id in (first.get("id"), first.get("request_id"))
    if error is not None:
        assert error in json.dumps(first)
    token = f"{BASE}/artifacts/"
    assert (token in json.dumps(first)) == (state == "succeeded")
    assert (token in json.dumps(emptied), "red circle" in json.dumps(emptied)) == (False, False)


def test_replicates_events_are_the_prediction_at_each_moment(database: Database) -> None:
    tenant_id = add_tenant(database)
    events = (*ProgressEvent, *WebhookEvent)
    dispatcher = webhook_dispatcher(database, forms=WebhookForms(URL_SECRET))
    with receiving() as receiver:
        webhook = foreign(receiver.url, SurfaceName.REPLICATE, events)
        held = running(database, tenant_id, **webhook)
        job = found(database, held.job_id)
        with database.transaction() as session:
            deliveries.enqueue_start(session, job)
        deliver_due(dispatcher)
        with database.transaction() as session:
            deliveries.enqueue_logs(session, job, 2, 4)
        deliver_due(dispatcher)
        assert complete(database, held, stored(held))
        deliver_due(dispatcher)
        secret = secret_of(database, tenant_id)
        told = [request.verified(secret) for request in receiver.requests]
    assert [each["status"] for each in told[:2]] == ["processing", "processing"]
    assert sorted(each["status"] for each in told[2:]) == ["processing", "succeeded"]
    assert (told[0]["logs"], told[0]["output"]) == ("", None)
    assert "2/4" in told[1]["logs"]
    outputs = [each["output"] for each in told[2:]]
    assert all(output and str(output).count("/artifacts/") == 1 for output in outputs)
    for each in told:
        assert (each["id"], each["completed_at"] is None) == (
            held.job_id,
            each["status"] == "processing",
        )
        assert None not in each["urls"].values()
    assert len(set(receiver.ids)) == 4
