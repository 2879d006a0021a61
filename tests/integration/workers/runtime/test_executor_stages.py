"""The stages of a job that run while the device runs another one: prepare and store."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from db.values.artifact_kinds import ArtifactKind
from tests.support.adapters import Gate, ScriptedAdapter, paint
from tests.support.jobs import allowance, sql, state
from tests.support.station import FLUX, Station
from workers.adapters.protocol import File, Output, Report, ShouldStop, Work


def test_a_job_is_prepared_while_another_is_on_the_device(station: Station, tenant_id: str) -> None:
    prepared = threading.Event()

    class Preparer(ScriptedAdapter):
        def prepare(self, work: Work) -> Work:
            if self.batches:
                prepared.set()
            return replace(work, prepared="scaled")

    gate = Gate()
    station.adapter = Preparer([gate])
    executor = station.executor()
    answers = [threading.Thread(target=executor.run_batch, args=(FLUX,)) for _ in range(2)]
    station.submit(tenant_id)
    answers[0].start()
    assert gate.entered.wait(10)
    station.submit(tenant_id)
    answers[1].start()
    assert prepared.wait(10)
    assert len(station.adapter.batches) == 1
    gate.opened.set()
    for answer in answers:
        answer.join(10)
    assert [[work.prepared for work in batch] for batch in station.adapter.batches] == [
        ["scaled"],
        ["scaled"],
    ]


def test_what_is_no_painted_picture_is_stored_with_its_kind(
    station: Station, tenant_id: str
) -> None:
    job_id = station.submit(tenant_id)
    held: list[bool] = []

    def draw(batch: Any, report: Report, should_stop: ShouldStop) -> list[Output]:
        [one] = paint(batch, report, should_stop)

        def files() -> Iterator[File]:
            held.append(executor.device._lock.locked())
            yield File(ArtifactKind.MASK, b"png", "image/png", (4, 3), {"label": "café"})
            yield File(ArtifactKind.COCO, b"{}", "application/json", (4, 3))

        return [Output(one.images, files=files)]

    station.adapter.script[:] = [draw]
    executor = station.executor()
    executor.run_batch(FLUX)
    assert held == [False]  # drawn when the device is free for others
    columns = "n, kind, about, media_type, bytes, width, seed, key"
    rows = sql(station.database, f"SELECT {columns} FROM artifacts ORDER BY n")  # noqa: S608
    assert [row[:7] for row in rows[1:]] == [
        (1, "mask", {"label": "café"}, "image/png", 3, 4, None),
        (2, "coco", {}, "application/json", 2, 4, None),
    ]
    assert rows[0][:3] == (0, "image", {})
    assert sorted(station.stored_keys()) == [row[7] for row in rows]
    assert rows[2][7].endswith(f"{job_id}/1/2.json")
    assert allowance(station.database, tenant_id) == (1, 0)


def test_in_a_batch_each_job_keeps_what_was_drawn_for_it(station: Station, tenant_id: str) -> None:
    ids = [station.submit(tenant_id) for _ in range(3)]

    def draw(batch: Any, _report: Report, _should_stop: ShouldStop) -> list[Output]:
        def files() -> Iterator[File]:
            yield File(ArtifactKind.OVERLAY, b"png", "image/png", (4, 3))

        plain = Output(data={"results": []})
        return [plain, Output(data={"results": []}, files=files), plain][: len(batch)]

    assert station.run_batch(draw) == 3
    assert {str(state(station.database, job_id)) for job_id in ids} == {"succeeded"}
    assert sql(station.database, "SELECT job_id, kind FROM artifacts") == [(ids[1], "overlay")]
