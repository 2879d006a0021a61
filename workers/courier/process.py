"""The courier's process: sweeper, webhook dispatcher, retention and erasure, side by side."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.storage.settings import StorageSettings, open_store
from workers import catalog
from workers.courier.dispatcher import WebhookDispatcher
from workers.courier.erasure import TenantEraser
from workers.courier.messages import ForeignForms
from workers.courier.retention import Retention
from workers.courier.sweeper import Sweeper
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier
from workers.outbound import Outbound, OutboundSettings
from workers.settings import WorkerSettings
from workers.telemetry import metrics, tracing

_POOL_SIZE = 4


def run_courier(stopping: threading.Event, forms: ForeignForms | None = None) -> None:
    """Run the courier until `stopping` is set, configured by the environment.

    Args:
        stopping: the signal to end.
        forms: the forms of webhooks that the floor above renders; None if it has no URL secret.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong.
        workers.catalog.CatalogueFileError: the operator's catalogue file cannot be used.
    """
    catalog.installed()  # like every process of a deployment, it refuses a file with a fault
    settings = WorkerSettings()
    tracing.start("bottega-courier")
    metrics.serve(settings)
    database = Database(DatabaseSettings(pool_size=_POOL_SIZE))
    publisher, queue_notifier = Publisher(settings), QueueNotifier(settings)
    sweeper = Sweeper(database, queue_notifier, publisher)
    store = open_store(StorageSettings())
    retention = Retention(database, store, settings, publisher.remove_events)
    eraser = TenantEraser(database, store, publisher)
    dispatcher = WebhookDispatcher(database, Outbound(OutboundSettings()), settings, forms)
    try:
        run_loops(
            stopping,
            partial(
                sweeper.run,
                every_seconds=settings.sweep_seconds,
                alive_file=settings.alive_file,
            ),
            dispatcher.run,
            retention.run,
            eraser.run,
        )
    finally:
        publisher.close()
        queue_notifier.close()
        database.close()
        tracing.stop()


def run_loops(stopping: threading.Event, *loops: Callable[[threading.Event], None]) -> None:
    """Run loops in threads until `stopping` is set. When one raises, all end.

    So the supervisor sees the failure: half a process must not run on.

    Raises:
        Exception: raised by a loop.
    """
    with ThreadPoolExecutor(len(loops)) as pool:
        futures = [pool.submit(_run_loop, loop, stopping) for loop in loops]
    for future in futures:
        future.result()


def _run_loop(loop: Callable[[threading.Event], None], stopping: threading.Event) -> None:
    try:
        loop(stopping)
    finally:
        stopping.set()
