"""A batch on the device: what an adapter raises becomes an outcome for each job."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import BaseModel

from db.tables import Job
from tests.support.adapters import Gate, ScriptedAdapter
from tests.support.waiting import await_true
from workers.adapters.protocol import (
    DeviceLostError,
    DeviceNotReadyError,
    InvalidInputError,
    OutOfMemoryError,
    Output,
    Report,
    ShouldStop,
    Stopped,
    Work,
)
from workers.runtime.active_jobs import ActiveJob
from workers.runtime.device import Device, Outcome
from workers.runtime.failures import NeverRunError, TimeoutExceededError

Batch = list[tuple[ActiveJob, Work]]


class Parameters(BaseModel):
    """The number of a job in its batch."""

    number: int


class Listener:
    """Records events in place of a publisher."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, Mapping[str, Any]]] = []

    def publish(self, job_id: str, kind: str, data: Mapping[str, Any]) -> None:
        """Record an event."""
        self.heard.append((job_id, kind, data))


def batch_of(count: int, *, deadline: float = 60) -> Batch:
    """Active jobs and their works."""
    return [
        (
            ActiveJob(Job(id=f"job_{n}", attempt=1, deadline_seconds=deadline)),
            Work(Parameters(number=n)),
        )
        for n in range(count)
    ]


def run(adapter: ScriptedAdapter, batch: Batch) -> list[Outcome]:
    """The outcomes of one batch."""
    return Device(Listener()).run(adapter, batch)[0]


def numbers(works: Sequence[Work]) -> list[int]:
    """The numbers of these works' jobs."""
    return [work.parameters.number for work in works]


class Model(ScriptedAdapter):
    """A model with a limit of memory, that chokes on some works."""

    def __init__(
        self, *, fits: int = 100, chokes_on: Mapping[int, Exception] | None = None
    ) -> None:
        super().__init__()
        self.fits = fits
        self.chokes_on = chokes_on or {}

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Answer each work with its number."""
        super().run(batch, report, should_stop)
        if len(batch) > self.fits:
            raise OutOfMemoryError("too many at once")
        for number in numbers(batch):
            if number in self.chokes_on:
                raise self.chokes_on[number]
        return [Output(data={"number": number}) for number in numbers(batch)]


def answers(outcomes: Sequence[Outcome]) -> list[Any]:
    """The number that each output names, or the error itself."""
    return [o.data["number"] if isinstance(o, Output) else o for o in outcomes]


def test_a_batch_is_one_call_and_its_outputs_keep_their_order() -> None:
    model = Model()
    assert answers(run(model, batch_of(4))) == [0, 1, 2, 3]
    assert list(map(numbers, model.batches)) == [[0, 1, 2, 3]]


def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    model = Model(fits=2)
    assert answers(run(model, batch_of(5))) == [0, 1, 2, 3, 4]
    assert list(map(numbers, model.batches)) == [[0, 1, 2, 3, 4], [0, 1], [2, 3, 4], [2], [3, 4]]


def test_a_job_that_does_not_fit_alone_fails_alone() -> None:
    too_large = OutOfMemoryError("too large")
    outcomes = answers(run(Model(chokes_on={2: too_large}), batch_of(4)))
    assert outcomes == [0, 1, too_large, 3]


class EconomicalModel(Model):
    """A model that can run in less memory as well."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.in_least_memory: list[list[int]] = []

    def run_in_least_memory(
        self, batch: Sequence[Work], _report: Report, _should_stop: ShouldStop
    ) -> list[Output]:
        """Answer each work with its number, or choke on it again if it chokes on anything."""
        self.in_least_memory.append(numbers(batch))
        if isinstance(again := self.chokes_on.get(-1), Exception):
            raise again
        return [Output(data={"number": number}) for number in numbers(batch)]


def test_a_job_that_does_not_fit_alone_is_run_once_more_in_less_memory() -> None:
    model = EconomicalModel(fits=2, chokes_on={1: OutOfMemoryError("too large")})
    assert answers(run(model, batch_of(3))) == [0, 1, 2]
    assert list(map(numbers, model.batches)) == [[0, 1, 2], [0], [1, 2], [1], [2]]
    assert model.in_least_memory == [[1]]


def test_a_job_that_does_not_fit_in_less_memory_either_fails() -> None:
    first, second = OutOfMemoryError("too large"), OutOfMemoryError("still too large")
    model = EconomicalModel(chokes_on={0: first, -1: second})
    assert answers(run(model, batch_of(1))) == [second]
    assert model.in_least_memory == [[0]]


def test_a_model_that_cannot_save_memory_is_run_once_more_as_it_is() -> None:
    """Its caches are free by now; what another process took for a moment may be there again."""
    error, model = OutOfMemoryError("too large"), Model(fits=0)
    model.chokes_on = {0: error}
    assert [type(outcome) for outcome in run(model, batch_of(1))] == [OutOfMemoryError]
    assert len(model.batches) == 2


def test_a_library_that_does_not_begin_twice_means_a_lost_device() -> None:
    device = Device(Listener())
    error = DeviceNotReadyError("the memory of cuda:0 did not hold this batch")
    model = EconomicalModel(chokes_on={0: error, -1: error})
    [outcome] = device.run(model, batch_of(1))[0]
    assert isinstance(outcome, DeviceLostError)
    assert device.has_failed


def test_a_library_that_begins_in_less_memory_is_no_loss() -> None:
    device = Device(Listener())
    model = EconomicalModel(chokes_on={0: DeviceNotReadyError("the memory did not hold it")})
    assert answers(device.run(model, batch_of(1))[0]) == [0]
    assert not device.has_failed


def test_both_tries_of_a_job_share_its_deadline() -> None:
    def slowly(_batch: Sequence[Work], _report: Report, _should_stop: ShouldStop) -> list[Output]:
        threading.Event().wait(0.1)
        raise OutOfMemoryError("too large")

    [outcome] = run(ScriptedAdapter([slowly, Gate()]), batch_of(1, deadline=0.05))
    assert isinstance(outcome, TimeoutExceededError)


def test_a_job_whose_claim_is_lost_is_not_tried_once_more() -> None:
    batch, error = batch_of(1), OutOfMemoryError("too large")
    batch[0][0].claim_lost.set()
    model = EconomicalModel(chokes_on={0: error})
    assert answers(run(model, batch)) == [error]
    assert model.in_least_memory == []


def test_a_model_is_not_loaded_again_for_a_job_that_does_not_fit() -> None:
    loads: list[str] = []
    device = Device(Listener(), make_ready=loads.append)
    device.run(Model(fits=0), batch_of(1))
    assert len(loads) == 1


@pytest.mark.parametrize("error", [InvalidInputError("black"), RuntimeError("unforeseen")])
def test_a_poisoned_work_does_not_cost_its_batch_mates(error: Exception) -> None:
    model = Model(chokes_on={1: error})
    assert answers(run(model, batch_of(3))) == [0, error, 2]
    assert list(map(numbers, model.batches)) == [[0, 1, 2], [0], [1], [2]]


def test_two_poisoned_works_and_too_little_memory_at_once() -> None:
    first, second = InvalidInputError("one"), ValueError("two")
    model = Model(fits=3, chokes_on={0: first, 5: second})
    assert answers(run(model, batch_of(6))) == [first, 1, 2, 3, 4, second]


def test_a_lost_device_ends_the_batch_and_runs_no_other() -> None:
    lost = DeviceLostError("cuda:0 failed")
    device, model = Device(Listener()), Model(chokes_on={1: lost})
    assert answers(device.run(model, batch_of(3))[0]) == [lost] * 3
    assert device.has_failed
    later = device.run(model, batch_of(2))[0]
    assert [type(outcome) for outcome in later] == [NeverRunError] * 2
    assert len(model.batches) == 1


def test_a_device_lost_after_a_split_spares_the_half_that_was_to_come() -> None:
    lost = DeviceLostError("cuda:0 failed")
    device = Device(Listener())
    outcomes = device.run(Model(fits=2, chokes_on={2: lost}), batch_of(6))[0]
    assert answers(outcomes[:3]) == [0, lost, lost]
    assert [type(outcome) for outcome in outcomes[3:]] == [NeverRunError] * 3


def test_a_batch_whose_every_claim_is_lost_is_given_up() -> None:
    batch = batch_of(2)
    for job, _ in batch:
        job.claim_lost.set()
    gate = Gate()
    outcomes = run(ScriptedAdapter([gate]), batch)
    assert all(isinstance(outcome, Stopped) for outcome in outcomes)


def test_a_batch_goes_on_for_the_claims_that_still_hold() -> None:
    batch = batch_of(3)
    batch[0][0].claim_lost.set()
    batch[2][0].claim_lost.set()
    asked: list[bool] = []

    def behave(works: Sequence[Work], _report: Report, should_stop: ShouldStop) -> list[Output]:
        asked.append(should_stop())
        return [Output() for _ in works]

    assert all(isinstance(outcome, Output) for outcome in run(ScriptedAdapter([behave]), batch))
    assert asked == [False]


def test_a_run_past_its_deadline_is_stopped_as_a_timeout() -> None:
    [outcome] = run(ScriptedAdapter([Gate()]), batch_of(1, deadline=0.05))
    assert isinstance(outcome, TimeoutExceededError)


def test_what_a_poisoned_batch_took_does_not_count_against_its_mates() -> None:
    def slowly(_batch: Sequence[Work], _report: Report, _should_stop: ShouldStop) -> list[Output]:
        threading.Event().wait(0.2)
        raise InvalidInputError("one of you")

    def asking(batch: Sequence[Work], _report: Report, should_stop: ShouldStop) -> list[Output]:
        if should_stop():
            raise Stopped
        return [Output() for _ in batch]

    outcomes = run(ScriptedAdapter([slowly, asking, asking]), batch_of(2, deadline=0.1))
    assert all(isinstance(outcome, Output) for outcome in outcomes)


def test_a_job_is_on_the_device_during_its_own_call_alone() -> None:
    batch = batch_of(3)
    seen: list[list[bool]] = []

    def look(works: Sequence[Work], _report: Report, _should_stop: ShouldStop) -> list[Output]:
        seen.append([job.entered_device_at is not None and not job.left_device for job, _ in batch])
        if len(works) > 1:
            raise InvalidInputError("one of you")
        return [Output()]

    run(ScriptedAdapter([look] * 4), batch)
    on, off = True, False
    assert seen == [[on, on, on], [on, off, off], [off, on, off], [off, off, on]]
    assert all(job.left_device for job, _ in batch)


def test_a_lost_claim_is_no_timeout_even_when_overdue() -> None:
    batch = batch_of(2, deadline=0.05)
    batch[0][0].claim_lost.set()
    given_up, timed_out = run(ScriptedAdapter([Gate()]), batch)
    assert isinstance(given_up, Stopped)
    assert isinstance(timed_out, TimeoutExceededError)


def test_progress_is_told_for_every_job_of_the_batch() -> None:
    listener, batch = Listener(), batch_of(2)
    Device(listener).run(ScriptedAdapter(), batch)
    assert [job.progress for job, _ in batch] == [(2, 2), (2, 2)]
    assert [(job_id, kind, data["fraction"]) for job_id, kind, data in listener.heard] == [
        ("job_0", "progress", 0.5),
        ("job_1", "progress", 0.5),
        ("job_0", "progress", 1.0),
        ("job_1", "progress", 1.0),
    ]


def test_the_first_step_of_a_batch_is_noted_once() -> None:
    first_steps: list[int] = []
    device = Device(Listener(), on_first_step=lambda: first_steps.append(1))
    for batch in (batch_of(2), batch_of(1)):
        device.run(ScriptedAdapter(), batch)
    assert first_steps == [1, 1]


def test_the_device_runs_one_batch_at_a_time() -> None:
    inside = threading.Semaphore(1)
    overlaps = []

    def alone(works: Sequence[Work], _report: Report, _should_stop: ShouldStop) -> list[Output]:
        if not inside.acquire(blocking=False):
            overlaps.append(works)
        threading.Event().wait(0.002)
        inside.release()
        return [Output() for _ in works]

    device = Device(Listener())
    calls: list[Callable[[], object]] = [
        lambda: device.run(ScriptedAdapter([alone]), batch_of(1)) for _ in range(12)
    ]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda call: call(), calls))
    assert overlaps == []


def test_calls_of_a_model_elsewhere_overlap_as_far_as_its_row_allows() -> None:
    device = Device(Listener())
    gates = [Gate() for _ in range(3)]
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(device.run, ScriptedAdapter([gate]), batch_of(1), concurrency=2)
            for gate in gates
        ]

        def inside() -> int:
            return sum(gate.entered.is_set() for gate in gates)

        assert await_true(lambda: inside() == 2)
        beside = pool.submit(device.run, ScriptedAdapter(), batch_of(1))
        assert isinstance(beside.result(10)[0][0], Output), "the device is free meanwhile"
        assert inside() == 2
        for gate in gates:
            gate.opened.set()
        assert all(isinstance(call.result(10)[0][0], Output) for call in calls)


def test_seconds_are_counted_on_the_device_and_not_in_front_of_it() -> None:
    device, gate = Device(Listener()), Gate()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(device.run, ScriptedAdapter([gate]), batch_of(1))
        assert gate.entered.wait(10)
        second = pool.submit(device.run, ScriptedAdapter(), batch_of(1))
        threading.Event().wait(0.1)
        gate.opened.set()
        assert first.result()[1] >= 0.1
        assert second.result()[1] < 0.1


def test_something_else_has_the_device_only_while_no_batch_has_it() -> None:
    used: list[str] = []
    device = Device(Listener(), on_used=used.append)
    done: list[bool] = []
    gate = Gate()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(device.run, ScriptedAdapter([gate]), batch_of(1))
        assert gate.entered.wait(10)
        assert not device.when_free(lambda: done.append(True))
        assert (done, used) == ([], [])
        gate.opened.set()
        running.result(10)
    assert device.when_free(lambda: done.append(True))
    assert (done, len(used)) == ([True], 1)
