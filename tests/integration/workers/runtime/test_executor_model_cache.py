"""A worker that serves more models than its device holds."""

from db.storage.keys import input_key
from db.values.job_state import JobState
from tests.support.adapters import ScriptedAdapter
from tests.support.jobs import state
from tests.support.station import FLORENCE2, FLUX, Station, picture, run_and_count
from workers.adapters.serving.plan import ServingPlan
from workers.catalog import find
from workers.runtime.model_cache import ModelCache, ServedModel


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
