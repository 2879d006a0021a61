"""Figures of use and of queues."""

from datetime import UTC, datetime, timedelta

from db.core.session import Database
from db.reports import usage as reports
from db.reports.usage import UsageSum
from db.values.pricing import UnitKind
from tests.support.jobs import (
    PRICE,
    VARIANT,
    add_tenant,
    complete,
    fail,
    let_expire,
    retry,
    running,
    sql,
    submit,
)

NOW = datetime.now(UTC)
START, END = NOW - timedelta(days=400), NOW + timedelta(days=1)
EYES = "florence-2-demo"


def used(database: Database) -> str:
    """A tenant that has used two pictures (one paid), three analyses, and failed once."""
    tenant_id = add_tenant(database, images_per_month=1, credit_micros=9 * PRICE)
    for _ in range(2):
        complete(database, running(database, tenant_id))
    complete(
        database,
        running(database, tenant_id, variant=EYES, unit_kind=UnitKind.ANALYSES, units=3),
    )
    fail(database, running(database, tenant_id))
    return tenant_id


def backdate(database: Database, variant: str, moment: datetime) -> None:
    """Let a variant's use have been at another time."""
    with_trigger_off = (
        "ALTER TABLE usage_events DISABLE TRIGGER USER",
        "UPDATE usage_events SET occurred_at = :moment WHERE variant = :variant",
        "ALTER TABLE usage_events ENABLE TRIGGER USER",
    )
    for statement in with_trigger_off:
        sql(
            database,
            statement,
            **({"moment": moment, "variant": variant} if ":" in statement else {}),
        )


def sums(database: Database, tenant_id: str, *groups: str) -> list[UsageSum]:
    """All of a tenant's use."""
    with database.transaction() as session:
        return reports.usage_sums(session, tenant_id, START, END, groups)


def test_use_is_summed_by_kind(database: Database) -> None:
    tenant_id = used(database)
    used(database)
    assert sums(database, tenant_id) == [
        UsageSum(None, None, "analyses", 1, 3, 0),
        UsageSum(None, None, "images", 2, 2, PRICE),
    ]


def test_use_is_summed_by_model(database: Database) -> None:
    assert sums(database, used(database), "model") == [
        UsageSum(EYES, None, "analyses", 1, 3, 0),
        UsageSum(VARIANT, None, "images", 2, 2, PRICE),
    ]


def test_use_is_summed_by_day_in_utc(database: Database, owner_database: Database) -> None:
    tenant_id = used(database)
    backdate(
        owner_database, EYES, datetime(NOW.year, 1, 1, 0, 0, 1, tzinfo=UTC) - timedelta(days=1)
    )
    backdate(
        owner_database, VARIANT, datetime(NOW.year, 1, 1, 23, 59, tzinfo=UTC) - timedelta(days=1)
    )
    last = f"{NOW.year - 1}-12-31"
    assert sums(database, tenant_id, "day") == [
        UsageSum(None, last, "analyses", 1, 3, 0),
        UsageSum(None, last, "images", 2, 2, PRICE),
    ]
    assert sums(database, tenant_id, *reports.GROUPS) == [
        UsageSum(EYES, last, "analyses", 1, 3, 0),
        UsageSum(VARIANT, last, "images", 2, 2, PRICE),
    ]


def test_a_period_includes_its_start_and_not_its_end(
    database: Database, owner_database: Database
) -> None:
    tenant_id = used(database)
    moment = datetime(NOW.year - 1, 5, 17, 12, tzinfo=UTC)
    backdate(owner_database, EYES, moment)
    instant = timedelta(microseconds=1)
    with database.transaction() as session:
        found = [
            len(reports.usage_events(session, tenant_id, start, end, limit=10))
            for start, end in [
                (moment, moment + instant),
                (moment - instant, moment),
                (moment + instant, moment + 2 * instant),
            ]
        ]
    assert found == [1, 0, 0]


def test_events_are_listed_oldest_first_up_to_a_limit(database: Database) -> None:
    tenant_id = used(database)
    with database.transaction() as session:
        events = reports.usage_events(session, tenant_id, START, END, limit=2)
    assert [(event.variant, event.units, event.amount_micros) for event in events] == [
        (VARIANT, 1, 0),
        (VARIANT, 1, PRICE),
    ]


def test_the_depth_of_a_queue_counts_what_waits_and_what_runs(database: Database) -> None:
    tenant_id = add_tenant(database)
    complete(database, running(database, tenant_id, variant="idle"))
    running(database, tenant_id, variant=EYES)
    running(database, tenant_id)
    for _ in range(3):
        submit(database, tenant_id)
    sql(
        database,
        "UPDATE jobs SET created_at = now() - interval '90 s' WHERE variant = :v",
        v=VARIANT,
    )
    with database.transaction() as session:
        depths = {depth.variant: depth for depth in reports.queue_depths(session)}
    assert set(depths) == {VARIANT, EYES}
    assert (depths[VARIANT].queued, depths[VARIANT].running) == (3, 1)
    assert 90 <= depths[VARIANT].oldest_age_seconds < 120
    assert (depths[EYES].queued, depths[EYES].running, depths[EYES].oldest_age_seconds) == (0, 1, 0)


def test_claimable_is_what_a_worker_could_claim_now(database: Database) -> None:
    tenant_id = add_tenant(database)
    running(database, tenant_id)
    retry(database, running(database, tenant_id), delay=60)
    for _ in range(2):
        submit(database, tenant_id)
    let_expire(database, submit(database, tenant_id))
    submit(database, tenant_id, variant=EYES)
    with database.transaction() as session:
        assert reports.claimable_counts(session) == {VARIANT: 2, EYES: 1}
    sql(database, "INSERT INTO queues VALUES (:v, 0, now())", v=EYES)
    with database.transaction() as session:
        assert reports.claimable_counts(session) == {VARIANT: 2}
