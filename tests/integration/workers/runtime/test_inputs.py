"""Input pictures of hosted models: fetched at each access, and not cached."""

import dataclasses
from collections.abc import Sequence

import pytest

from db.storage.keys import input_key
from db.storage.local import LocalStore
from db.storage.object_store import StoreUnavailableError
from tests.support.adapters import paint
from tests.support.jobs import found, state
from tests.support.station import FLORENCE2, Station, picture
from workers import catalog
from workers.adapters.protocol import AdapterError, Output, Report, ShouldStop, Work
from workers.runtime.inputs import LazyImages, UnusableInputError
from workers.runtime.model_cache import ModelCache, ServedModel


class Counting:
    """A store's `get` that records its calls."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self.keys: list[str] = []

    def __call__(self, key: str) -> bytes:
        self.keys.append(key)
        return self._store.get(key).data


def test_each_look_fetches_what_is_looked_at(store: LocalStore) -> None:
    for n in range(3):
        store.put(f"inputs/{n}", picture((10 + n, 10)), "image/png")
    counting = Counting(store)
    stored = LazyImages(counting, ["inputs/0", "inputs/1", "inputs/2"])
    assert len(stored) == 3
    assert counting.keys == []
    assert stored[1].size == (11, 10)
    assert [image.width for image in stored] == [10, 11, 12]
    assert [image.mode for image in stored[1:]] == ["RGB", "RGB"]
    assert counting.keys == [f"inputs/{n}" for n in (1, 0, 1, 2, 1, 2)]


@pytest.mark.parametrize(
    ("data", "code", "retryable"),
    [(b"no picture", "invalid_image", False), (None, "input_unreachable", False)],
)
def test_what_cannot_be_had_is_named(
    store: LocalStore, data: bytes | None, code: str, *, retryable: bool
) -> None:
    if data is not None:
        store.put("inputs/x", data, "image/png")
    with pytest.raises(UnusableInputError) as caught:
        LazyImages(Counting(store), ["inputs/x"])[0]
    assert (caught.value.code, caught.value.retryable) == (code, retryable)


def test_a_store_that_is_away_is_no_fault_of_the_jobs() -> None:
    def away(_key: str) -> bytes:
        raise StoreUnavailableError("503")

    with pytest.raises(AdapterError) as caught:
        LazyImages(away, ["inputs/x"])[0]
    assert (caught.value.code, caught.value.retryable) == ("internal_error", True)


def run_hosted(station: Station, *, many: bool) -> list[type]:
    """Run a batch of a variant, hosted or on a device; return the types of its pictures."""
    kinds: list[type] = []

    def look(works: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        kinds.extend(type(work.pictures["image"]) for work in works)
        assert all(work.pictures["image"][0].size == (40, 30) for work in works)
        return paint(works, report, should_stop) and [Output(data={}) for _ in works]

    station.adapter.script[:] = [look]
    row = dataclasses.replace(catalog.find(FLORENCE2), calls_at_once=24 if many else 1)
    station.model_cache = ModelCache.loaded({FLORENCE2: ServedModel(row, station.adapter)})
    station.executor().run_batch(FLORENCE2)
    return kinds


@pytest.mark.parametrize("many", [True, False])
def test_only_a_model_elsewhere_has_its_pictures_fetched_on_sight(
    station: Station, tenant_id: str, *, many: bool
) -> None:
    key = input_key(tenant_id, "ab" * 32)
    station.store.put(key, picture(), "image/png")
    job_id = station.submit(tenant_id, FLORENCE2, image=key)
    assert run_hosted(station, many=many) == [LazyImages if many else list]
    assert state(station.database, job_id) == "succeeded"


def test_a_picture_that_is_gone_when_it_is_looked_at_ends_the_job(
    station: Station, tenant_id: str
) -> None:
    job_id = station.submit(tenant_id, FLORENCE2, image=input_key(tenant_id, "cd" * 32))
    run_hosted(station, many=True)
    job = found(station.database, job_id)
    assert (job.state, job.error_code) == ("failed", "input_unreachable")
