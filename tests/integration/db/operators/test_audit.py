"""Sweeper reports what it cannot repair."""

from structlog.testing import capture_logs

from db.core.session import Database
from tests.support.jobs import add_tenant, sql
from workers.courier.sweeper import Sweeper
from workers.messaging.events import Publisher
from workers.messaging.queue import QueueNotifier
from workers.settings import WorkerSettings


def test_books_that_disagree_are_told_of_in_the_log(
    database: Database, worker_settings: WorkerSettings, publisher: Publisher
) -> None:
    maintenance = Sweeper(database, QueueNotifier(worker_settings), publisher)
    tenant_id = add_tenant(database)
    assert maintenance.audit() == []
    sql(database, "UPDATE tenants SET balance_micros = balance_micros + 5")
    with capture_logs() as logs:
        (broken,) = maintenance.audit()
    assert broken.examples == (tenant_id,)
    assert logs[0]["event"] == "invariant_broken"
    assert logs[0]["rule"] == broken.rule == "a balance is the sum of its ledger entries"
    sql(database, "UPDATE tenants SET balance_micros = balance_micros - 5")
