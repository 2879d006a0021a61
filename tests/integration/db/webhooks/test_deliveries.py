"""Deliveries in the database: entered once with the job's end, leased, fenced, shared fairly."""

import json
import threading
from typing import Any

import pytest

from db.core.session import Database
from db.jobs.types import Failure
from db.values.delivery_state import DeliveryState
from db.webhooks import deliveries
from db.webhooks.deliveries import PER_HOST, PER_TENANT
from db.webhooks.payload import MAX_BODY_BYTES
from db.webhooks.types import Webhook, WebhookEvent
from tests.support.jobs import (
    add_tenant,
    cancel,
    claim,
    complete,
    counts,
    expire,
    fail,
    found,
    let_expire,
    lose_lease,
    rescue,
    running,
    sql,
    stored,
    submit,
)
from tests.support.receivers import Reply, receiving
from tests.support.waiting import at_once, await_true
from tests.support.webhooks import (
    attempts,
    claim_deliveries,
    delivery,
    failed_job,
    of_job,
    pass_time,
    record,
    redeliver,
    results,
    rotate,
    secret_of,
    webhook_dispatcher,
)

URL = "https://receiver.example/hook"


def event_of(database: Database, job_id: str) -> dict[str, Any]:
    """The payload that the owner of a job gets, once."""
    [row] = of_job(database, job_id)
    event: dict[str, Any] = json.loads(row.body)
    assert event["type"] == row.event
    return event


def test_success_is_told_with_the_pictures_facts_but_without_urls(database: Database) -> None:
    webhook = Webhook(URL, base_url="https://api.example")
    held = running(database, add_tenant(database), webhook=webhook, metadata={"order": "17"})
    assert complete(database, held, stored(held))
    event = event_of(database, held.job_id)
    job, data = found(database, held.job_id), event["data"]
    assert job.finished_at is not None
    assert event["type"] == "job.succeeded"
    assert event["timestamp"] == job.finished_at.isoformat().replace("+00:00", "Z")
    assert data["id"] == job.id
    assert data["model"] == job.variant
    assert data["state"] == "succeeded"
    assert data["metadata"] == {"order": "17"}
    assert data["error"] is None
    assert data["urls"] == {"self": f"https://api.example/v1/jobs/{job.id}"}
    assert data["output"]["answer"] == 42
    [image] = data["output"]["images"]
    assert image["seed"] == 2**64 - 1
    assert "url" not in image


def test_failure_is_told_with_its_reason(database: Database) -> None:
    held = running(database, add_tenant(database), webhook=Webhook(URL))
    assert fail(database, held, Failure("out_of_memory", "too large", retryable=True))
    data = event_of(database, held.job_id)["data"]
    error = {"code": "out_of_memory", "message": "too large", "retryable": True}
    assert (data["error"], data["output"], data["urls"]) == (error, None, None)


def test_a_cancellation_is_told(database: Database) -> None:
    job_id = submit(database, add_tenant(database), webhook=Webhook(URL))
    assert cancel(database, job_id)
    assert event_of(database, job_id)["type"] == "job.canceled"


def test_an_expiry_is_told(database: Database) -> None:
    job_id = submit(database, add_tenant(database), webhook=Webhook(URL), expires_in_seconds=60)
    let_expire(database, job_id)
    assert expire(database, job_id)
    assert event_of(database, job_id)["type"] == "job.expired"


def test_a_lost_worker_is_told_only_after_the_last_attempt(database: Database) -> None:
    job_id = submit(database, add_tenant(database), webhook=Webhook(URL), max_attempts=2)
    for _ in range(2):
        assert of_job(database, job_id) == []
        assert claim(database)
        lose_lease(database, job_id)
        assert rescue(database, job_id)
    assert event_of(database, job_id)["data"]["error"]["code"] == "worker_lost"


def test_only_the_events_asked_for_are_told(database: Database) -> None:
    webhook = Webhook(URL, events=(WebhookEvent.FAILED,))
    held = running(database, add_tenant(database), webhook=webhook)
    assert complete(database, held)
    assert of_job(database, held.job_id) == []


def test_without_a_webhook_nothing_is_told(database: Database) -> None:
    assert complete(database, running(database, add_tenant(database)))
    assert counts(database, "deliveries", "webhook_endpoints", "webhook_secrets") == [0, 0, 0]


def test_a_job_that_ended_many_ways_at_once_is_told_of_once(database: Database) -> None:
    tenant_id = add_tenant(database)
    for _ in range(10):
        held = running(database, tenant_id, webhook=Webhook(URL))
        ended = at_once(
            [
                lambda held=held: complete(database, held),
                lambda held=held: cancel(database, held.job_id),
                lambda held=held: fail(database, held),
                lambda held=held: complete(database, held),
            ]
        )
        assert ended.count(True) == 1
        [row] = of_job(database, held.job_id)
        assert row.event == f"job.{found(database, held.job_id).state}"


def test_many_jobs_of_one_tenant_ending_at_once_share_one_endpoint(database: Database) -> None:
    tenant_id = add_tenant(database)
    held = [running(database, tenant_id, webhook=Webhook(URL)) for _ in range(8)]
    assert all(at_once([lambda one=one: complete(database, one) for one in held]))
    assert counts(database, "deliveries", "webhook_endpoints") == [8, 1]


def test_what_is_too_large_is_left_out_and_named(database: Database) -> None:
    tenant_id = add_tenant(database)
    large = {str(n): "ü" * 500 for n in range(32)}
    held = running(database, tenant_id, webhook=Webhook(URL), metadata=large)
    assert complete(database, held)
    [row] = of_job(database, held.job_id)
    assert len(row.body.encode()) < MAX_BODY_BYTES
    data = json.loads(row.body)["data"]
    assert data["omitted"] == ["output", "metadata"]
    assert (data["output"], data["metadata"]) == (None, None)


def test_large_outputs_go_before_metadata_does(database: Database) -> None:
    held = running(database, add_tenant(database), webhook=Webhook(URL), metadata={"order": "17"})
    artifacts = [stored(held, n) for n in range(200)]
    assert complete(database, held, *artifacts)
    data = event_of(database, held.job_id)["data"]
    assert (data["omitted"], data["output"]) == (["output"], None)
    assert data["metadata"] == {"order": "17"}


def test_a_submission_with_a_webhook_gives_its_tenant_one_secret(database: Database) -> None:
    tenant_id = add_tenant(database)
    at_once([lambda: submit(database, tenant_id, webhook=Webhook(URL))] * 4)
    assert counts(database, "webhook_secrets") == [1]
    assert secret_of(database, tenant_id).startswith("whsec_")


def test_secrets_asked_for_and_rotated_at_once_leave_one_current(database: Database) -> None:
    tenant_id = add_tenant(database)
    at_once([lambda: secret_of(database, tenant_id)] * 4)
    assert counts(database, "webhook_secrets") == [1]
    at_once([lambda: rotate(database, tenant_id)] * 4)
    current = "SELECT count(*) FROM webhook_secrets WHERE expires_at IS NULL"
    signing = "SELECT count(*) FROM webhook_secrets WHERE expires_at IS NULL OR expires_at > now()"
    assert sql(database, current) == [(1,)]
    assert sql(database, signing) == [(2,)]


def test_two_couriers_never_have_the_same_delivery(database: Database) -> None:
    for n in range(12):
        failed_job(database, add_tenant(database), f"https://{n % 3}.example/hook")
    shares = at_once([lambda: claim_deliveries(database, room=12)] * 4)
    taken = [sending.delivery_id for share in shares for sending in share]
    assert len(taken) == len(set(taken))
    while more := claim_deliveries(database):
        taken += [sending.delivery_id for sending in more]
    assert len(taken) == 12


def test_a_leased_delivery_is_nobody_elses_until_the_lease_runs_out(database: Database) -> None:
    message = failed_job(database, add_tenant(database), URL)
    [first] = claim_deliveries(database, lease=60)
    pass_time(database, 59)
    assert claim_deliveries(database) == []
    pass_time(database, 2)
    [second] = claim_deliveries(database)
    assert (second.delivery_id, second.number) == (first.delivery_id, 2)
    assert second.body == first.body
    assert results(database, message) == ["courier_lost", None]


def test_a_late_outcome_is_logged_but_moves_nothing(database: Database) -> None:
    message = failed_job(database, add_tenant(database), URL)
    [late] = claim_deliveries(database)
    pass_time(database, 61)
    [current] = claim_deliveries(database)
    assert record(database, late, 500) is None
    assert delivery(database, message).state == DeliveryState.PENDING
    assert record(database, current, 200) == DeliveryState.DELIVERED
    assert record(database, current, 500) is None
    assert delivery(database, message).state == DeliveryState.DELIVERED


def test_a_delivery_that_loses_every_courier_ends(database: Database) -> None:
    message = failed_job(database, add_tenant(database), URL)
    for _ in range(10):
        assert len(claim_deliveries(database)) == 1
        pass_time(database, 61)
    assert claim_deliveries(database) == []
    with database.transaction() as session:
        assert deliveries.close_undeliverable(session) == 1
    assert delivery(database, message).state == DeliveryState.FAILED
    assert results(database, message) == ["courier_lost"] * 10


def test_what_a_courier_has_in_hand_is_not_closed(database: Database) -> None:
    tenant_id = add_tenant(database)
    failed_job(database, tenant_id, URL)
    message = failed_job(database, tenant_id, URL)
    gone, held = claim_deliveries(database)
    record(database, gone, 410)
    with database.transaction() as session:
        assert deliveries.close_undeliverable(session) == 0
    assert record(database, held, 200) == DeliveryState.DELIVERED
    assert delivery(database, message).state == DeliveryState.DELIVERED


def test_a_redelivery_in_mid_attempt_keeps_the_attempt_and_restarts_the_schedule(
    database: Database,
) -> None:
    message = failed_job(database, add_tenant(database), URL)
    [sending] = claim_deliveries(database)
    redeliver(database, message)
    assert claim_deliveries(database) == []
    assert record(database, sending, 500) == DeliveryState.PENDING
    assert claim_deliveries(database) == []
    pass_time(database, 6)
    assert [again.number for again in claim_deliveries(database)] == [2]


def test_of_one_tenant_few_go_to_one_host_at_a_time(database: Database) -> None:
    tenant_id = add_tenant(database)
    for n in range(6):
        failed_job(database, tenant_id, f"https://slow.example/{n}")
    assert len(claim_deliveries(database)) == PER_HOST
    assert claim_deliveries(database) == []


def test_a_host_that_is_full_for_one_tenant_is_free_for_another(database: Database) -> None:
    for tenant_id in (add_tenant(database), add_tenant(database)):
        for _ in range(4):
            failed_job(database, tenant_id, URL)
    assert len(claim_deliveries(database)) == 2 * PER_HOST


def test_of_one_tenant_few_are_in_flight_at_a_time(database: Database) -> None:
    tenant_id = add_tenant(database)
    for n in range(PER_TENANT + 4):
        failed_job(database, tenant_id, f"https://{n}.example/hook")
    first = claim_deliveries(database)
    assert len(first) == PER_TENANT
    assert claim_deliveries(database) == []
    record(database, first[0], 200)
    assert len(claim_deliveries(database)) == 1


def test_tenants_take_turns_for_the_room_there_is(database: Database) -> None:
    crowd, newcomer = add_tenant(database), add_tenant(database)
    for n in range(6):
        failed_job(database, crowd, f"https://{n}.example/hook")
    message = failed_job(database, newcomer, URL)
    assert message in [sending.delivery_id for sending in claim_deliveries(database, room=2)]


def test_a_slow_receiver_delays_nobody_else(database: Database) -> None:
    held = threading.Event()
    stopping = threading.Event()
    slow_tenant, tenant_id = add_tenant(database), add_tenant(database)
    with receiving(*[Reply(hold=held)] * 20) as slow, receiving() as quick:
        for _ in range(20):
            failed_job(database, slow_tenant, slow.url)
        sends = threading.Thread(target=webhook_dispatcher(database).run, args=(stopping,))
        sends.start()
        try:
            assert await_true(lambda: len(slow.requests) == PER_HOST)
            for _ in range(5):
                failed_job(database, tenant_id, quick.url)
            failed_job(database, slow_tenant, quick.url)
            assert await_true(lambda: len(quick.requests) == 6, 10)
            assert len(slow.requests) == PER_HOST
            held.set()
            assert await_true(lambda: len(slow.requests) == 20)
        finally:
            held.set()
            stopping.set()
            sends.join(20)
    assert slow.most_at_once == PER_HOST


def test_a_delivery_cannot_be_asked_for_by_another_tenant(database: Database) -> None:
    message = failed_job(database, add_tenant(database), URL)
    with database.transaction() as session:
        other = add_tenant(database)
        assert deliveries.redeliver(session, tenant_id=other, delivery_id=message) is None


@pytest.mark.slow
def test_the_claim_does_not_grow_with_one_receivers_backlog(
    database: Database, owner_database: Database
) -> None:
    message = failed_job(database, add_tenant(database), URL)
    sql(
        database,
        "INSERT INTO deliveries (id, job_id, tenant_id, endpoint_id, event, url, body, state, "
        "attempts, tries) SELECT 'msg_' || n, job_id, tenant_id, endpoint_id, n::text, url, body, "
        "state, 0, 0 FROM deliveries, generate_series(1, 100000) n WHERE id = :id",
        id=message,
    )
    sql(owner_database, "ANALYZE deliveries")
    newcomer = failed_job(database, add_tenant(database), "https://other.example/hook")
    taken = [sending.delivery_id for sending in claim_deliveries(database)]
    assert len(taken) == PER_HOST + 1
    assert newcomer in taken
    [[[plan]]] = sql(
        database,
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + deliveries._CLAIM.text,
        room=10,
        lease_seconds=60,
        per_host=PER_HOST,
        per_tenant=PER_TENANT,
        tries=10,
        lost="courier_lost",
    )
    pages = plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    assert pages < 200, "it reads more than the few rows that it needs"
    sql(owner_database, "DELETE FROM deliveries WHERE event NOT LIKE 'job.%'")


def test_attempts_tell_how_long_they_took(database: Database) -> None:
    message = failed_job(database, add_tenant(database), URL)
    [sending] = claim_deliveries(database)
    assert [(row.number, row.ended_at) for row in attempts(database, message)] == [(1, None)]
    record(database, sending, 200)
    [row] = attempts(database, message)
    assert row.ended_at is not None
    assert (row.status, row.error, row.seconds) == (200, None, 0.1)
