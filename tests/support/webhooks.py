"""Webhooks for tests: jobs with webhooks, dispatchers, and time that a test lets pass."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from pydantic import SecretStr

from db.core.session import Database
from db.tables.webhooks import Delivery, DeliveryAttempt
from db.webhooks import deliveries
from db.webhooks import queries as delivery_queries
from db.webhooks import secrets as webhook_secrets
from db.webhooks.queries import DeliveryFilter
from db.webhooks.types import DeliveryClaim, Outcome, Webhook
from tests.support.jobs import fail, running, sql
from workers.courier.dispatcher import WebhookDispatcher
from workers.courier.messages import ForeignForms
from workers.outbound import Outbound, OutboundSettings
from workers.settings import WorkerSettings

_IDLE_SECONDS = 60.0
_MOMENTS = {
    "deliveries": ("created_at", "next_at", "leased_until"),
    "delivery_attempts": ("started_at", "ended_at"),
    "webhook_endpoints": ("failing_since", "paused_until", "disabled_at"),
    "webhook_secrets": ("created_at", "expires_at"),
}


def pass_time(database: Database, seconds: float) -> None:
    """Let time pass for webhooks: move every past event back by these seconds."""
    for table, columns in _MOMENTS.items():
        moved = ", ".join(f"{name} = {name} - make_interval(secs => :s)" for name in columns)
        sql(database, f"UPDATE {table} SET {moved}", s=seconds)  # noqa: S608


def outbound(**settings: Any) -> Outbound:
    """The guarded client, which may connect to this machine."""
    chosen = {"allow": (ip_network("127.0.0.0/8"),), "allow_http": True, "ports": (), **settings}
    return Outbound(OutboundSettings(**chosen))


def webhook_dispatcher(
    database: Database,
    client: Outbound | None = None,
    forms: ForeignForms | None = None,
    **settings: Any,
) -> WebhookDispatcher:
    """A dispatcher with a client that reaches this machine; its `run` is not started."""
    chosen = WorkerSettings(redis_url=SecretStr("redis://127.0.0.1:1"), **settings)
    return WebhookDispatcher(database, client or outbound(), chosen, forms)


def deliver_due(dispatcher: WebhookDispatcher) -> int:
    """Make one attempt at each due delivery, by the steps of `run`; return their number."""
    dispatcher.close_undeliverable()
    started = dispatcher.dispatch()
    dispatcher.wait_until_idle(_IDLE_SECONDS)
    return started


def failed_job(database: Database, tenant_id: str, url: str, **changes: Any) -> str:
    """Fail a job with a webhook; return the delivery's id."""
    held = running(database, tenant_id, webhook=Webhook(url), **changes)
    assert fail(database, held)
    [delivery] = of_job(database, held.job_id)
    return delivery.id


def of_job(database: Database, job_id: str) -> Sequence[Delivery]:
    """A job's deliveries."""
    [[tenant_id]] = sql(database, "SELECT tenant_id FROM jobs WHERE id = :id", id=job_id)
    with database.transaction(durable=False) as session:
        return delivery_queries.list_deliveries(
            session, tenant_id, DeliveryFilter(job_id=job_id), limit=9
        )


def delivery(database: Database, delivery_id: str) -> Delivery:
    """The current row of a delivery."""
    with database.transaction(durable=False) as session:
        found = session.get(Delivery, delivery_id)
    assert found is not None
    return found


def attempts(database: Database, delivery_id: str) -> list[DeliveryAttempt]:
    """The attempts at a delivery."""
    with database.transaction(durable=False) as session:
        return delivery_queries.attempts_of(session, [delivery_id]).get(delivery_id, [])


def results(database: Database, delivery_id: str) -> list[int | str | None]:
    """The result of each attempt: its status, or its error."""
    return [row.status or row.error for row in attempts(database, delivery_id)]


def claim_deliveries(
    database: Database, *, room: int = 100, lease: float = 60
) -> list[DeliveryClaim]:
    """Claim due deliveries, as a dispatcher with this much room does."""
    with database.transaction(durable=False) as session:
        return deliveries.claim(session, room=room, lease_seconds=lease)


def record(database: Database, sending: DeliveryClaim, status: int) -> str | None:
    """Record the status of an attempt."""
    with database.transaction() as session:
        return deliveries.record(session, sending, Outcome(status, None, 0.1))


def redeliver(database: Database, delivery_id: str) -> None:
    """Request a redelivery, as the owner does."""
    owner = delivery(database, delivery_id).tenant_id
    with database.transaction() as session:
        assert deliveries.redeliver(session, tenant_id=owner, delivery_id=delivery_id)


def secret_of(database: Database, tenant_id: str) -> str:
    """The secret with which a tenant's receiver verifies."""
    with database.transaction() as session:
        return webhook_secrets.current_secret(session, tenant_id).secret


def rotate(database: Database, tenant_id: str) -> str:
    """Replace a tenant's secret; return the new one."""
    with database.transaction() as session:
        return webhook_secrets.rotate(session, tenant_id).secret
