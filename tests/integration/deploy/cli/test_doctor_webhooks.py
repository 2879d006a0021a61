"""The doctor's check of webhooks that no courier can render."""

import pytest

from db.core.session import Database
from db.storage.local import LocalStore
from db.values.surfaces import SurfaceName
from db.webhooks import deliveries
from db.webhooks.types import Outcome, Webhook
from deploy.cli.doctor import Environment, FindingError, _webhooks
from tests.support.jobs import add_tenant, fail, running
from tests.support.webhooks import claim_deliveries
from workers.courier.messages import NO_URL_SECRET
from workers.messaging.queue import QueueNotifier
from workers.settings import WorkerSettings


def test_a_courier_without_the_secret_is_named_while_webhooks_wait_for_it(
    database: Database, store: LocalStore, worker_settings: WorkerSettings
) -> None:
    environment = Environment(database, store, QueueNotifier(worker_settings))
    webhook = Webhook("https://x.example/h", base_url="https://b.example", surface=SurfaceName.FAL)
    assert fail(database, running(database, add_tenant(database), webhook=webhook))
    assert "can send" in _webhooks(environment)
    [sending] = claim_deliveries(database)
    with database.transaction() as session:
        deliveries.record(session, sending, Outcome(None, NO_URL_SECRET, 0.0))
    with pytest.raises(FindingError, match=r"1 webhooks .* BOTTEGA_URL_SECRET"):
        _webhooks(environment)
    environment.queue_notifier.close()
