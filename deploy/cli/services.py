"""The services that the use cases of jobs and queues need, for the length of one command.

An API process opens the same services for as long as it runs. Importing this module imports the
queue's client library, so commands import it when they run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api.resources.forwarded_counts import ForwardedCounts
from deploy.cli.common import DatabaseServices, open_database
from workers import catalog
from workers.catalog import Catalogue
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier
from workers.settings import WorkerSettings


@dataclass(frozen=True)
class CatalogueServices(DatabaseServices):
    """The database, and every model of the catalogue."""

    catalogue: Catalogue


@dataclass(frozen=True)
class CommandServices(CatalogueServices):
    """The event publisher and the queue notifier, too."""

    publisher: Publisher
    notifier: QueueNotifier


@contextmanager
def open_catalogue() -> Iterator[CatalogueServices]:
    """The services of commands that need no Redis (`DATABASE_URL`)."""
    with open_database() as base:
        yield CatalogueServices(base.database, catalog.installed())


@contextmanager
def open_services() -> Iterator[CommandServices]:
    """The services that the environment names (`DATABASE_URL`, `REDIS_URL`).

    At the end, events that still wait are published, and the jobs that the command counted are
    forwarded to a process that Prometheus scrapes.
    """
    settings = WorkerSettings()
    counts = ForwardedCounts(settings)
    with open_database() as base, counts.forwarding():
        publisher, notifier = Publisher(settings), QueueNotifier(settings)
        try:
            yield CommandServices(base.database, catalog.installed(), publisher, notifier)
        finally:
            publisher.close()
            notifier.close()
    counts.close()
