"""Deletion of tenants: the use case of the API, the dashboard and the command line."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import select

from api.core.domain_errors import NotFoundError
from db.core.session import Database
from db.operators import deletion
from db.operators.audit import Actor
from db.operators.deletion import KeptRows
from db.operators.erasure import Erased, TenantErasure
from db.storage.object_store import ObjectStore
from db.tables import Job, Tenant
from db.values.job_state import JobState
from workers.messaging.events import Publisher
from workers.telemetry.metrics import count_finished_job


class DeletionServices(Protocol):
    """The services of a deletion; `api.services.Services` has them."""

    @property
    def database(self) -> Database:
        """The database."""

    @property
    def store(self) -> ObjectStore:
        """The objects."""

    @property
    def publisher(self) -> Publisher:
        """Publishes the ends of canceled jobs, and removes the events of jobs."""


@dataclass(frozen=True)
class DeletionReport:
    """A deleted tenant: what one call removed of it, and what stays.

    Attributes:
        deleted_at: when its deletion began.
        forfeited_micros: what this call took of its balance.
        balance_micros: what is left of it.
    """

    tenant_id: str
    deleted_at: datetime
    erased: Erased
    kept: KeptRows
    forfeited_micros: int
    balance_micros: int


def delete_tenant(
    services: DeletionServices,
    actor: Actor,
    tenant_id: str,
    *,
    forfeits_balance: bool,
    seconds: float,
) -> DeletionReport:
    """Delete a tenant for good, or go on with a deletion that has not removed everything yet.

    Its keys are refused at once. Its unfinished jobs are canceled, and charge nothing. What is not
    removed within the time is removed by the next call, or by the courier.

    Args:
        services: the connections.
        actor: the operator.
        tenant_id: the tenant.
        forfeits_balance: True to delete one that has money left, and to take it.
        seconds: the time for the removal.

    Raises:
        NotFoundError: there is no such tenant.
        db.operators.deletion.BalanceLeftError: it has money left; nothing was changed.
        db.storage.object_store.StoreError: the object store failed; call it again.
    """
    with services.database.transaction() as session:
        if session.get(Tenant, tenant_id) is None:
            raise NotFoundError("tenant")
        deletion.begin(session, actor, tenant_id, forfeits_balance=forfeits_balance)
    erased = _erasure(services).erase(tenant_id, seconds=seconds)
    forfeited = _forfeit(services, actor, tenant_id) if forfeits_balance else 0
    return _report(services, tenant_id, erased, forfeited)


def _erasure(services: DeletionServices) -> TenantErasure:
    def announce(job: Job) -> None:
        services.publisher.publish_done(job.id, JobState.CANCELED)
        count_finished_job(job.variant, JobState.CANCELED)

    return TenantErasure(
        services.database,
        services.store,
        on_canceled=announce,
        remove_events=services.publisher.remove_events,
    )


def _forfeit(services: DeletionServices, actor: Actor, tenant_id: str) -> int:
    with services.database.transaction() as session:
        return deletion.forfeit(session, actor, tenant_id)


def _report(
    services: DeletionServices, tenant_id: str, erased: Erased, forfeited: int
) -> DeletionReport:
    with services.database.transaction(durable=False) as session:
        now = select(Tenant.deleted_at, Tenant.balance_micros).where(Tenant.id == tenant_id)
        row = session.execute(now).one()
        kept = deletion.kept_rows(session, tenant_id)
    return DeletionReport(tenant_id, row.deleted_at, erased, kept, forfeited, row.balance_micros)
