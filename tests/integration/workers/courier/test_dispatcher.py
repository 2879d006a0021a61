"""The courier against real receivers: schedule, signature, and what their answers change."""

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
from tests.support.receivers import Say, receiving
from tests.support.waiting import await_true
from tests.support.webhooks import (
    attempts,
    courier,
    delivery,
    failed_job,
    outbound,
    pass_time,
    redeliver,
    results,
    rotate,
    secret_of,
)

REFUSE = Say(500)


def fall_due(database: Database, wait: float) -> None:
    """Let a wait pass, be it drawn as long as it can be."""
    pass_time(database, wait * (1 + JITTER))


def test_five_failures_then_acceptance_are_one_id_growing_waits_and_one_log(
    database: Database,
) -> None:
    tenant_id = add_tenant(database)
    with receiving(*[REFUSE] * 5) as receiver:
        message = failed_job(database, tenant_id, receiver.url)
        sends = courier(database)
        assert sends.deliver_due() == 1
        for wait in RETRY_DELAYS_SECONDS[:5]:
            pass_time(database, wait * 0.98)
            assert sends.deliver_due() == 0, f"sent again before {wait} s were over"
            fall_due(database, wait * 0.02 + wait * JITTER)
            assert sends.deliver_due() == 1
        secret = secret_of(database, tenant_id)
        events = [request.verified(secret) for request in receiver.heard]
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
        sends = courier(database)
        assert [sends.deliver_due(), sends.deliver_due()] == [1, 0]
        pass_time(database, 10**6)
        assert sends.deliver_due() == 0
    assert len(receiver.heard) == 1


def test_any_2xx_is_an_acceptance(database: Database) -> None:
    with receiving(Say(204)) as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        courier(database).deliver_due()
    assert delivery(database, message).state == DeliveryState.DELIVERED


def test_after_ten_tries_it_has_failed_and_a_hand_begins_anew(database: Database) -> None:
    with receiving(*[REFUSE] * 10) as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        sends = courier(database)
        sends.deliver_due()
        for wait in RETRY_DELAYS_SECONDS:
            assert delivery(database, message).state == DeliveryState.PENDING
            fall_due(database, wait)
            assert sends.deliver_due() == 1
        assert delivery(database, message).state == DeliveryState.FAILED
        pass_time(database, 10**6)
        assert sends.deliver_due() == 0
        receiver.script = [REFUSE]
        redeliver(database, message)
        assert sends.deliver_due() == 1
        assert sends.deliver_due() == 0
        fall_due(database, RETRY_DELAYS_SECONDS[0])
        assert sends.deliver_due() == 1
    assert delivery(database, message).state == DeliveryState.DELIVERED
    assert receiver.ids == [message] * 12
    assert results(database, message) == [500] * 11 + [200]


def test_a_delivered_message_is_sent_again_by_hand_under_its_id(database: Database) -> None:
    with receiving() as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        sends = courier(database)
        sends.deliver_due()
        redeliver(database, message)
        assert sends.deliver_due() == 1
    assert receiver.ids == [message, message]
    assert receiver.heard[0].body == receiver.heard[1].body


def test_410_disables_the_endpoint_until_a_hand_enables_it(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving(Say(410)) as gone, receiving() as other:
        first = failed_job(database, tenant_id, gone.url)
        sends = courier(database)
        sends.deliver_due()
        later = failed_job(database, tenant_id, gone.url)
        elsewhere = failed_job(database, tenant_id, other.url)
        assert sends.deliver_due() == 1
        assert [delivery(database, one).state for one in (first, later, elsewhere)] == [
            DeliveryState.DISABLED,
            DeliveryState.DISABLED,
            DeliveryState.DELIVERED,
        ]
        redeliver(database, later)
        newest = failed_job(database, tenant_id, gone.url)
        assert sends.deliver_due() == 2
    assert sorted(gone.ids[1:]) == sorted([later, newest])
    assert delivery(database, first).state == DeliveryState.DISABLED


def test_an_endpoint_is_the_url_without_its_query(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving(Say(410)) as receiver:
        failed_job(database, tenant_id, f"{receiver.url}?job=1")
        failed_job(database, add_tenant(database), f"{receiver.url}?job=1")
        sends = courier(database, webhook_concurrency=1)
        sends.deliver_due()
        failed_job(database, tenant_id, f"{receiver.url}?job=2")
        assert sends.deliver_due() == 1, "only the other tenant's is still sent"
        assert sends.deliver_due() == 0
    assert [request.path for request in receiver.heard] == ["/hook?job=1", "/hook?job=1"]


def test_five_days_without_an_acceptance_disable_the_endpoint(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving(*[REFUSE] * 3) as receiver:
        failed_job(database, tenant_id, receiver.url)
        sends = courier(database)
        sends.deliver_due()
        pass_time(database, 4.9 * 86_400)
        sends.deliver_due()
        assert sql(database, "SELECT disabled_reason FROM webhook_endpoints") == [(None,)]
        pass_time(database, 0.2 * 86_400)
        sends.deliver_due()
    assert sql(database, "SELECT disabled_reason FROM webhook_endpoints") == [("failing",)]


def test_an_acceptance_in_between_starts_the_five_days_anew(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving(REFUSE, Say(), REFUSE) as receiver:
        failed_job(database, tenant_id, receiver.url)
        sends = courier(database)
        sends.deliver_due()
        pass_time(database, 4 * 86_400)
        sends.deliver_due()
        pass_time(database, 4 * 86_400)
        failed_job(database, tenant_id, receiver.url)
        sends.deliver_due()
    assert sql(database, "SELECT disabled_reason FROM webhook_endpoints") == [(None,)]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_back_everything_for_the_endpoint(
    database: Database, status: int
) -> None:
    tenant_id = add_tenant(database)
    with receiving(Say(status, {"Retry-After": "3600"})) as receiver, receiving() as other:
        message = failed_job(database, tenant_id, receiver.url)
        sends = courier(database)
        sends.deliver_due()
        wait = delivery(database, message).next_at - datetime.now(UTC)
        assert 3_590 < wait.total_seconds() <= 3_600 * (1 + JITTER)
        failed_job(database, tenant_id, receiver.url)
        failed_job(database, tenant_id, other.url)
        assert sends.deliver_due() == 1
        pass_time(database, 3_590)
        assert sends.deliver_due() == 0
        fall_due(database, 3_600)
        assert sends.deliver_due() == 2
    assert len(other.heard) == 1


@pytest.mark.parametrize("status", [429, 502, 504])
def test_a_receiver_that_is_overrun_is_given_a_rest(database: Database, status: int) -> None:
    tenant_id = add_tenant(database)
    with receiving(Say(status)) as receiver:
        failed_job(database, tenant_id, receiver.url)
        sends = courier(database)
        sends.deliver_due()
        failed_job(database, tenant_id, receiver.url)
        assert sends.deliver_due() == 0
        pass_time(database, 31)
        assert sends.deliver_due() == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(database: Database, status: int) -> None:
    with receiving() as elsewhere, receiving(Say(status, {"Location": elsewhere.url})) as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        courier(database).deliver_due()
    assert results(database, message) == [status]
    assert delivery(database, message).state == DeliveryState.PENDING
    assert elsewhere.heard == []


def test_a_silent_receiver_is_given_up_after_the_time_limit(database: Database) -> None:
    held = threading.Event()
    with receiving(Say(hold=held)) as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        courier(database, webhook_timeout_seconds=0.3).deliver_due()
        held.set()
    [row] = attempts(database, message)
    assert (row.status, row.error) == (None, "timeout")
    assert row.seconds == pytest.approx(0.3, abs=0.2)


def test_nobody_listening_is_a_failure_like_any_other(database: Database) -> None:
    with receiving() as receiver:
        url = receiver.url
    message = failed_job(database, add_tenant(database), url)
    courier(database).deliver_due()
    assert results(database, message) == ["unreachable"]
    assert delivery(database, message).state == DeliveryState.PENDING


def test_a_private_address_is_refused_and_hears_nothing(database: Database) -> None:
    with receiving() as receiver:
        message = failed_job(database, add_tenant(database), receiver.url)
        guarded = outbound(allow=(), deny=(ip_network("127.0.0.0/8"),))
        courier(database, guarded).deliver_due()
    assert results(database, message) == ["refused_address"]
    assert receiver.heard == []


def test_both_secrets_sign_for_a_day_after_a_rotation(database: Database) -> None:
    tenant_id = add_tenant(database)
    old = secret_of(database, tenant_id)
    new = rotate(database, tenant_id)
    assert new != old
    with receiving() as receiver:
        failed_job(database, tenant_id, receiver.url)
        sends = courier(database)
        sends.deliver_due()
        assert receiver.heard[0].verified(old) == receiver.heard[0].verified(new)
        pass_time(database, 86_401)
        failed_job(database, tenant_id, receiver.url)
        sends.deliver_due()
    assert receiver.heard[1].verified(new)["type"] == "job.failed"
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        receiver.heard[1].verified(old)


def test_a_second_rotation_ends_the_lost_secret_at_once(database: Database) -> None:
    tenant_id = add_tenant(database)
    lost = secret_of(database, tenant_id)
    second, third = rotate(database, tenant_id), rotate(database, tenant_id)
    with receiving() as receiver:
        failed_job(database, tenant_id, receiver.url)
        courier(database).deliver_due()
    assert receiver.heard[0].verified(second) == receiver.heard[0].verified(third)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        receiver.heard[0].verified(lost)


def test_another_tenants_secret_verifies_nothing(database: Database) -> None:
    with receiving() as receiver:
        failed_job(database, add_tenant(database), receiver.url)
        courier(database).deliver_due()
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        receiver.heard[0].verified(secret_of(database, add_tenant(database)))


def test_the_log_names_the_host_but_neither_url_nor_secret_nor_prompt(database: Database) -> None:
    tenant_id = add_tenant(database)
    with receiving() as receiver, capture_logs() as logs:
        failed_job(database, tenant_id, f"{receiver.url}/t0ken?key=s3cret")
        courier(database).deliver_due()
    written = repr(logs)
    assert receiver.url.split("/")[2] in written
    for hidden in ("t0ken", "s3cret", secret_of(database, tenant_id), "a red circle"):
        assert hidden not in written


def test_a_running_courier_sends_soon_and_stops_when_told(database: Database) -> None:
    stopping = threading.Event()
    sends = threading.Thread(target=courier(database).run, args=(stopping,))
    sends.start()
    try:
        with receiving() as receiver:
            tenant_id = add_tenant(database)
            messages = [failed_job(database, tenant_id, receiver.url) for _ in range(5)]
            assert await_true(lambda: len(receiver.heard) == 5)
    finally:
        stopping.set()
        sends.join(15)
    assert not sends.is_alive()
    assert sorted(receiver.ids) == sorted(messages)
