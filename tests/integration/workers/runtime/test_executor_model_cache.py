"""A worker that serves more models than its device holds."""

from db.storage.keys import input_key
from db.values.job_state import JobState
from tests.support.adapters import ScriptedAdapter
from tests.support.jobs import found, sql, state
from tests.support.station import FLORENCE2, FLUX, Station, picture, run_and_count
from workers.adapters.serving.plan import ServingPlan
from workers.adapters.weights import WeightsError
from workers.catalog import find
from workers.runtime.model_cache import ModelCache, ServedModel
from workers.runtime.models.load_failures import FIRST_SECONDS


class Counted(ScriptedAdapter):
    """An adapter that counts its loads."""

    loads = 0

    def load(self) -> None:
        """Count a load."""
        self.loads += 1


def test_a_busy_model_stays_for_a_while_and_nobody_is_forgotten(
    station: Station, tenant_id: str
) -> None:
    now = [0.0]
    adapters = {name: Counted() for name in (FLUX, FLORENCE2)}
    served = {
        name: ServedModel(find(name), adapter, ServingPlan(device_bytes=6))
        for name, adapter in adapters.items()
    }
    station.model_cache = ModelCache(served, budget_bytes=10, stay_seconds=60, clock=lambda: now[0])
    station.model_cache.load_what_fits()
    executor = station.executor()
    for second in (1, 2):
        now[0] = second
        station.submit(tenant_id, FLUX)
        assert run_and_count(station, executor, FLUX) == 1
    picture_key = input_key(tenant_id, "0" * 64)
    station.store.put(picture_key, picture(), "image/png")
    looked_at = station.submit(tenant_id, FLORENCE2, image=picture_key)
    assert run_and_count(station, executor, FLORENCE2) == 0
    assert state(station.database, looked_at) is JobState.QUEUED
    now[0] = 61
    assert run_and_count(station, executor, FLORENCE2) == 1
    assert [adapter.loads for adapter in adapters.values()] == [1, 1]
    assert station.model_cache.ids == (FLORENCE2,)


class Unloadable(Counted):
    """An adapter whose load fails, until it is mended."""

    is_mended = False

    def load(self) -> None:
        """Count a load, and fail."""
        super().load()
        if not self.is_mended:
            raise WeightsError(f"{FLUX}: shard 2 is missing")


def test_a_model_that_cannot_be_loaded_fails_once_for_a_batch_and_the_other_is_served(
    station: Station, tenant_id: str
) -> None:
    now = [0.0]
    broken, sound = Unloadable(), Counted()
    served = {
        FLUX: ServedModel(find(FLUX), broken),
        FLORENCE2: ServedModel(find(FLORENCE2), sound),
    }
    station.model_cache = ModelCache(served, clock=lambda: now[0])
    station.model_cache.load_what_fits()
    assert (station.model_cache.ids, broken.loads) == ((FLORENCE2,), 1)
    executor = station.executor()
    jobs = [station.submit(tenant_id, FLUX) for _ in range(2)]
    assert run_and_count(station, executor, FLUX) == 0  # blocked: other workers may have them

    now[0] = FIRST_SECONDS
    assert run_and_count(station, executor, FLUX) == 2
    assert broken.loads == 2
    assert {str(state(station.database, job)) for job in jobs} == {"queued"}
    assert run_and_count(station, executor, FLUX) == 0
    assert station.model_cache.problem == f"{FLUX}: shard 2 is missing"

    picture_key = input_key(tenant_id, "0" * 64)
    station.store.put(picture_key, picture(), "image/png")
    station.submit(tenant_id, FLORENCE2, image=picture_key)
    assert run_and_count(station, executor, FLORENCE2) == 1

    broken.is_mended = True
    now[0] = 10 * FIRST_SECONDS
    sql(station.database, "UPDATE jobs SET available_at = now()")
    while run_and_count(station, executor, FLUX):
        pass
    assert {str(state(station.database, job)) for job in jobs} == {"succeeded"}
    assert station.model_cache.problem is None


def test_a_job_whose_every_attempt_meets_a_broken_model_fails_with_its_reason(
    station: Station, tenant_id: str
) -> None:
    now = [0.0]
    served = {FLUX: ServedModel(find(FLUX), Unloadable())}
    station.model_cache = ModelCache(served, clock=lambda: now[0])
    executor = station.executor()
    job_id = station.submit(tenant_id, FLUX)
    for _ in range(3):
        assert run_and_count(station, executor, FLUX) == 1
        sql(station.database, "UPDATE jobs SET available_at = now() WHERE state = 'queued'")
        now[0] += 10_000
    job = found(station.database, job_id)
    assert (job.state, job.error_code) == ("failed", "model_not_loaded")
    assert "shard" not in (job.error_message or "")
