"""Calls for webhooks: list deliveries, redeliver, and manage the signing secret."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from api.auth.tenant import TenantId
from api.core.documented_responses import documented_headers
from api.core.errors import not_found
from api.core.paging import decode_cursor, link_next_page
from api.schemas.jobs import ShortText
from api.schemas.webhooks import (
    DeliveryAttemptView,
    DeliveryList,
    DeliveryView,
    WebhookSecretView,
)
from api.services import ServicesDep
from db.tables.webhooks import Delivery, DeliveryAttempt
from db.values.delivery_state import DeliveryState
from db.webhooks import deliveries
from db.webhooks import queries as delivery_queries
from db.webhooks import secrets as webhook_secrets
from db.webhooks.queries import DeliveryFilter
from db.webhooks.secrets import SigningSecret

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

# The difference would reveal which host names the network behind the service resolves.
_PUBLIC_ERRORS = {"refused_address": "unreachable"}


class DeliveryQuery(BaseModel):
    """Filters and page of the list."""

    model_config = ConfigDict(extra="forbid")

    job_id: ShortText | None = None
    state: DeliveryState | None = None
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = Field(None, max_length=100, description="`next_cursor` of the last page")


@router.get("/deliveries", responses={200: {"headers": documented_headers("Link")}})
def list_deliveries(
    query: Annotated[DeliveryQuery, Query()],
    request: Request,
    response: Response,
    services: ServicesDep,
    tenant_id: TenantId,
) -> DeliveryList:
    """Your deliveries with every attempt, newest first; `Link: rel="next"` is the next page."""
    before_id = decode_cursor(query.cursor, "msg")
    delivery_filter = DeliveryFilter(query.job_id, query.state, before_id)
    with services.database.transaction(durable=False) as session:
        rows = delivery_queries.list_deliveries(
            session, tenant_id, delivery_filter, limit=query.limit + 1
        )
        page = delivery_views(session, rows[: query.limit])
    if len(rows) <= query.limit:
        return DeliveryList(deliveries=page, next_cursor=None)
    next_cursor = link_next_page(request, response, services.settings, page[-1].id)
    return DeliveryList(deliveries=page, next_cursor=next_cursor)


@router.post("/deliveries/{delivery_id}/redeliver", status_code=202)
def redeliver(delivery_id: ShortText, services: ServicesDep, tenant_id: TenantId) -> DeliveryView:
    """Send a delivery again now, with the whole retry schedule, under the same id.

    A disabled endpoint is enabled again.
    """
    with services.database.transaction() as session:
        row = deliveries.redeliver(session, tenant_id=tenant_id, delivery_id=delivery_id)
        if row is None:
            raise not_found("delivery")
        return delivery_views(session, [row])[0]


@router.get("/secret")
def get_secret(response: Response, services: ServicesDep, tenant_id: TenantId) -> WebhookSecretView:
    """The secret that signs your webhooks; the first call creates it."""
    with services.database.transaction() as session:
        return _secret_view(response, webhook_secrets.current_secret(session, tenant_id))


@router.post("/secret/rotate")
def rotate_secret(
    response: Response, services: ServicesDep, tenant_id: TenantId
) -> WebhookSecretView:
    """Replace the secret. The previous one also signs for 24 hours, or until the next rotation."""
    with services.database.transaction() as session:
        return _secret_view(response, webhook_secrets.rotate(session, tenant_id))


def _secret_view(response: Response, secret: SigningSecret) -> WebhookSecretView:
    response.headers["Cache-Control"] = "no-store"
    return WebhookSecretView(
        secret=secret.secret,
        created_at=secret.created_at,
        previous_expires_at=secret.previous_expires_at,
    )


def delivery_views(session: Session, rows: Sequence[Delivery]) -> list[DeliveryView]:
    """The views of deliveries, with every attempt."""
    attempts = delivery_queries.attempts_of(session, [row.id for row in rows])
    return [_view(row, attempts.get(row.id, [])) for row in rows]


def _view(row: Delivery, attempts: Sequence[DeliveryAttempt]) -> DeliveryView:
    state = DeliveryState(row.state)
    return DeliveryView(
        id=row.id,
        job_id=row.job_id,
        event=row.event,
        url=row.url,
        state=state,
        created_at=row.created_at,
        next_attempt_at=row.next_at if state == DeliveryState.PENDING else None,
        attempts=[
            DeliveryAttemptView(
                number=attempt.number,
                started_at=attempt.started_at,
                ended_at=attempt.ended_at,
                status=attempt.status,
                error=_PUBLIC_ERRORS.get(attempt.error or "", attempt.error),
                seconds=attempt.seconds,
            )
            for attempt in attempts
        ],
    )
