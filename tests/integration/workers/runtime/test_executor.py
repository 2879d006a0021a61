"""A batch through the whole pipeline: fetched, run, stored and completed, with faults."""

import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from db.core.session import Database
from db.storage.keys import input_key
from db.storage.local import LocalStore
from db.storage.object_store import StoreMisconfiguredError, StoreUnavailableError
from db.values.surfaces import SurfaceName
from db.webhooks.types import ProgressEvent, Webhook, WebhookEvent
from tests.support.adapters import Gate, ScriptedAdapter, paint, raising
from tests.support.databases import DatabaseMaker
from tests.support.faulty_store import FaultyStore
from tests.support.jobs import (
    PRICE,
    add_tenant,
    allowance,
    cancel,
    counts,
    found,
    lose_lease,
    rescue,
    sql,
    state,
)
from tests.support.station import FLORENCE2, FLUX, Station, and_then, await_events, picture
from tests.support.waiting import at_once
from tests.support.webhooks import of_job
from workers.adapters.protocol import OutOfMemoryError, Output, Report, ShouldStop
from workers.runtime.active_jobs import ActiveJob


def let_run_again(database: Database) -> None:
    """End every backoff."""
    sql(database, "UPDATE jobs SET available_at = now() WHERE state = 'queued'")


def unbilled(database: Database) -> bool:
    """True when no usage is recorded and every hold is released."""
    held = sql(database, "SELECT count(*) FROM holds WHERE state <> 'released'")
    return counts(database, "usage_events") == [0] and held == [(0,)]


def test_a_painted_picture_is_stored_and_its_job_succeeds(station: Station, tenant_id: str) -> None:
    job_id = station.submit(tenant_id)
    assert station.run_batch() == 1
    job = found(station.database, job_id)
    assert (job.state, job.attempt, job.worker_id) == ("succeeded", 1, "wrk_1")
    assert job.run_seconds is not None
    [(key, media_type, size, width, seed)] = sql(
        station.database, "SELECT key, media_type, bytes, width, seed FROM artifacts"
    )
    assert station.stored_keys() == [key]
    assert f"/{job_id}/1/0.png" in key
    kept = station.store.get(key)
    assert (media_type, width, seed) == (kept.media_type, 16, "7") == ("image/png", 16, "7")
    assert len(kept.data) == size
    assert Image.open(io.BytesIO(kept.data)).getpixel((0, 0)) == (255, 0, 0)
    assert allowance(station.database, tenant_id) == (1, 0)
    assert station.active_jobs.snapshot() == {}


def test_what_happens_is_told_in_order(station: Station, tenant_id: str) -> None:
    job_id = station.submit(tenant_id)
    station.run_batch()
    assert await_events(station, job_id, "succeeded") == [
        ("state", "queued"),
        ("state", "running"),
        ("progress", 1),
        ("progress", 2),
        ("done", "succeeded"),
    ]


def test_the_model_gets_the_parsed_input_and_the_decoded_pictures(
    station: Station, tenant_id: str
) -> None:
    key = input_key(tenant_id, "ab" * 32)
    station.store.put(key, picture(), "image/png")
    job_id = station.submit(
        tenant_id, FLORENCE2, image=key, task="<CAPTION_TO_PHRASE_GROUNDING>", text="a"
    )

    def look(batch: Any, _report: Report, _should_stop: ShouldStop) -> list[Output]:
        [work] = batch
        [image] = work.pictures["image"]
        return [Output(data={"size": image.size, "mode": image.mode, "text": work.parameters.text})]

    station.run_batch(look, variant=FLORENCE2)
    job = found(station.database, job_id)
    assert job.output == {"size": [40, 30], "mode": "RGB", "text": "a"}
    assert counts(station.database, "artifacts") == [0]
    assert allowance(station.database, tenant_id, "analyses") == (1, 0)


def test_several_pictures_are_stored_in_the_format_asked_for(
    station: Station, tenant_id: str
) -> None:
    station.submit(tenant_id, num_images=2, output_format="webp", output_quality=50)

    def paint_two(batch: Any, report: Report, should_stop: ShouldStop) -> list[Output]:
        [one] = paint(batch, report, should_stop)
        return [Output(one.images * 2)]

    station.run_batch(paint_two)
    rows = sql(station.database, "SELECT n, key, media_type FROM artifacts ORDER BY n")
    assert [(n, key.rsplit("/", 1)[1], kind) for n, key, kind in rows] == [
        (0, "0.webp", "image/webp"),
        (1, "1.webp", "image/webp"),
    ]
    assert sorted(station.stored_keys()) == [key for _, key, _ in rows]


def test_a_ticket_too_many_is_answered_with_nothing(station: Station, tenant_id: str) -> None:
    assert station.run_batch() == 0
    station.submit(tenant_id)
    assert [station.run_batch(), station.run_batch()] == [1, 0]
    assert len(station.adapter.batches) == 1


@pytest.mark.parametrize(
    ("stored", "code"),
    [
        (b"no picture", "invalid_image"),
        (picture()[:60], "invalid_image"),
        (None, "input_unreachable"),
    ],
)
def test_a_job_whose_picture_is_unusable_fails_at_once_and_unbilled(
    station: Station, tenant_id: str, stored: bytes | None, code: str
) -> None:
    key = input_key(tenant_id, "cd" * 32)
    if stored is not None:
        station.store.put(key, stored, "image/png")
    job_id = station.submit(tenant_id, FLORENCE2, image=key)
    station.run_batch(variant=FLORENCE2)
    job = found(station.database, job_id)
    assert (job.state, job.error_code, job.attempt) == ("failed", code, 1)
    assert station.adapter.batches == []
    assert unbilled(station.database)
    assert await_events(station, job_id, "failed")[-1] == ("done", "failed")


def test_a_mate_with_an_unusable_picture_does_not_cost_the_others(
    station: Station, tenant_id: str
) -> None:
    good, gone = input_key(tenant_id, "ab" * 32), input_key(tenant_id, "cd" * 32)
    station.store.put(good, picture(), "image/png")
    ids = [station.submit(tenant_id, FLORENCE2, image=key) for key in (good, gone, good)]
    seen = [Output(data={}), Output(data={})]
    assert station.run_batch(lambda *_: seen, variant=FLORENCE2) == 3
    states = [found(station.database, job_id).state for job_id in ids]
    assert states == ["succeeded", "failed", "succeeded"]


def test_an_unforeseen_error_is_tried_again_later_and_fails_in_the_end(
    station: Station, tenant_id: str
) -> None:
    job_id = station.submit(tenant_id)
    for attempt, delay in ((1, 2), (2, 4)):
        station.run_batch(raising(RuntimeError("the prompt was: secret")))
        job = found(station.database, job_id)
        assert (job.state, job.attempt) == ("queued", attempt)
        [(seconds,)] = sql(
            station.database, "SELECT extract(epoch FROM available_at - now()) FROM jobs"
        )
        assert delay - 2 < seconds <= delay
        let_run_again(station.database)
    station.run_batch(raising(RuntimeError("the prompt was: secret")))
    job = found(station.database, job_id)
    assert (job.state, job.error_code, job.error_retryable) == ("failed", "internal_error", True)
    assert "secret" not in (job.error_message or "")
    assert unbilled(station.database)
    assert await_events(station, job_id, "failed") == [
        ("state", "queued"),
        ("state", "running"),
        ("state", "queued"),
        ("state", "running"),
        ("state", "queued"),
        ("state", "running"),
        ("done", "failed"),
    ]


def test_a_second_attempt_that_works_is_billed_once(station: Station, tenant_id: str) -> None:
    job_id = station.submit(tenant_id)
    station.run_batch(raising(RuntimeError("cosmic ray")))
    let_run_again(station.database)
    station.run_batch()
    assert state(station.database, job_id) == "succeeded"
    assert allowance(station.database, tenant_id) == (1, 0)
    assert [key.split("/")[-2] for key in station.stored_keys()] == ["2"]


def test_a_job_too_large_for_the_device_fails_at_once(station: Station, tenant_id: str) -> None:
    job_id = station.submit(tenant_id)
    too_large = raising(OutOfMemoryError("2048 x 2048 does not fit"))
    station.run_batch(too_large, too_large)
    job = found(station.database, job_id)
    assert (job.state, job.error_code, job.error_retryable) == ("failed", "out_of_memory", False)
    assert job.error_message == "2048 x 2048 does not fit"
    assert unbilled(station.database)


def test_a_job_that_fits_at_the_second_try_succeeds_at_its_first_attempt(
    station: Station, tenant_id: str
) -> None:
    job_id = station.submit(tenant_id)
    station.run_batch(raising(OutOfMemoryError("2048 x 2048 does not fit")))
    job = found(station.database, job_id)
    assert (job.state, job.attempt, job.error_code) == ("succeeded", 1, None)


def test_a_job_past_its_deadline_ends_as_a_timeout(station: Station, tenant_id: str) -> None:
    job_id = station.submit(tenant_id)
    sql(station.database, "UPDATE jobs SET deadline_seconds = 0.05")
    station.run_batch(Gate())
    job = found(station.database, job_id)
    assert (job.state, job.error_code) == ("failed", "timeout")
    assert unbilled(station.database)


def test_a_result_for_a_job_canceled_meanwhile_is_dropped(station: Station, tenant_id: str) -> None:
    job_id = station.submit(tenant_id)
    station.run_batch(and_then(paint, lambda: cancel(station.database, job_id)))
    assert state(station.database, job_id) == "canceled"
    assert station.stored_keys() == []
    assert unbilled(station.database)
    station.publisher.publish_state(job_id, "expired", attempt=0)  # a mark
    assert "done" not in [kind for kind, _ in await_events(station, job_id, "expired")]


@pytest.mark.parametrize("error", [RuntimeError("boom"), OutOfMemoryError("too large")])
def test_an_error_of_a_job_canceled_meanwhile_changes_and_tells_nothing(
    station: Station, tenant_id: str, error: Exception
) -> None:
    job_id = station.submit(tenant_id)

    def cancel_and_raise(*_: object) -> list[Output]:
        cancel(station.database, job_id)
        raise error

    station.run_batch(cancel_and_raise, cancel_and_raise)
    assert state(station.database, job_id) == "canceled"
    station.publisher.publish_state(job_id, "expired", attempt=0)  # a mark
    events = await_events(station, job_id, "expired")
    assert events == [("state", "queued"), ("state", "running"), ("state", "expired")]


def test_of_three_mates_one_canceled_meanwhile_costs_the_others_nothing(
    station: Station, tenant_id: str
) -> None:
    ids = [station.submit(tenant_id) for _ in range(3)]
    assert station.run_batch(and_then(paint, lambda: cancel(station.database, ids[1]))) == 3
    assert [len(batch) for batch in station.adapter.batches] == [3]
    states = [str(state(station.database, job_id)) for job_id in ids]
    assert states == ["succeeded", "canceled", "succeeded"]
    assert {key.split("/")[3] for key in station.stored_keys()} == {ids[0], ids[2]}
    assert allowance(station.database, tenant_id) == (2, 0)


def test_a_late_result_of_a_worker_taken_for_lost_is_dropped(
    station: Station, tenant_id: str
) -> None:
    job_id = station.submit(tenant_id)
    other = replace(station, worker_id="wrk_2", adapter=ScriptedAdapter())

    def another_worker_takes_over() -> None:
        lose_lease(station.database, job_id)
        assert rescue(station.database, job_id)
        assert other.run_batch() == 1

    station.run_batch(and_then(paint, another_worker_takes_over))
    job = found(station.database, job_id)
    assert (job.state, job.attempt, job.worker_id) == ("succeeded", 2, "wrk_2")
    assert sql(station.database, "SELECT key FROM artifacts") == [
        (key,) for key in station.stored_keys()
    ]
    assert allowance(station.database, tenant_id) == (1, 0)
    events = await_events(station, job_id, "succeeded")
    assert [event for event in events if event[0] == "done"] == [("done", "succeeded")]


def test_a_claim_found_lost_while_the_model_runs_is_given_up(
    station: Station, tenant_id: str
) -> None:
    job_id, gate = station.submit(tenant_id), Gate()

    def lose() -> None:
        assert gate.entered.wait(10)
        [job] = station.active_jobs.snapshot().values()
        assert isinstance(job, ActiveJob)
        job.claim_lost.set()

    at_once([lambda: station.run_batch(gate), lose])
    assert state(station.database, job_id) == "running"  # its lease decides, not this worker
    assert station.stored_keys() == []
    cancel(station.database, job_id)


def test_an_upload_that_fails_is_tried_again_and_never_charged_twice(
    station: Station, store: LocalStore, tenant_id: str
) -> None:
    job_id = station.submit(tenant_id)
    faulty = replace(station, store=FaultyStore(store, StoreUnavailableError("503")))
    faulty.run_batch()
    assert state(station.database, job_id) == "queued"
    assert counts(station.database, "usage_events", "artifacts") == [0, 0]
    let_run_again(station.database)
    faulty.run_batch()
    assert state(station.database, job_id) == "succeeded"
    assert counts(station.database, "usage_events", "artifacts") == [1, 1]


def test_a_store_that_refuses_for_good_fails_the_job(
    station: Station, store: LocalStore, tenant_id: str
) -> None:
    job_id = station.submit(tenant_id)
    broken = StoreMisconfiguredError("no such bucket")
    replace(station, store=FaultyStore(store, broken)).run_batch()
    job = found(station.database, job_id)
    assert (job.state, job.error_code) == ("failed", "internal_error")
    assert unbilled(station.database)


def test_one_upload_that_fails_does_not_cost_the_mates(
    station: Station, store: LocalStore, tenant_id: str
) -> None:
    ids = [station.submit(tenant_id) for _ in range(3)]
    replace(station, store=FaultyStore(store, StoreUnavailableError("503"))).run_batch()
    states = sorted(str(state(station.database, job_id)) for job_id in ids)
    assert states == ["queued", "succeeded", "succeeded"]


def test_a_database_that_is_away_at_the_end_leaves_the_jobs_to_their_leases(
    station: Station, database_maker: DatabaseMaker, database_url: str, tenant_id: str
) -> None:
    ids = [station.submit(tenant_id) for _ in range(2)]
    outage = database_maker.away(database_url)
    station.adapter.script[:] = [and_then(paint, outage.__enter__)]
    station.executor().run_batch(FLUX)  # `station.run_batch` would count in the database
    outage.__exit__(None, None, None)
    assert {str(state(station.database, job_id)) for job_id in ids} == {"running"}
    assert counts(station.database, "usage_events", "artifacts") == [0, 0]
    assert station.active_jobs.snapshot() == {}
    for job_id in ids:
        lose_lease(station.database, job_id)
        assert rescue(station.database, job_id)
    assert [station.run_batch(), station.run_batch()] == [1, 1], "suspects run alone"
    assert allowance(station.database, tenant_id) == (2, 0)


def test_tickets_answered_at_once_finish_every_job_once(station: Station, tenant_id: str) -> None:
    ids = [station.submit(tenant_id, steps=1 + n % 3) for n in range(24)]
    executor = station.executor()

    def work() -> None:
        for _ in range(12):
            executor.run_batch(FLUX)

    at_once([work] * 3)
    assert counts(station.database, "attempts") == [24]
    assert all(state(station.database, job_id) == "succeeded" for job_id in ids)
    assert counts(station.database, "usage_events", "artifacts") == [24, 24]
    assert len(station.stored_keys()) == 24


def test_a_paid_job_is_charged_its_quote(station: Station) -> None:
    tenant_id = add_tenant(station.database, images_per_month=0, credit_micros=5 * PRICE)
    station.submit(tenant_id)
    station.run_batch()
    [(left, charged)] = sql(
        station.database, "SELECT balance_micros, amount_micros FROM tenants, usage_events"
    )
    assert (left, charged) == (4 * PRICE, PRICE)


def test_a_start_is_told_to_those_that_subscribe(station: Station, tenant_id: str) -> None:
    url, base = "https://x.example/hook", "https://bottega.example"
    every = (*ProgressEvent, *WebhookEvent)
    told = station.submit(tenant_id, webhook=Webhook(url, every, base, SurfaceName.REPLICATE))
    silent = station.submit(tenant_id, webhook=Webhook(url))
    while station.run_batch():
        pass
    events = [each.event for each in reversed(of_job(station.database, told))]
    assert events == ["job.started", "job.output", "job.succeeded"]
    assert [each.event for each in of_job(station.database, silent)] == ["job.succeeded"]
