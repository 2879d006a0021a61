"""The switches that operators set: a queue is paused, a worker drained, a tenant suspended.

The admin API, the dashboard and the command line call these functions. Each one commits, writes
the audit log, and returns whether it changed anything.
"""

from typing import Protocol

from api.core.domain_errors import NotFoundError
from api.jobs.actions import Notifier
from db.core.session import Database
from db.operators import actions
from db.operators.audit import Actor
from db.tables import Tenant, Worker
from workers.catalog import Catalogue, DisabledVariantError, UnknownVariantError
from workers.messaging.queue import Ticket


class SwitchServices(Protocol):
    """The services of the switches of workers and tenants; `api.services.Services` has them."""

    @property
    def database(self) -> Database:
        """The database."""


class QueueSwitchServices(SwitchServices, Protocol):
    """The services that the switch of a queue needs, too."""

    @property
    def catalogue(self) -> Catalogue:
        """The models whose queues can be paused."""


class QueueResumeServices(QueueSwitchServices, Protocol):
    """The services that a resumed queue needs, too."""

    @property
    def notifier(self) -> Notifier:
        """Notifies the workers."""


def pause_queue(services: QueueSwitchServices, actor: Actor, model: str) -> bool:
    """Start no more jobs of a queue.

    Raises:
        api.core.domain_errors.NotFoundError: there is no such queue.
    """
    queue = _queue_of(services.catalogue, model)
    with services.database.transaction() as session:
        return actions.pause_queue(session, actor, queue)


def resume_queue(services: QueueResumeServices, actor: Actor, model: str) -> bool:
    """Start jobs of a paused queue again, and notify its workers.

    Raises:
        api.core.domain_errors.NotFoundError: there is no such queue.
    """
    queue = _queue_of(services.catalogue, model)
    with services.database.transaction() as session:
        changed = actions.resume_queue(session, actor, queue)
    services.notifier.notify(Ticket(queue))
    return changed


def _queue_of(catalogue: Catalogue, model: str) -> str:
    """The queue of a model, by id or alias; jobs of a disabled one may still wait."""
    try:
        return catalogue.find(model).id
    except DisabledVariantError as error:
        return error.id
    except UnknownVariantError:
        raise NotFoundError("queue") from None


def set_worker_drained(
    services: SwitchServices, actor: Actor, worker_id: str, *, drained: bool
) -> bool:
    """Stop a worker from claiming jobs once its running ones end, or let it claim jobs again.

    Raises:
        api.core.domain_errors.NotFoundError: there is no such worker.
    """
    switch = actions.drain_worker if drained else actions.undrain_worker
    with services.database.transaction() as session:
        if session.get(Worker, worker_id) is None:
            raise NotFoundError("worker")
        return switch(session, actor, worker_id)


def set_tenant_suspended(
    services: SwitchServices, actor: Actor, tenant_id: str, *, suspended: bool
) -> bool:
    """Refuse a tenant's keys, or accept them again.

    Raises:
        api.core.domain_errors.NotFoundError: there is no such tenant.
    """
    switch = actions.suspend_tenant if suspended else actions.resume_tenant
    with services.database.transaction() as session:
        if session.get(Tenant, tenant_id) is None:
            raise NotFoundError("tenant")
        return switch(session, actor, tenant_id)
