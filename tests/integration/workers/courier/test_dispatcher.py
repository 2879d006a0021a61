"""The webhook dispatcher against real receivers: schedule, signature, and their answers."""

import threading
from datetime import UTC, datetime
from ipaddress import ip_network
from itertools import pairwise

import pytest
from standardwebhooks.webhooks import WebhookVerificationError
from structlog.testing import capture_logs

from db.core.session import Database
from db.values.delivery_state import DeliveryState
from db.webhooks.deliveries import JITTER, RETRY_DELAYS_SECONDS
from tests.support.jobs import add_tenant, sql
from tests.support.receivers import Reply, receiving
from tests.support.waiting import await_true
from tests.support.webhooks import (
    attempts,
    deliver_due,
    delivery,
    failed_job,
    outbound,
    pass_time,
    redeliver,
    results,
    rotate,
    secret_of,
    webhook_dispatcher,
)

REFUSE = Reply(500)


def fall_due(database: Database, wait: float) -> None:
    """Let a wait pass, even with the longest jitter."""
    pass_time(database, wait * (1 + JITTER))


def test_five_failures_then_acceptance_are_one_id_growing_waits_and_one_log(
    database: Database,
) -> None:
    tenant_id = add_tenant(database)
    with receiving(*[REFUSE] * 5) as receiver:
        message = failed_job(database, tenant_id, receiver.url)
        dispatcher = webhook_dispatcher(database)
        assert deliver_due(dispatcher) == 1
        for wait in RETRY_DELAYS_SECONDS[:5]:
            pass_time(database, wait * 0.98)
            assert deliver_due(dispatcher) == 0, f"sent again before {wait} s were over"
            fall_due(database, wait * 0.02 + wait * JITTER)
            assert deliver_due(dispatcher) == 1
        secret = secret_of(database, tenant_id)
        events = [request.verified(secret) for request in receiver.requests]
    assert receiver.ids == [message] * 6
    assert events == [events[0]] * 6
    assert events[0]["type"] == "job.failed"
    assert delivery(database, message).state == DeliveryState.DELIVERED
    assert results(database, message) == [500] * 5 + [200]
    log = attempts(database, message)
    assert [row.number for row in log] == [1, 2, 3, 4, 5, 6]
    gaps = [(b.started_at - a.started_at).total_seconds() for a, b in pairwise(log)]
    assert gaps == sorted(gaps)
    for gap, wait in zip(gaps, RETRY_DELAYS_SECONDS, strict=False):
        assert wait * 0.98 < gap < wait * (1 + 2 * JITTER) + 5


def test_what_is_delivered_is_not_sent_again(database: Database) -> None:
    with receiving() as receiver:
        failed_job(database, add_tenant(database), receiver.url)
        dispatcher = webhook_dispatcher(database)
        assert [deliver_due(dispatcher), deliver_due(dispatcher)] == [1, 0]
        pass_time(database, 10**6)
        assert deliver_due(dispatcher) == 0
    assert len(receiver.requests) == 1


def test_any_2xx_is_an_acceptance(database: Database) -> None:
    with receiving(Reply(204)) as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        deliver_due(webhook_dispatcher(database))
    assert delivery(database, message).state == DeliveryState.DELIVERED


def test_after_ten_tries_it_has_failed_and_a_hand_begins_anew(database: Database) -> None:
    with receiving(*[REFUSE] * 10) as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        dispatcher = webhook_dispatcher(database)
        deliver_due(dispatcher)
        for wait in RETRY_DELAYS_SECONDS:
            assert delivery(database, message).state == DeliveryState.PENDING
            fall_due(database, wait)
            assert deliver_due(dispatcher) == 1
        assert delivery(database, message).state == DeliveryState.FAILED
        pass_time(database, 10**6)
        assert deliver_due(dispatcher) == 0
        receiver.script = [REFUSE]
        redeliver(database, message)
        assert deliver_due(dispatcher) == 1
        assert deliver_due(dispatcher) == 0
        fall_due(database, RETRY_DELAYS_SECONDS[0])
        assert deliver_due(dispatcher) == 1
    assert delivery(database, message).state == DeliveryState.DELIVERED
    assert receiver.ids == [message] * 12
    assert results(database, message) == [500] * 11 + [200]


def test_a_delivered_message_is_sent_again_by_hand_under_its_id(database: Database) -> None:
    with receiving() as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        dispatcher = webhook_dispatcher(database)
        deliver_due(dispatcher)
        redeliver(database, message)
        assert deliver_due(dispatcher) == 1
    assert receiver.ids == [message, message]
    assert receiver.requests[0].body == receiver.requests[1].body


def test_410_disables_the_endpoint_until_a_hand_enables_it(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving(Reply(410)) as gone, receiving() as other:
        first = failed_job(database, tenant_id, gone.url)
        dispatcher = webhook_dispatcher(database)
        deliver_due(dispatcher)
        later = failed_job(database, tenant_id, gone.url)
        elsewhere = failed_job(database, tenant_id, other.url)
        assert deliver_due(dispatcher) == 1
        assert [delivery(database, one).state for one in (first, later, elsewhere)] == [
            DeliveryState.DISABLED,
            DeliveryState.DISABLED,
            DeliveryState.DELIVERED,
        ]
        redeliver(database, later)
        newest = failed_job(database, tenant_id, gone.url)
        assert deliver_due(dispatcher) == 2
    assert sorted(gone.ids[1:]) == sorted([later, newest])
    assert delivery(database, first).state == DeliveryState.DISABLED


def test_an_endpoint_is_the_url_without_its_query(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving(Reply(410)) as receiver:
        failed_job(database, tenant_id, f"{receiver.url}?job=1")
        failed_job(database, add_tenant(database), f"{receiver.url}?job=1")
        dispatcher = webhook_dispatcher(database, webhook_concurrency=1)
        deliver_due(dispatcher)
        failed_job(database, tenant_id, f"{receiver.url}?job=2")
        assert deliver_due(dispatcher) == 1, "only the other tenant's is still sent"
        assert deliver_due(dispatcher) == 0
    assert [request.path for request in receiver.requests] == ["/hook?job=1", "/hook?job=1"]


def test_five_days_without_an_acceptance_disable_the_endpoint(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving(*[REFUSE] * 3) as receiver:
        failed_job(database, tenant_id, receiver.url)
        dispatcher = webhook_dispatcher(database)
        deliver_due(dispatcher)
        pass_time(database, 4.9 * 86_400)
        deliver_due(dispatcher)
        assert sql(database, "SELECT disabled_reason FROM webhook_endpoints") == [(None,)]
        pass_time(database, 0.2 * 86_400)
        deliver_due(dispatcher)
    assert sql(database, "SELECT disabled_reason FROM webhook_endpoints") == [("failing",)]


def test_an_acceptance_in_between_starts_the_five_days_anew(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving(REFUSE, Reply(), REFUSE) as receiver:
        failed_job(database, tenant_id, receiver.url)
        dispatcher = webhook_dispatcher(database)
        deliver_due(dispatcher)
        pass_time(database, 4 * 86_400)
        deliver_due(dispatcher)
        pass_time(database, 4 * 86_400)
        failed_job(database, tenant_id, receiver.url)
        deliver_due(dispatcher)
    assert sql(database, "SELECT disabled_reason FROM webhook_endpoints") == [(None,)]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_back_everything_for_the_endpoint(
    database: Database, status: int
) -> None:
    tenant_id = add_tenant(database)
    with receiving(Reply(status, {"Retry-After": "3600"})) as receiver, receiving() as other:
        message = failed_job(database, tenant_id, receiver.url)
        dispatcher = webhook_dispatcher(database)
        deliver_due(dispatcher)
        wait = delivery(database, message).next_at - datetime.now(UTC)
        assert 3_590 < wait.total_seconds() <= 3_600 * (1 + JITTER)
        failed_job(database, tenant_id, receiver.url)
        failed_job(database, tenant_id, other.url)
        assert deliver_due(dispatcher) == 1
        pass_time(database, 3_590)
        assert deliver_due(dispatcher) == 0
        fall_due(database, 3_600)
        assert deliver_due(dispatcher) == 2
    assert len(other.requests) == 1


@pytest.mark.parametrize("status", [429, 502, 504])
def test_a_receiver_that_is_overrun_is_given_a_rest(database: Database, status: int) -> None:
    tenant_id = add_tenant(database)
    with receiving(Reply(status)) as receiver:
        failed_job(database, tenant_id, receiver.url)
        dispatcher = webhook_dispatcher(database)
        deliver_due(dispatcher)
        failed_job(database, tenant_id, receiver.url)
        assert deliver_due(dispatcher) == 0
        pass_time(database, 31)
        assert deliver_due(dispatcher) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(database: Database, status: int) -> None:
    with (
        receiving() as elsewhere,
        receiving(Reply(status, {"Location": elsewhere.url})) as receiver,
    ):
        message = failed_job(database, add_tenant(database), receiver.url)
        deliver_due(webhook_dispatcher(database))
    assert results(database, message) == [status]
    assert delivery(database, message).state == DeliveryState.PENDING
    assert elsewhere.requests == []


def test_a_silent_receiver_is_given_up_after_the_time_limit(database: Database) -> None:
    held = threading.Event()
    with receiving(Reply(hold=held)) as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        deliver_due(webhook_dispatcher(database, webhook_timeout_seconds=0.3))
        held.set()
    [row] = attempts(database, message)
    assert (row.status, row.error) == (None, "timeout")
    assert row.seconds == pytest.approx(0.3, abs=0.2)


def test_nobody_listening_is_a_failure_like_any_other(database: Database) -> None:
    with receiving() as receiver:
        url = receiver.url
    message = failed_job(database, add_tenant(database), url)
    deliver_due(webhook_dispatcher(database))
    assert results(database, message) == ["unreachable"]
    assert delivery(database, message).state == DeliveryState.PENDING


def test_a_private_address_is_refused_and_hears_nothing(database: Database) -> None:
    with receiving() as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        guarded = outbound(allow=(), deny=(ip_network("127.0.0.0/8"),))
        deliver_due(webhook_dispatcher(database, guarded))
    assert results(database, message) == ["refused_address"]
    assert receiver.requests == []


def test_both_secrets_sign_for_a_day_after_a_rotation(database: Database) -> None:
    tenant_id = add_tenant(database)
    old = secret_of(database, tenant_id)
    new = rotate(database, tenant_id)
    assert new != old
    with receiving() as receiver:
        failed_job(database, tenant_id, receiver.url)
        dispatcher = webhook_dispatcher(database)
        deliver_due(dispatcher)
        assert receiver.requests[0].verified(old) == receiver.requests[0].verified(new)
        pass_time(database, 86_401)
        failed_job(database, tenant_id, receiver.url)
        deliver_due(dispatcher)
    assert receiver.requests[1].verified(new)["type"] == "job.failed"
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        receiver.requests[1].verified(old)


def test_a_second_rotation_ends_the_lost_secret_at_once(database: Database) -> None:
    tenant_id = add_tenant(database)
    lost = secret_of(database, tenant_id)
    second, third = rotate(database, tenant_id), rotate(database, tenant_id)
    with receiving() as receiver:
        failed_job(database, tenant_id, receiver.url)
        deliver_due(webhook_dispatcher(database))
    assert receiver.requests[0].verified(second) == receiver.requests[0].verified(third)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        receiver.requests[0].verified(lost)


def test_another_tenants_secret_verifies_nothing(database: Database) -> None:
    with receiving() as receiver:
        failed_job(database, add_tenant(database), receiver.url)
        deliver_due(webhook_dispatcher(database))
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        receiver.requests[0].verified(secret_of(database, add_tenant(database)))


def test_the_log_names_the_host_but_neither_url_nor_secret_nor_prompt(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving() as receiver, capture_logs() as logs:
        failed_job(database, tenant_id, f"{receiver.url}/t0ken?key=s3cret")
        deliver_due(webhook_dispatcher(database))
    written = repr(logs)
    assert receiver.url.split("/")[2] in written
    for hidden in ("t0ken", "s3cret", secret_of(database, tenant_id), "a red circle"):
        assert hidden not in written


def test_a_running_courier_sends_soon_and_stops_when_told(database: Database) -> None:
    stopping = threading.Event()
    thread = threading.Thread(target=webhook_dispatcher(database).run, args=(stopping,))
    thread.start()
    try:
        with receiving() as receiver:
            tenant_id = add_tenant(database)
            messages = [failed_job(database, tenant_id, receiver.url) for _ in range(5)]
            assert await_true(lambda: len(receiver.requests) == 5)
    finally:
        stopping.set()
        thread.join(15)
    assert not thread.is_alive()
    assert sorted(receiver.ids) == sorted(messages)
