"""The gauges of a scrape, with the database and without it."""

from prometheus_client.parser import text_string_to_metric_families

from api.core.metrics import REFUSALS, WAITERS, ServiceCollector, exposition
from db.billing.vendor import Spend
from db.reports.gauges import DatabaseGauges
from db.reports.usage import QueueDepth
from workers.telemetry.metrics import REDIS_READERS

GAUGES = DatabaseGauges(
    queues=[QueueDepth("a", 3, 2, 41.5), QueueDepth("withdrawn", 1, 0, 7.0)],
    ready_workers={"a": 2},
    workers={"busy": 2},
    paused=["b"],
    open_holds=6,
    oldest_hold_seconds=90.0,
    vendor=Spend(2_000_000, 500_000),
    expiring_keys={"operator": 1, "tenant": 0},
)


def samples(gauges: ServiceCollector) -> dict[tuple[str, ...], float]:
    """Each sample by its name and its labels' values."""
    families = text_string_to_metric_families(exposition(gauges).decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_every_offered_queue_is_shown_and_every_one_that_has_work() -> None:
    shown = samples(ServiceCollector(GAUGES, ["a", "b"], redis=True))
    depths = {key[1]: value for key, value in shown.items() if key[0] == "bottega_queue_depth"}
    assert depths == {"a": 3, "b": 0, "withdrawn": 1}
    assert shown["bottega_queue_oldest_job_age_seconds", "a"] == 41.5
    assert shown["bottega_jobs_running", "a"] == 2
    assert shown["bottega_queue_ready_workers", "a"] == 2
    assert shown["bottega_queue_ready_workers", "withdrawn"] == 0
    assert shown["bottega_queue_paused", "b"] == 1
    assert shown["bottega_workers", "busy"] == 2
    assert shown["bottega_workers", "failed"] == 0
    assert shown["bottega_holds_open",] == 6
    assert shown["bottega_api_keys_expiring", "operator"] == 1
    assert shown["bottega_dependency_up", "database"] == 1


def test_without_the_database_its_absence_is_shown_and_the_processes_own_figures() -> None:
    shown = samples(ServiceCollector(None, ["a"], redis=False))
    assert shown["bottega_dependency_up", "database"] == 0
    assert shown["bottega_dependency_up", "redis"] == 0
    assert shown["bottega_http_requests_in_flight",] == 0
    assert ("bottega_queue_depth", "a") not in shown


def test_what_an_alert_waits_for_is_exported_before_it_happens() -> None:
    """A series that begins with its first count has no increase then."""
    shown = samples(ServiceCollector(None, [], redis=False))
    assert {key[1] for key in shown if key[0] == "bottega_requests_refused_total"} >= {*REFUSALS}
    assert {key[1] for key in shown if key[0] == "bottega_streams_refused_total"} == {*WAITERS}
    readers = {key[1] for key in shown if key[0] == "bottega_redis_messages_refused_total"}
    assert readers == {*REDIS_READERS}
