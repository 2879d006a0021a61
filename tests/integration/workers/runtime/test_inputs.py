"""Input pictures of hosted models: fetched at each access, and not cached."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from db.storage.keys import input_key
from db.storage.local import LocalStore
from db.storage.object_store import StoredObject, StoreUnavailableError
from tests.support.adapters import paint
from tests.support.jobs import add_tenant, found, state
from tests.support.pictures import LARGE, many_scans
from tests.support.station import FLORENCE2, Station, picture
from tests.support.waiting import await_true
from workers import catalog
from workers.adapters.protocol import AdapterError, Output, Report, ShouldStop, Work
from workers.runtime.executor import Executor
from workers.runtime.inputs import Deadline, InputTimeoutError, LazyImages, UnusableInputError
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


def look(works: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
    """Look at the picture of each job."""
    assert all(work.pictures["image"][0].size == (40, 30) for work in works)
    return paint(works, report, should_stop) and [Output(data={}) for _ in works]


def run_hosted(station: Station, *, many: bool) -> list[type]:
    """Run a batch of a variant, hosted or on a device; return the types of its pictures."""
    kinds: list[type] = []

    def look_and_note(works: Sequence[Work], *rest: Any) -> list[Output]:
        kinds.extend(type(work.pictures["image"]) for work in works)
        return look(works, *rest)

    station.adapter.script[:] = [look_and_note]
    hosted_executor(station, many=many).run_batch(FLORENCE2)
    return kinds


def hosted_executor(station: Station, *, many: bool) -> Executor:
    """An executor of a variant that is hosted, or on a device."""
    row = dataclasses.replace(catalog.find(FLORENCE2), calls_at_once=24 if many else 1)
    station.model_cache = ModelCache.loaded({FLORENCE2: ServedModel(row, station.adapter)})
    return station.executor()


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


class SlowStore(LocalStore):
    """A real store whose reads take this long, or until they are let go."""

    def __init__(self, store: LocalStore, seconds: float) -> None:
        super().__init__(store._root)
        self.seconds = seconds
        self.reads: list[str] = []
        self.let_go = Event()

    def get(self, key: str) -> StoredObject:
        self.reads.append(key)
        self.let_go.wait(self.seconds)
        return super().get(key)


def test_inputs_that_are_not_read_in_time_fail_their_own_job(
    station: Station, store: LocalStore, tenant_id: str
) -> None:
    slow = SlowStore(store, 0.3)
    keys = [input_key(tenant_id, letter * 64) for letter in "abc"]
    for key in keys:
        store.put(key, picture(), "image/png")
    limited = station.settings.model_copy(update={"input_seconds": 0.2})
    worker = dataclasses.replace(station, store=slow, settings=limited)
    late = station.submit(tenant_id, FLORENCE2, image=keys[0])
    painting = station.submit(add_tenant(station.database))
    worker.run_batch(variant=FLORENCE2)
    worker.run_batch(paint)
    job = found(station.database, late)
    assert (job.state, job.error_code, job.attempt) == ("failed", "timeout", 1)
    assert "not read within 0.2 s" in (job.error_message or "")
    assert state(station.database, painting) == "succeeded"


def test_a_deadline_has_an_end() -> None:
    deadline = Deadline(0.05)
    assert 0 < deadline.remaining_seconds() <= 0.05
    assert await_true(lambda: is_over(deadline))


def is_over(deadline: Deadline) -> bool:
    try:
        deadline.remaining_seconds()
    except InputTimeoutError as error:
        return error.code == "timeout"
    return False


def test_a_store_that_is_away_is_asked_again_only_until_the_deadline(
    station: Station, store: LocalStore, tenant_id: str
) -> None:
    class AwayStore(SlowStore):
        def get(self, key: str) -> StoredObject:
            self.reads.append(key)
            raise StoreUnavailableError("503")

    away = AwayStore(store, 0)
    patient = station.settings.model_copy(update={"input_seconds": 0.5, "patience_seconds": 600})
    worker = dataclasses.replace(station, store=away, settings=patient)
    job_id = station.submit(tenant_id, FLORENCE2, image=input_key(tenant_id, "ab" * 32))
    began = time.monotonic()
    worker.run_batch(variant=FLORENCE2)
    assert time.monotonic() - began < 10
    assert away.reads
    assert found(station.database, job_id).state == "queued"


def test_a_picture_that_an_older_release_stored_ends_its_own_job_at_once(
    station: Station, store: LocalStore, tenant_id: str
) -> None:
    key = input_key(tenant_id, "ef" * 32)
    store.put(key, many_scans(3_000, LARGE), "image/jpeg")
    slow = [station.submit(tenant_id, FLORENCE2, image=key) for _ in range(3)]
    painting = station.submit(add_tenant(station.database))
    began = time.monotonic()
    while station.run_batch(variant=FLORENCE2):
        pass
    assert time.monotonic() - began < 10  # one decode of it takes longer
    station.run_batch(paint)
    jobs = [found(station.database, job_id) for job_id in slow]
    assert {(job.state, job.error_code) for job in jobs} == {("failed", "invalid_image")}
    assert state(station.database, painting) == "succeeded"


@pytest.mark.parametrize("many", [True, False])
def test_a_worker_decodes_no_more_pixels_at_once_than_it_may(
    station: Station, store: LocalStore, tenant_id: str, *, many: bool
) -> None:
    station.settings = station.settings.model_copy(update={"input_seconds": 0.2})
    key = input_key(tenant_id, "ab" * 32)
    store.put(key, picture(), "image/png")
    job_id = station.submit(tenant_id, FLORENCE2, image=key)
    executor = hosted_executor(station, many=many)
    station.adapter.script[:] = [look]
    budget = executor._stages.inputs._decode_budget
    with budget.reserve("another", station.settings.max_decoding_pixels):
        executor.run_batch(FLORENCE2)
    job = found(station.database, job_id)
    assert (job.state, job.error_code) == ("failed", "timeout")


def test_a_file_is_fetched_for_as_long_as_it_is_read(station: Station, tenant_id: str) -> None:
    station.store.put("loras/bent.safetensors", b"numbers", "application/octet-stream")
    seen: list[Path] = []

    def read(works: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        with works[0].stored("loras/bent.safetensors") as path:
            assert path.read_bytes() == b"numbers"
            seen.append(path)
        assert not path.exists()
        return look(works, report, should_stop)

    key = input_key(tenant_id, "ab" * 32)
    station.store.put(key, picture(), "image/png")
    job_id = station.submit(tenant_id, FLORENCE2, image=key)
    station.adapter.script[:] = [read]
    hosted_executor(station, many=False).run_batch(FLORENCE2)
    assert state(station.database, job_id) == "succeeded"
    assert len(seen) == 1
