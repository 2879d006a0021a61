"""A thousand jobs, a third failing and a third canceled: all books agree."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from db.core.session import Database
from tests.support.adapters import ScriptedAdapter, paint
from tests.support.jobs import PRICE, add_tenant, allowance, backlog, balance, cancel, sql, submit
from tests.support.station import FLUX, Station
from tests.support.waiting import at_once
from workers.adapters.protocol import InvalidInputError, Output, Report, ShouldStop, Work

FREE_EACH, PAID_EACH = 150, 20
"""Jobs of each fate, of a tenant with an allowance and of one with credit: 1,020 in all."""

CREDIT = 1_000 * PRICE
THREADS = 3
PAINT, FAIL, CANCEL_QUEUED, CANCEL_RUNNING = "paint", "fail", "cancel-queued", "cancel-running"
FATES = (PAINT, PAINT, FAIL, FAIL, CANCEL_QUEUED, CANCEL_RUNNING)
ENDS = {PAINT: "succeeded", FAIL: "failed"}

_NAME_EACH = (
    "UPDATE jobs SET input = jsonb_set(input, '{prompt}', to_jsonb(batch_key || ' ' || id))"
)


@dataclass
class Moody(ScriptedAdapter):
    """An adapter that obeys the prompts, each a fate and the job's id."""

    cancel: Callable[[str], object] = str

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Fail a batch that has a failing prompt in it; else paint, some jobs being canceled."""
        fates = [work.parameters.model_dump()["prompt"].split() for work in batch]
        if any(fate == FAIL for fate, _ in fates):
            raise InvalidInputError("this cannot be painted")
        painted = paint(batch, report, should_stop)
        for fate, job_id in fates:
            if fate == CANCEL_RUNNING:
                self.cancel(job_id)
        return painted


def queue_all(database: Database, free: str, paid: str) -> dict[str, str]:
    """Queue the jobs of a tenant with an allowance and of one with credit; their fates by id."""
    for fate in FATES:
        asked: dict[str, Any] = {"input": {"prompt": fate, "seed": 7}, "batch_limit": 8}
        backlog(database, free, FREE_EACH, batch_key=fate, **asked)
        for _ in range(PAID_EACH):
            submit(database, paid, batch_key=fate, **asked)
    sql(database, _NAME_EACH)
    fates = dict(sql(database, "SELECT id, batch_key FROM jobs"))
    # Mixed batches: jobs that fail beside jobs that do not.
    sql(database, "UPDATE jobs SET batch_key = (ascii(right(id, 1)) % 5)::text")
    return fates


def run_all(station: Station) -> None:
    """Run batches from several threads until no job is left."""
    executor = station.executor()

    def work() -> None:
        while executor.run_batch(FLUX):
            pass

    at_once([work] * THREADS)


@pytest.mark.slow
def test_of_a_thousand_jobs_each_ends_once_and_every_book_agrees(
    database: Database, station: Station
) -> None:
    free = add_tenant(database)
    paid = add_tenant(database, images_per_month=0, credit_micros=CREDIT)
    fates = queue_all(database, free, paid)
    assert len(fates) == len(FATES) * (FREE_EACH + PAID_EACH) > 1000
    for job_id, fate in fates.items():
        assert fate != CANCEL_QUEUED or cancel(database, job_id)
    run_all(replace(station, adapter=Moody(cancel=lambda job_id: cancel(database, job_id))))

    ended = dict(sql(database, "SELECT id, state FROM jobs"))
    assert ended == {job_id: ENDS.get(fate, "canceled") for job_id, fate in fates.items()}
    succeeded = [(job_id,) for job_id, state in ended.items() if state == "succeeded"]
    assert sorted(sql(database, "SELECT job_id FROM usage_events")) == sorted(succeeded)
    assert sorted(sql(database, "SELECT job_id FROM artifacts")) == sorted(succeeded)
    keys = [key for (key,) in sql(database, "SELECT key FROM artifacts")]
    assert sorted(keys) == sorted(station.stored_keys())
    holds = Counter(state for (state,) in sql(database, "SELECT state FROM holds"))
    assert holds == {"settled": len(succeeded), "released": len(fates) - len(succeeded)}

    per_fate = FATES.count(PAINT)
    assert allowance(database, free) == (per_fate * FREE_EACH, 0)
    charged = per_fate * PAID_EACH
    assert balance(database, paid) == (CREDIT - charged * PRICE, 0)
    entries = sql(database, "SELECT tenant_id, amount_micros FROM ledger_entries")
    assert Counter(entries) == {(paid, CREDIT): 1, (paid, -PRICE): charged}
