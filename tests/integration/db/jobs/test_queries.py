"""Reading jobs: whose they are, in what order, where they stand and why they wait."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.web.dashboard.queue_rows import queue_rows
from api.web.dashboard.worker_rows import worker_rows
from api.web.shared.job_labels import waiting_text
from db import worker_registry as workers
from db.core.session import Database
from db.jobs.queries import (
    JobFilter,
    artifacts_of,
    attempts_of,
    find_artifact,
    find_job,
    finished_job_ids,
    list_jobs,
)
from db.jobs.waiting import (
    WORKER_STALE_SECONDS,
    Outlook,
    ServedMode,
    Waiting,
    WaitReason,
    queue_outlook,
    queue_positions,
    ready_workers,
)
from db.reports.gauges import snapshot
from db.values.job_state import JobState
from db.worker_registry import WorkerReport
from tests.support.jobs import (
    VARIANT,
    add_tenant,
    backlog,
    cancel,
    claim,
    complete,
    fence_of,
    retry,
    running,
    sql,
    stored,
    submit,
)


def report(
    database: Database, state: str, *variants: str, worker_id: str = "wrk_1", pid: int = 7
) -> None:
    """Let a worker report itself, with its models loaded."""
    served = variants or (VARIANT,)
    said = WorkerReport(worker_id, "host", pid, "cpu", served, state, resident=served)
    with database.transaction(durable=False) as session:
        workers.report(session, said)


def load(database: Database, fraction: float, *, resident: tuple[str, ...] = ()) -> None:
    """Let a ready worker load the variant in the place of others."""
    said = WorkerReport(
        *("wrk_1", "host", 7, "cpu", (VARIANT, "other"), "ready"),
        resident=resident,
        loading=VARIANT,
        loading_fraction=fraction,
    )
    with database.transaction(durable=False) as session:
        workers.report(session, said)


def queue_state(database: Database) -> str:
    with database.transaction() as session:
        (row,) = [row for row in queue_rows(session, []) if row.variant == VARIANT]
    return row.state


def go_silent(database: Database) -> None:
    """Let every worker have reported last when it no longer counts as live."""
    seconds = WORKER_STALE_SECONDS + 1
    sql(database, f"UPDATE workers SET heartbeat_at = now() - interval '{seconds} s'")  # noqa: S608


def waiting(database: Database, job_id: str) -> Waiting:
    """The position of a job and the reason for which it waits."""
    with database.transaction(durable=False) as session:
        return queue_positions(session, [job_id])[job_id]


def reason(database: Database, job_id: str) -> WaitReason:
    """The reason for which a job waits."""
    return waiting(database, job_id).reason


def listed(database: Database, tenant_id: str, limit: int = 100, **chosen: object) -> list[str]:
    """The ids that a filter finds."""
    with database.transaction(durable=False) as session:
        rows = list_jobs(session, tenant_id, JobFilter(**chosen), limit=limit)
        return [row.id for row in rows]


def test_a_job_is_found_by_its_owner_and_by_an_operator_alone(database: Database) -> None:
    owner, stranger = add_tenant(database), add_tenant(database)
    job_id = submit(database, owner)
    with database.transaction() as session:
        asked = [
            find_job(session, tenant_id=tenant_id, job_id=job_id)
            for tenant_id in (owner, None, stranger)
        ]
        assert find_job(session, tenant_id=owner, job_id="job_unknown") is None
    assert [row is not None for row in asked] == [True, True, False]


def test_jobs_are_listed_newest_first_and_page_by_page(database: Database) -> None:
    tenant_id, other = add_tenant(database), add_tenant(database)
    ids = sorted((submit(database, tenant_id) for _ in range(5)), reverse=True)
    submit(database, other)
    assert listed(database, tenant_id) == ids
    assert listed(database, tenant_id, limit=2) == ids[:2]
    assert listed(database, tenant_id, limit=2, before_id=ids[1]) == ids[2:4]
    assert listed(database, tenant_id, before_id=ids[4]) == []


def test_jobs_are_listed_by_state_by_variant_and_by_age(database: Database) -> None:
    tenant_id = add_tenant(database)
    done = running(database, tenant_id)
    complete(database, done)
    waits = submit(database, tenant_id, variant="florence-2-demo")
    assert listed(database, tenant_id, states=[JobState.SUCCEEDED]) == [done.job_id]
    assert listed(database, tenant_id, states=[JobState.FAILED]) == []
    assert listed(database, tenant_id, variant="florence-2-demo") == [waits]
    now = datetime.now(UTC)
    assert listed(database, tenant_id, created_after=now - timedelta(hours=1)) == [
        waits,
        done.job_id,
    ]
    assert listed(database, tenant_id, created_after=now + timedelta(hours=1)) == []


def test_artifacts_and_attempts_are_read_in_order(database: Database) -> None:
    tenant_id = add_tenant(database)
    held = running(database, tenant_id)
    retry(database, held)
    [again] = claim(database)
    held = fence_of(again)
    complete(database, held, *(stored(held, n) for n in range(3)))
    bare = submit(database, tenant_id)
    with database.transaction() as session:
        artifacts = artifacts_of(session, [held.job_id, bare])
        assert [row.n for row in artifacts.pop(held.job_id)] == [0, 1, 2]
        assert artifacts == {}
        second = find_artifact(session, held.job_id, 1)
        assert second is not None
        assert second.key == stored(held, 1).key
        assert find_artifact(session, held.job_id, 3) is None
        outcomes = [(a.number, a.outcome) for a in attempts_of(session, held.job_id)]
        assert outcomes == [(1, "broken"), (2, "succeeded")]


def test_of_several_jobs_those_that_are_over_are_told(database: Database) -> None:
    tenant_id = add_tenant(database)
    done, runs = running(database, tenant_id), running(database, tenant_id)
    complete(database, done)
    waits, gone = submit(database, tenant_id), submit(database, tenant_id)
    cancel(database, gone)
    with database.transaction() as session:
        asked = [done.job_id, runs.job_id, waits, gone, "job_unknown"]
        assert set(finished_job_ids(session, asked)) == {done.job_id, gone}
        assert finished_job_ids(session, []) == []


def test_a_job_waits_for_a_worker_when_there_is_none(database: Database) -> None:
    job_id = submit(database, add_tenant(database))
    assert waiting(database, job_id) == Waiting(WaitReason.NO_WORKER, 1, None)
    report(database, "ready", "another")
    assert reason(database, job_id) == WaitReason.NO_WORKER


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("starting", WaitReason.LOADING),
        ("ready", WaitReason.WORKERS_BUSY),
        ("busy", WaitReason.WORKERS_BUSY),
        ("draining", WaitReason.NO_WORKER),
        ("failed", WaitReason.WORKER_FAILING),
    ],
)
def test_a_job_waits_for_what_its_worker_does(
    database: Database, state: str, expected: WaitReason
) -> None:
    job_id = submit(database, add_tenant(database))
    report(database, state, "another", VARIANT)
    assert reason(database, job_id) == expected
    go_silent(database)
    told_to_go = state == "draining"
    assert reason(database, job_id) == (
        WaitReason.NO_WORKER if told_to_go else WaitReason.WORKER_FAILING
    )
    sql(database, "UPDATE workers SET heartbeat_at = now() - interval '11 min'")
    assert reason(database, job_id) == WaitReason.NO_WORKER


@pytest.mark.parametrize("state", ["starting", "draining", "failed"])
def test_a_queue_without_a_ready_worker_says_what_its_jobs_say(
    database: Database, state: str
) -> None:
    job_id = submit(database, add_tenant(database))
    report(database, state, "another", VARIANT)
    assert queue_state(database) == reason(database, job_id)
    go_silent(database)
    assert queue_state(database) == reason(database, job_id)
    report(database, "ready", VARIANT, worker_id="wrk_2")
    assert queue_state(database) == "flowing"


@pytest.mark.parametrize(("before", "pid"), [("busy", 7), ("failed", 7), ("starting", 8)])
def test_a_worker_that_died_and_starts_again_is_failing_until_it_is_ready(
    database: Database, before: str, pid: int
) -> None:
    job_id = submit(database, add_tenant(database))
    report(database, before)
    report(database, "starting", pid=pid)
    assert reason(database, job_id) == WaitReason.WORKER_FAILING
    report(database, "starting", pid=pid)
    assert reason(database, job_id) == WaitReason.WORKER_FAILING
    report(database, "starting", worker_id="wrk_2")
    assert reason(database, job_id) == WaitReason.LOADING
    report(database, "ready", pid=pid)
    report(database, "starting", pid=pid, worker_id="wrk_3")
    assert reason(database, job_id) == WaitReason.WORKERS_BUSY


def test_a_job_that_others_overtook_waits_for_its_fair_share(database: Database) -> None:
    crowd, newcomer = add_tenant(database), add_tenant(database)
    report(database, "busy")
    first, _, last = (submit(database, crowd) for _ in range(3))
    late = submit(database, newcomer)
    assert reason(database, first) == WaitReason.WORKERS_BUSY
    assert reason(database, late) == WaitReason.WORKERS_BUSY
    assert reason(database, last) == WaitReason.FAIR_SHARE


def test_a_retried_job_waits_its_backoff_out(database: Database) -> None:
    report(database, "ready")
    held = running(database, add_tenant(database))
    retry(database, held, delay=60)
    assert reason(database, held.job_id) == WaitReason.RETRY_BACKOFF
    sql(database, "UPDATE jobs SET available_at = now()")
    assert reason(database, held.job_id) == WaitReason.WORKERS_BUSY


def test_a_paused_queue_is_told_before_all_else(database: Database) -> None:
    held = running(database, add_tenant(database))
    retry(database, held, delay=60)
    sql(database, "UPDATE queues SET paused_at = now()")
    report(database, "ready")
    assert waiting(database, held.job_id) == Waiting(WaitReason.QUEUE_PAUSED, 1, None)


def test_the_position_counts_who_is_ahead_and_the_wait_what_they_cost(database: Database) -> None:
    crowd, newcomer = add_tenant(database), add_tenant(database)
    of_crowd = [submit(database, crowd, cost_seconds=3) for _ in range(4)]
    late = submit(database, newcomer, cost_seconds=3)
    submit(database, newcomer, variant="another")
    for number in (1, 2):
        report(database, "ready", worker_id=f"wrk_{number}")
    stands = [waiting(database, job_id) for job_id in (of_crowd[0], late, *of_crowd[1:])]
    assert [where.position for where in stands] == [1, 2, 3, 4, 5]
    assert [where.expected_seconds for where in stands] == [0, 1.5, 3, 4.5, 6]


def test_a_position_in_a_very_long_queue_is_counted_to_a_limit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.jobs.waiting._POSITION_CAP", 20)
    tenant_id = add_tenant(database)
    backlog(database, tenant_id, 30)
    assert waiting(database, submit(database, tenant_id)).position == 21


def test_workers_are_counted_by_variant(database: Database) -> None:
    report(database, "ready", "a", "b", worker_id="wrk_1")
    report(database, "busy", "b", worker_id="wrk_2")
    report(database, "starting", "b", worker_id="wrk_3")
    with database.transaction() as session:
        assert ready_workers(session) == {"a": 1, "b": 2}
    go_silent(database)
    with database.transaction() as session:
        assert ready_workers(session) == {}


def test_a_new_job_would_wait_for_what_is_queued(database: Database) -> None:
    tenant_id = add_tenant(database)
    running(database, tenant_id, cost_seconds=100)
    for variant in (VARIANT, VARIANT, "unserved"):
        submit(database, tenant_id, variant=variant, cost_seconds=6)
    for number in (1, 2):
        report(database, "busy", VARIANT, "idle", worker_id=f"wrk_{number}")
    with database.transaction() as session:
        assert queue_outlook(session, [VARIANT, "idle", "unserved", "unknown"]) == {
            VARIANT: Outlook(2, 6),
            "idle": Outlook(2, 0),
            "unserved": Outlook(0, None, unserved_reason=WaitReason.NO_WORKER),
            "unknown": Outlook(0, None, unserved_reason=WaitReason.NO_WORKER),
        }
    sql(database, "UPDATE queues SET paused_at = now()")
    with database.transaction() as session:
        held = queue_outlook(session, [VARIANT])
    assert held == {VARIANT: Outlook(2, None, paused=True)}


def test_a_model_that_its_worker_cannot_load_is_not_served(database: Database) -> None:
    job_id = submit(database, add_tenant(database))
    broken = {VARIANT: {"device_bytes": 7, "problem": "its file is cut off", "retry_seconds": 9}}
    report = WorkerReport("wrk_1", "host", 7, "cpu", (VARIANT, "b"), "ready", resident=("b",))
    with database.transaction() as session:
        workers.report(session, replace(report, plans=broken))
        assert ready_workers(session) == {"b": 1}
        assert snapshot(session).ready_workers == {"b": 1}
        outlook = queue_outlook(session, [VARIANT, "b"])
        assert outlook[VARIANT] == Outlook(0, None, unserved_reason=WaitReason.WORKER_FAILING)
        assert outlook["b"] == Outlook(1, 0)
    assert waiting(database, job_id) == Waiting(WaitReason.WORKER_FAILING, 1, None)
    assert queue_state(database) == "worker_failing"
    with database.transaction() as session:
        workers.report(session, replace(report, id="wrk_2", resident=(VARIANT,)))
        assert ready_workers(session) == {VARIANT: 1, "b": 2}
    assert reason(database, job_id) == WaitReason.WORKERS_BUSY
    with database.transaction() as session:
        workers.remove(session, "wrk_2")
        workers.report(session, replace(report, state="starting", plans=broken))
    assert reason(database, job_id) == WaitReason.WORKER_FAILING


def test_many_jobs_are_asked_at_once_and_only_those_that_wait_are_answered(
    database: Database,
) -> None:
    tenant_id = add_tenant(database)
    runs = running(database, tenant_id)
    waits = [submit(database, tenant_id, variant=variant) for variant in ("a", "b", "a")]
    report(database, "ready", "b")
    with database.transaction() as session:
        assert queue_positions(session, [runs.job_id, *waits, "job_unknown"]) == {
            waits[0]: Waiting(WaitReason.NO_WORKER, 1, None),
            waits[1]: Waiting(WaitReason.WORKERS_BUSY, 1, 0),
            waits[2]: Waiting(WaitReason.NO_WORKER, 2, None),
        }
        assert queue_positions(session, []) == {}


def test_a_job_whose_model_is_being_loaded_is_told_how_far(database: Database) -> None:
    job_id = submit(database, add_tenant(database))
    load(database, 0.25)
    stands = waiting(database, job_id)
    assert (stands.reason, stands.progress) == (WaitReason.LOADING, 0.25)
    load(database, 0.5, resident=(VARIANT,))
    stands = waiting(database, job_id)
    assert (stands.reason, stands.progress) == (WaitReason.WORKERS_BUSY, None)


def test_a_cold_start_is_told_with_the_seconds_that_a_worker_measured(database: Database) -> None:
    job_id = submit(database, add_tenant(database), cost_seconds=0)
    plan = {
        "mode": {"precision": "nf4", "offload": "text"},
        "device_bytes": 7,
        "working_bytes": 2,
        "host_bytes": 4,
        "load_seconds": 42.5,
    }
    cold = WorkerReport("wrk_1", "host", 7, "cuda:0", (VARIANT,), "ready", plans={VARIANT: plan})
    other = replace(cold, id="wrk_2", plans={VARIANT: plan | {"load_seconds": None}})
    with database.transaction() as session:
        workers.report(session, cold)
        workers.report(session, other)
        outlook = queue_outlook(session, [VARIANT, "unserved"])
    served = ServedMode("nf4", "text", 7, 2, 4, workers=2)
    assert outlook[VARIANT] == Outlook(
        2, 0, cold_start=True, cold_start_seconds=42.5, serving=(served,)
    )
    assert outlook["unserved"] == Outlook(0, None, unserved_reason=WaitReason.NO_WORKER)
    assert waiting(database, job_id).cold_start
    with database.transaction() as session:
        workers.report(session, replace(other, resident=(VARIANT,)))
        warm = queue_outlook(session, [VARIANT])[VARIANT]
    assert (warm.cold_start, warm.cold_start_seconds) == (False, None)
    assert not waiting(database, job_id).cold_start


def test_a_way_is_told_by_the_word_of_its_plan(database: Database) -> None:
    mode = {"precision": "bf16", "offload": "none"}
    plan = {"mode": mode, "device_bytes": 7, "working_bytes": 2, "host_bytes": 0}
    plans = {VARIANT: plan | {"number_format": "float32"}, "other": plan | {"number_format": ""}}
    report = WorkerReport("wrk_1", "host", 7, "cpu", tuple(plans), "ready", plans=plans)
    with database.transaction() as session:
        workers.report(session, report)
        outlook = queue_outlook(session, list(plans))
    told = {name: [way.precision for way in each.serving] for name, each in outlook.items()}
    assert told == {VARIANT: ["float32"], "other": ["bf16"]}


def test_a_job_tells_the_stage_and_the_bytes_of_its_models_load(database: Database) -> None:
    job = submit(database, add_tenant(database))
    said = WorkerReport(
        *("wrk_1", "host", 7, "cpu", (VARIANT,), "starting"),
        loading=VARIANT,
        loading_fraction=0.25,
        loading_stage="downloading",
        loading_bytes=50,
        loading_total_bytes=200,
    )
    with database.transaction(durable=False) as session:
        workers.report(session, said)
    told = waiting(database, job)
    assert told.reason is WaitReason.LOADING
    assert (told.progress, told.stage, told.loaded_bytes, told.total_bytes) == (
        0.25,
        "downloading",
        50,
        200,
    )
    assert waiting_text(told).endswith(": its model is being downloaded (50 B of 200 B).")
    with database.transaction(durable=False) as session:
        (row,) = worker_rows(session)
    assert row.loading_text == f"{VARIANT}: downloading, 25% (50 B of 200 B)"
    nearer = replace(said, id="wrk_2", loading_stage="loading", loading_fraction=0.1)
    with database.transaction(durable=False) as session:
        workers.report(session, nearer)
    assert waiting(database, job).stage == "loading"
