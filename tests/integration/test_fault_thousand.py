"""A thousand jobs, a third failing and a third canceled: every book tells the same story."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from db.session import Database
from tests.support.adapters import ScriptedAdapter, paint
from tests.support.jobs import PRICE, add_tenant, allowance, balance, cancel, sql
from tests.support.station import PAINTER, Station
from tests.support.waiting import at_once
from workers.adapters.protocol import InvalidInputError, Output, Report, ShouldStop, Work

JOBS = 1000
ALLOWED = 100
THREADS = 3
PAINT, FAIL, CANCEL_QUEUED, CANCEL_RUNNING = "paint", "fail", "cancel queued", "cancel running"
FATES = (PAINT, FAIL, CANCEL_QUEUED, PAINT, FAIL, CANCEL_RUNNING)


@dataclass
class Moody(ScriptedAdapter):
    """Does what the prompts say: the fate and the job's number."""

    cancel: Callable[[int], object] = int

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Fail a batch that has a failing prompt in it; else paint, some jobs being canceled."""
        told = [work.parameters.model_dump()["prompt"].rpartition(" ") for work in batch]
        if any(fate == FAIL for fate, _, _ in told):
            raise InvalidInputError("this cannot be painted")
        painted = paint(batch, report, should_stop)
        for fate, _, number in told:
            if fate == CANCEL_RUNNING:
                self.cancel(int(number))
        return painted


def run_all(station: Station) -> None:
    """Answer tickets from several threads until none brings a job."""
    executor = station.executor()

    def work() -> None:
        while executor.answer(PAINTER):
            pass

    at_once([work] * THREADS)


def test_of_a_thousand_jobs_each_ends_once_and_every_book_agrees(
    database: Database, station: Station
) -> None:
    tenant_id = add_tenant(database, images_per_month=ALLOWED, credit_micros=JOBS * PRICE)
    fates = [FATES[n % len(FATES)] for n in range(JOBS)]
    ids = [
        station.submit(tenant_id, prompt=f"{fate} {n}", steps=1 + n % 5)
        for n, fate in enumerate(fates)
    ]
    for job_id, fate in zip(ids, fates, strict=True):
        assert fate != CANCEL_QUEUED or cancel(database, job_id)
    run_all(replace(station, adapter=Moody(cancel=lambda n: cancel(database, ids[n]))))

    wanted = {PAINT: "succeeded", FAIL: "failed"}
    expected = {j: wanted.get(f, "canceled") for j, f in zip(ids, fates, strict=True)}
    assert dict(sql(database, "SELECT id, state FROM jobs")) == expected
    succeeded = [job_id for job_id, state in expected.items() if state == "succeeded"]
    assert len(succeeded) == Counter(fates)[PAINT]

    used = sql(database, "SELECT job_id, covered_by, amount_micros FROM usage_events")
    free = [job_id for job_id in succeeded if job_id in ids[:ALLOWED]]
    paid = [job_id for job_id in succeeded if job_id not in free]
    assert sorted(used) == sorted(
        [(j, "allowance", 0) for j in free] + [(j, "balance", PRICE) for j in paid]
    )
    assert allowance(database, tenant_id) == (len(free), 0)
    assert balance(database, tenant_id) == ((JOBS - len(paid)) * PRICE, 0)
    entries = sql(database, "SELECT amount_micros FROM ledger_entries ORDER BY 1")
    assert entries == [(-PRICE,)] * len(paid) + [(JOBS * PRICE,)]
    kept = sql(database, "SELECT job_id, key FROM artifacts")
    assert sorted(job_id for job_id, _ in kept) == sorted(succeeded)
    assert sorted(key for _, key in kept) == sorted(station.stored_keys())
