"""Each rule can be broken, and is then the one that is reported."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import invariants
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.webhooks.types import Webhook
from tests.support.databases import DatabaseMaker
from tests.support.jobs import (
    PRICE,
    add_tenant,
    assert_everything_holds,
    cancel,
    complete,
    fail,
    progress,
    running,
    stored,
    submit,
    submit_many,
    without_finite_checks,
)

SETTLED = "each succeeded job has exactly one settled hold and one usage event"
EARNED = "each usage event belongs to a job that ended in its outcome"
CANCELED = "each canceled job has a usage event if its hold was settled, and none otherwise"
WITHIN = "a canceled job is charged for what it started, and at most what it held"
DELIVERED = "no hold but that of a job with a result or of canceled work is settled"
REMAINDER = "canceled work and used units of an allowance add up"
REQUESTED = "only a hosted job waits for its vendor after a cancellation"
VENDOR = "what is held of a day's budget at the vendor is the sum of its open holds"
CLOSED = "a finished job has no open hold"
COVERED = "every unfinished job has an open hold"
USED = "an allowance's used units are the sum of its usage events"
HELD = "an allowance's held units are the sum of its open holds"
BALANCE = "a balance is the sum of its ledger entries"
BALANCE_HELD = "a balance's held amount is the sum of its open holds"
CHARGED = "a tenant's charges are the sum of its usage events"
IN_FLIGHT = "a tenant's count of jobs in flight is its number of unfinished jobs"
TOLD = "each event that a webhook subscribes to has its delivery, and no other event has one"
STORED = "a tenant's stored bytes are the sum of its inputs and results in the store"
FINITE = "the numbers of the fair share are finite"
ARTIFACTS = "artifacts belong to succeeded jobs and to the attempt that succeeded"

COLUMNS = "key, tenant_id, job_id, variant, kind, units, amount_micros, covered_by, month"
EVENT_FOR = (
    f"INSERT INTO usage_events ({COLUMNS}) "  # noqa: S608
    "SELECT 'more', j.tenant_id, j.id, j.variant, h.kind, 0, 0, h.source, h.month "
    "FROM jobs j JOIN holds h ON h.job_id = j.id WHERE j.state = '{}' LIMIT 1"
)


def of(state: str, covered_by: str, change: str) -> str:
    """A change of what belongs to one job of the scene."""
    which = f"state = '{state}' AND covered_by = '{covered_by}'"
    return f"{change} WHERE job_id IN (SELECT id FROM jobs WHERE {which})"  # noqa: S608


FORGET_HOLDS = """
WITH gone AS (
    DELETE FROM holds h USING jobs j
    WHERE j.id = h.job_id AND j.state = 'queued' AND h.source = 'allowance' RETURNING h.units)
UPDATE allowances SET held = held - (SELECT sum(units) FROM gone)"""
MISFILE = """
UPDATE artifacts SET n = random() * 1e9,
    job_id = (SELECT id FROM jobs WHERE state = 'failed' LIMIT 1)"""
REOPEN = "UPDATE holds SET state = 'open', closed_at = NULL"
RELEASE = "UPDATE holds SET state = 'released', closed_at = now()"
FORGET_RESULTS = "DELETE FROM usage_events WHERE outcome = 'succeeded'"
BREAKS: list[tuple[str, set[str]]] = [
    (of("succeeded", "allowance", RELEASE), {SETTLED}),
    (EVENT_FOR.format("succeeded"), {SETTLED}),
    (f"{FORGET_RESULTS} AND covered_by = 'allowance'", {SETTLED, USED}),
    (f"{FORGET_RESULTS} AND covered_by = 'balance'", {SETTLED, CHARGED}),
    (of("succeeded", "balance", "DELETE FROM holds"), {SETTLED}),
    (EVENT_FOR.format("failed"), {EARNED}),
    (EVENT_FOR.format("queued"), {EARNED}),
    (of("failed", "allowance", REOPEN + ", units = 0"), {CLOSED}),
    (of("failed", "allowance", REOPEN), {CLOSED, HELD}),
    (of("failed", "balance", REOPEN), {CLOSED, BALANCE_HELD}),
    (of("running", "balance", RELEASE), {COVERED, BALANCE_HELD}),
    (of("queued", "allowance", RELEASE), {COVERED, HELD}),
    (of("queued", "allowance", "DELETE FROM holds"), {COVERED, HELD}),
    (FORGET_HOLDS, {COVERED}),
    ("UPDATE allowances SET granted = 9, used = used + 1", {USED}),
    ("UPDATE allowances SET used = used - 1", {USED}),
    ("UPDATE allowances SET granted = 9, held = held + 1", {HELD}),
    ("UPDATE allowances SET held = 0", {HELD}),
    ("UPDATE tenants SET balance_micros = balance_micros + 1", {BALANCE}),
    ("DELETE FROM ledger_entries WHERE amount_micros > 0", {BALANCE}),
    ("DELETE FROM ledger_entries WHERE amount_micros < 0", {BALANCE, CHARGED}),
    ("UPDATE tenants SET balance_held_micros = balance_held_micros + 1", {BALANCE_HELD}),
    ("UPDATE tenants SET balance_held_micros = 0", {BALANCE_HELD}),
    (
        "UPDATE usage_events SET amount_micros = amount_micros + 1 WHERE covered_by = 'balance'",
        {CHARGED},
    ),
    (of("canceled", "allowance", RELEASE), {CANCELED}),
    (of("canceled", "balance", "UPDATE holds SET canceled_micros = amount_micros + 1"), {WITHIN}),
    (of("canceled", "allowance", "UPDATE holds SET canceled_units = NULL"), {WITHIN}),
    (of("failed", "allowance", "UPDATE holds SET state = 'settled'"), {DELIVERED}),
    ("UPDATE allowances SET remainder_micro_units = remainder_micro_units + 1", {REMAINDER}),
    ("UPDATE jobs SET cancel_requested_at = now()", {REQUESTED}),
    ("UPDATE vendor_spend SET held_micros = held_micros + 1", {VENDOR}),
    (of("queued", "balance", "UPDATE holds SET vendor_micros = 0"), {VENDOR}),
    ("UPDATE tenants SET in_flight = in_flight + 1", {IN_FLIGHT}),
    ("UPDATE tenants SET in_flight = in_flight - 1", {IN_FLIGHT}),
    ("UPDATE tenants SET stored_bytes = stored_bytes + 1", {STORED}),
    ("UPDATE tenants SET stored_bytes = 0", {STORED}),
    ("UPDATE artifacts SET attempt = attempt + 1", {ARTIFACTS}),
    (MISFILE, {ARTIFACTS}),
    ("UPDATE queues SET virtual_time = 'NaN'", {FINITE}),
    ("UPDATE fair_tags SET finish = 'Infinity'", {FINITE}),
    ("UPDATE jobs SET fair_start = '-Infinity' WHERE state = 'queued'", {FINITE}),
    ("DELETE FROM deliveries", {TOLD}),
    ("UPDATE deliveries SET event = 'job.expired'", {TOLD}),
    ("UPDATE deliveries SET job_id = (SELECT id FROM jobs WHERE state = 'queued' LIMIT 1)", {TOLD}),
]


@pytest.fixture(scope="module")
def scene(database_maker: DatabaseMaker) -> Iterator[Database]:
    """A tenant with jobs in every standing, on allowance and on balance."""
    with database_maker.fresh() as url:
        database = Database(DatabaseSettings(url=SecretStr(url)))
        play(database)
        yield database
        assert_everything_holds(database)
        database.close()


def play(database: Database) -> None:
    """Submit the scene's jobs and leave each where it shall stand."""
    tenant_id = add_tenant(database, images_per_month=4, credit_micros=9 * PRICE)
    cancel_at_three_quarters(database, tenant_id)
    for _ in range(2):
        held = running(database, tenant_id)
        assert complete(database, held, stored(held))
    assert fail(database, running(database, tenant_id, webhook=Webhook("https://x.example")))
    submit_many(database, tenant_id, 2, variant="later")
    paid = running(database, tenant_id)
    assert complete(database, paid)
    assert fail(database, running(database, tenant_id))
    running(database, tenant_id)
    cancel_at_three_quarters(database, tenant_id)
    submit(database, tenant_id, vendor_micros=PRICE, variant="hosted")


def cancel_at_three_quarters(database: Database, tenant_id: str) -> None:
    """A job that its owner cancels while it runs."""
    begun = running(database, tenant_id)
    progress(database, begun, 3, 4)
    assert cancel(database, begun.job_id, tenant_id)


@pytest.fixture
def tampering(scene: Database) -> Iterator[Session]:
    """A transaction that may do what the triggers forbid, and is rolled back."""
    with scene.transaction() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        for table in ("usage_events", "ledger_entries"):
            session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for constraint in without_finite_checks():
            session.execute(text(constraint))
        yield session
        session.rollback()


def test_nothing_is_reported_of_a_sound_scene(scene: Database) -> None:
    with scene.transaction() as session:
        assert invariants.violations(session) == []
        kinds = "SELECT count(DISTINCT (state, covered_by)) FROM jobs"
        assert session.scalar(text(kinds)) == 9


@pytest.mark.parametrize(("change", "expected"), BREAKS)
def test_a_broken_rule_is_reported_and_no_other(
    tampering: Session, change: str, expected: set[str]
) -> None:
    assert tampering.execute(text(change)).rowcount > 0
    reported = invariants.violations(tampering)
    assert {violation.rule for violation in reported} == expected
    assert all(violation.examples for violation in reported)


def test_every_rule_has_been_broken_alone() -> None:
    alone = {rule for _, rules in BREAKS for rule in rules if len(rules) == 1}
    assert alone == set(invariants.RULES)


def test_a_report_names_the_first_things_that_break_a_rule(tampering: Session) -> None:
    tampering.execute(text("UPDATE artifacts SET attempt = 9"))
    [violation] = invariants.violations(tampering, examples=1)
    assert len(violation.examples) == 1
    job_id, n = violation.examples[0].split()
    assert (job_id.startswith("job_"), n) == (True, "0")
