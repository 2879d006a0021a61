"""Deliveries of webhooks: inserted with the job's end, leased to a courier, retried by a schedule.

A job's end and its delivery are one transaction, so no event is lost or invented. The rest is
at-least-once: a lease by the database's clock, a new attempt number as the fence, and one id over
all attempts, by which the receiver recognises a duplicate.

Locks are taken in this order: the delivery, its endpoint. A statement that claims many deliveries
skips those that are locked.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, case, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.core.base import new_id
from db.core.clock import from_now
from db.tables import Artifact, Job
from db.tables.webhooks import Delivery, DeliveryAttempt, WebhookEndpoint
from db.values.delivery_state import DeliveryState
from db.values.surfaces import SurfaceName
from db.webhooks.payload import body_of, foreign_body_of
from db.webhooks.types import (
    DeliveryClaim,
    ForeignFacts,
    Outcome,
    ProgressEvent,
    Webhook,
    WebhookEvent,
)

RETRY_DELAYS_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Delays after the first to the ninth failed attempt, as Standard Webhooks recommends: ten attempts
in all, the last one a little over three days after the first."""

JITTER = 0.1
"""A delay is up to this fraction longer: deliveries that failed together are retried apart."""

GIVE_UP_AFTER = timedelta(days=5)
"""An endpoint that has accepted nothing for this long since its first failure is disabled."""

PER_HOST = 2
"""Deliveries of one tenant in flight to one host: a slow receiver delays only itself."""

PER_TENANT = 8
"""Deliveries of one tenant in flight: a tenant with many slow receivers delays only itself."""

COURIER_LOST = "courier_lost"
"""The error of an attempt whose courier died or lost contact: its outcome is unknown."""

_TRIES = 1 + len(RETRY_DELAYS_SECONDS)
_GONE = 410
_SLOW_DOWN = frozenset({429, 502, 504})
_SLOW_DOWN_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 86_400.0


def enqueue(session: Session, job: Job, artifacts: Iterable[Artifact]) -> None:
    """Insert the delivery of a job that has just ended, if its webhook subscribes to the event.

    A second delivery of the same job and event is refused by the unique key.
    """
    if job.webhook is None:
        return
    webhook = Webhook.from_json(job.webhook)
    event = WebhookEvent(f"job.{job.state}")
    if not webhook.is_foreign:
        if event in webhook.events:
            _insert(session, job, webhook, event, body_of(job, webhook, artifacts))
        return
    artifacts = tuple(artifacts)
    told = [ProgressEvent.OUTPUT] if event == WebhookEvent.SUCCEEDED else []
    for name in (*told, event):
        if name in webhook.events:
            body = foreign_body_of(job, webhook, artifacts, name)
            _insert(session, job, webhook, name, body)


def enqueue_start(session: Session, job: Job) -> None:
    """Insert the delivery that a job has started, if its webhook subscribes to it; once a job.

    Use a transaction for each job, after that of the claim: it may wait for another one that
    inserts the same endpoint, and must hold no lock that the other one waits for.
    """
    webhook = _subscribed(job, ProgressEvent.STARTED)
    if webhook is not None:
        body = foreign_body_of(job, webhook, (), ProgressEvent.STARTED)
        _insert(session, job, webhook, ProgressEvent.STARTED, body)


def enqueue_logs(session: Session, job: Job, step: int, steps: int) -> None:
    """Insert the delivery of a step of a running job, if its webhook subscribes to it.

    None is inserted while an earlier step's is pending: a receiver that is slow or gone gets fewer.
    Use a transaction for each job, as for `enqueue_start`.
    """
    webhook = _subscribed(job, ProgressEvent.LOGS)
    if webhook is None or _has_pending_logs(session, job.id):
        return
    event = f"{ProgressEvent.LOGS}.{step}"
    _insert(session, job, webhook, event, foreign_body_of(job, webhook, (), event, (step, steps)))


def _subscribed(job: Job, event: ProgressEvent) -> Webhook | None:
    if job.webhook is None:
        return None
    webhook = Webhook.from_json(job.webhook)
    return webhook if event in webhook.events else None


def _has_pending_logs(session: Session, job_id: str) -> bool:
    statement = select(Delivery.id).where(
        Delivery.job_id == job_id,
        Delivery.event.startswith(f"{ProgressEvent.LOGS}."),
        Delivery.state == DeliveryState.PENDING,
    )
    return session.scalar(statement.limit(1)) is not None


def _insert(session: Session, job: Job, webhook: Webhook, event: str, body: str) -> None:
    delivery = insert(Delivery).values(
        id=new_id("msg"),
        job_id=job.id,
        tenant_id=job.tenant_id,
        endpoint_id=_endpoint_id(session, job.tenant_id, webhook.url),
        event=event,
        url=webhook.url,
        body=body,
    )
    session.execute(delivery.on_conflict_do_nothing(index_elements=["job_id", "event"]))


def _endpoint_id(session: Session, tenant_id: str, url: str) -> str:
    parts = urlsplit(url)
    # Clients often give one receiver a different query for every job.
    plain = parts._replace(query="", fragment="").geturl()
    own = (WebhookEndpoint.tenant_id == tenant_id) & (WebhookEndpoint.url == plain)
    found = session.scalar(select(WebhookEndpoint.id).where(own))
    if found is not None:
        return found
    # Two ends of a tenant's jobs do not race for it: each has locked the tenant's row. A start or
    # a step has not, and holds no other lock: whoever comes second waits for its commit.
    endpoint = insert(WebhookEndpoint).values(
        id=new_id("whe"),
        tenant_id=tenant_id,
        url=plain,
        host=parts.netloc.rpartition("@")[2].lower(),
    )
    session.execute(endpoint.on_conflict_do_nothing(index_elements=["tenant_id", "url"]))
    return session.scalars(select(WebhookEndpoint.id).where(own)).one()


# waiting: endpoints with pending deliveries, one index step for each.
# busy: deliveries in flight by tenant and host.
# due: the next deliveries of each enabled endpoint.
# in_host, in_tenant: their places among those of their host and tenant; past the limit they wait.
# chosen: the first of them, as many as there is room for. taken: the same, locked.
# lost: earlier attempts of theirs that never ended. leased: the attempt deliveries.
# logged: a new row for each attempt.
# of_form: the `ForeignFacts` of a job whose webhook has the form of a compatible API.
_CLAIM = text("""
WITH RECURSIVE waiting AS (
    (SELECT endpoint_id FROM deliveries WHERE state = 'pending' ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM deliveries d
            WHERE d.state = 'pending' AND d.endpoint_id > waiting.endpoint_id
            ORDER BY d.endpoint_id LIMIT 1)
    FROM waiting WHERE waiting.endpoint_id IS NOT NULL
), busy AS MATERIALIZED (
    SELECT e.tenant_id, e.host, count(*) AS sending
    FROM deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
    WHERE d.leased_until > now()
    GROUP BY e.tenant_id, e.host
), due AS (
    SELECT d.id, d.next_at, e.tenant_id, e.host
    FROM waiting
    JOIN webhook_endpoints e ON e.id = waiting.endpoint_id
    CROSS JOIN LATERAL (
        SELECT id, next_at FROM deliveries
        WHERE endpoint_id = e.id AND state = 'pending' AND next_at <= now() AND tries < :tries
          AND (leased_until IS NULL OR leased_until <= now())
        ORDER BY next_at
        LIMIT :per_host) AS d
    WHERE e.disabled_at IS NULL AND (e.paused_until IS NULL OR e.paused_until <= now())
), in_host AS (
    SELECT due.*, coalesce(busy.sending, 0)
        + row_number() OVER (PARTITION BY tenant_id, host ORDER BY next_at, id) AS place
    FROM due LEFT JOIN busy USING (tenant_id, host)
), in_tenant AS (
    SELECT id, next_at,
        coalesce((SELECT sum(sending) FROM busy WHERE busy.tenant_id = in_host.tenant_id), 0)
        + row_number() OVER (PARTITION BY tenant_id ORDER BY next_at, id) AS place
    FROM in_host WHERE place <= :per_host
), chosen AS MATERIALIZED (
    SELECT id FROM in_tenant WHERE place <= :per_tenant ORDER BY place, next_at LIMIT :room
), taken AS MATERIALIZED (
    SELECT id FROM deliveries
    WHERE id IN (SELECT id FROM chosen) AND state = 'pending' AND next_at <= now()
      AND (leased_until IS NULL OR leased_until <= now())
    FOR UPDATE SKIP LOCKED
), lost AS (
    UPDATE delivery_attempts SET ended_at = now(), error = :lost
    WHERE delivery_id IN (SELECT id FROM taken) AND ended_at IS NULL
), leased AS (
    UPDATE deliveries SET
        attempts = attempts + 1,
        tries = tries + 1,
        leased_until = now() + make_interval(secs => :lease_seconds)
    WHERE id IN (SELECT id FROM taken)
    RETURNING *
), logged AS (
    INSERT INTO delivery_attempts (delivery_id, number) SELECT id, attempts FROM leased
)
SELECT leased.id, leased.attempts, leased.tenant_id, leased.event, e.host, leased.url,
       leased.body, now() AS started_at, leased.job_id, jobs.request_id,
       CASE WHEN jobs.webhook ? 'surface' THEN jsonb_build_object(
           'surface', jobs.webhook -> 'surface', 'base_url', jobs.webhook -> 'base_url',
           'secret', coalesce(jobs.webhook -> 'secret', '""'), 'input', jobs.input,
           'request', coalesce(jobs.surface_request, '{}'),
           'warnings', coalesce(jobs.warnings, '[]')
       ) END AS of_form
FROM leased JOIN webhook_endpoints e ON e.id = leased.endpoint_id
JOIN jobs ON jobs.id = leased.job_id
ORDER BY leased.next_at, leased.id
""")


def claim(session: Session, *, room: int, lease_seconds: float) -> list[DeliveryClaim]:
    """Claim due deliveries, to be sent now; the commit need not wait for the disk.

    At most `PER_HOST` of a tenant to one host and `PER_TENANT` of a tenant are in flight, and
    tenants take turns. Two couriers that claim at the same moment may each reach these limits.

    Args:
        session: the transaction.
        room: the most to claim.
        lease_seconds: after this long without an outcome, another courier may claim it.
    """
    values = {
        "room": room,
        "lease_seconds": lease_seconds,
        "per_host": PER_HOST,
        "per_tenant": PER_TENANT,
        "tries": _TRIES,
        "lost": COURIER_LOST,
    }
    rows = session.execute(_CLAIM, values)
    return [replace(DeliveryClaim(*row[:-1]), foreign=_foreign_facts(row.of_form)) for row in rows]


def _foreign_facts(of_form: Mapping[str, Any] | None) -> ForeignFacts | None:
    if of_form is None:
        return None
    return ForeignFacts(**{**of_form, "surface": SurfaceName(of_form["surface"])})


def record(session: Session, attempt: DeliveryClaim, outcome: Outcome) -> DeliveryState | None:
    """Record the outcome of an attempt, and its consequences; the transaction must be durable.

    Returns:
        The new state of the delivery; None when the lease ran out and another attempt has begun.
    """
    delivery = session.get(Delivery, attempt.delivery_id, with_for_update=True)
    _end_attempt(session, attempt, outcome)
    if delivery is None or delivery.attempts != attempt.number or delivery.leased_until is None:
        return None
    disabled = _update_endpoint(session, delivery.endpoint_id, outcome)
    delivery.leased_until = None
    delivery.state = _state_after(delivery, outcome, disabled=disabled)
    if delivery.state == DeliveryState.PENDING:
        delivery.next_at = from_now(_wait_seconds(delivery.tries, outcome))
    session.flush()
    return DeliveryState(delivery.state)


def _end_attempt(session: Session, attempt: DeliveryClaim, outcome: Outcome) -> None:
    session.execute(
        update(DeliveryAttempt)
        .where(DeliveryAttempt.delivery_id == attempt.delivery_id)
        .where(DeliveryAttempt.number == attempt.number)
        .values(
            ended_at=func.now(),
            status=outcome.status,
            error=outcome.error,
            seconds=outcome.seconds,
        )
    )


def _state_after(delivery: Delivery, outcome: Outcome, *, disabled: bool) -> DeliveryState:
    if outcome.accepted:
        return DeliveryState.DELIVERED
    if disabled:
        return DeliveryState.DISABLED
    if delivery.tries >= _TRIES:
        return DeliveryState.FAILED
    return DeliveryState.PENDING


def _wait_seconds(tries: int, outcome: Outcome) -> float:
    planned = RETRY_DELAYS_SECONDS[max(tries, 1) - 1]
    asked = min(outcome.retry_after_seconds or 0, _LONGEST_PAUSE_SECONDS)
    return max(planned, asked) * (1 + JITTER * random.random())  # noqa: S311 - no secret


def _update_endpoint(session: Session, endpoint_id: str, outcome: Outcome) -> bool:
    """Record how the endpoint behaved; True when it is disabled now."""
    values = {"failing_since": None} if outcome.accepted else _failure_columns(outcome)
    statement = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).values(values)
    return session.scalar(statement.returning(WebhookEndpoint.disabled_at)) is not None


def _failure_columns(outcome: Outcome) -> dict[str, Any]:
    reason = _reason_to_disable(outcome)
    pause = from_now(_pause_seconds(outcome))
    return {
        "failing_since": func.coalesce(WebhookEndpoint.failing_since, func.now()),
        # All its deliveries wait for this long, and never less than the endpoint asked for before.
        "paused_until": func.greatest(WebhookEndpoint.paused_until, pause),
        "disabled_reason": func.coalesce(WebhookEndpoint.disabled_reason, reason),
        "disabled_at": case(
            (reason.is_not(None), func.coalesce(WebhookEndpoint.disabled_at, func.now())),
            else_=WebhookEndpoint.disabled_at,
        ),
    }


def _reason_to_disable(outcome: Outcome) -> ColumnElement[Any]:
    if outcome.status == _GONE:
        return literal("gone")
    return case((WebhookEndpoint.failing_since < func.now() - GIVE_UP_AFTER, "failing"))


def _pause_seconds(outcome: Outcome) -> float:
    asked = outcome.retry_after_seconds
    if asked is None:
        return _SLOW_DOWN_SECONDS if outcome.status in _SLOW_DOWN else 0
    return min(asked, _LONGEST_PAUSE_SECONDS)


# hopeless: pending deliveries whose endpoint is disabled, or that have used up their schedule.
# lost: attempts of theirs that never ended.
_CLOSE = text("""
WITH hopeless AS MATERIALIZED (
    SELECT d.id, CASE WHEN e.disabled_at IS NULL THEN 'failed' ELSE 'disabled' END AS state
    FROM deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id
    WHERE d.state = 'pending' AND (d.leased_until IS NULL OR d.leased_until <= now())
      AND (e.disabled_at IS NOT NULL OR d.tries >= :tries)
    LIMIT :limit
    FOR UPDATE OF d SKIP LOCKED
), lost AS (
    UPDATE delivery_attempts SET ended_at = now(), error = :lost
    WHERE delivery_id IN (SELECT id FROM hopeless) AND ended_at IS NULL
)
UPDATE deliveries SET state = hopeless.state, leased_until = NULL
FROM hopeless WHERE deliveries.id = hopeless.id
RETURNING deliveries.id
""")


def close_undeliverable(session: Session, *, limit: int = 1_000) -> int:
    """Close deliveries to disabled endpoints, and those whose last attempt lost its courier.

    Returns:
        The number of closed deliveries; at most `limit`.
    """
    values = {"tries": _TRIES, "limit": limit, "lost": COURIER_LOST}
    return len(session.execute(_CLOSE, values).all())


def redeliver(session: Session, *, tenant_id: str, delivery_id: str) -> Delivery | None:
    """Send a delivery again, in any state: at once, and then by the whole schedule.

    Its endpoint is enabled again. The transaction must be durable.

    Returns:
        The delivery; None when it is not this tenant's.
    """
    delivery = session.scalars(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.tenant_id == tenant_id)
        .values(state=DeliveryState.PENDING, tries=0, next_at=func.now())
        .returning(Delivery),
        execution_options={"populate_existing": True},
    ).first()
    if delivery is not None:
        session.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.id == delivery.endpoint_id)
            .values(disabled_at=None, disabled_reason=None, failing_since=None, paused_until=None)
        )
    return delivery
