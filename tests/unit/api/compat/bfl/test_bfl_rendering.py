"""Tasks in the vendor's words: every state, and the payload of a webhook."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.compat.bfl import rendering
from api.compat.shared.job import ForeignJob
from api.compat.shared.webhook_rendering import ForeignEvent
from api.schemas.jobs import JobError, JobUrls, JobView, Price, Progress, Timings
from db.values.job_state import JobState, Priority

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
SAMPLE = "https://example.org/artifacts/token/0.png"


def job(state: JobState, **changes: Any) -> ForeignJob:
    """A job in a state."""
    view = JobView(
        id="job_1",
        model="flux.1-demo",
        state=state,
        attempt=1,
        priority=Priority.NORMAL,
        created_at=START,
        started_at=START + timedelta(seconds=1),
        finished_at=START + timedelta(seconds=3),
        progress=None,
        waiting=None,
        price=Price(amount_micros=1, covered_by=None),
        output=None,
        error=None,
        metadata={},
        timings=Timings(queued_seconds=1, run_seconds=2, store_seconds=0.1),
        urls=JobUrls(self="", events="", cancel=""),
    )
    return ForeignJob(view.model_copy(update=changes), {"prompt": "a", "seed": 3}, {})


def painted(url: str | None = SAMPLE, seed: int = 2**64 - 1) -> dict[str, Any]:
    """The output of a job with a picture."""
    return {"images": [{"url": url, "seed": seed}]}


def test_a_ready_task_has_no_null_in_its_result() -> None:
    found = rendering.task(job(JobState.SUCCEEDED, output=painted()))
    assert found["status"] == "Ready"
    assert found["result"] == {
        "sample": SAMPLE,
        "prompt": "a",
        "seed": 2**64 - 1,
        "start_time": START.timestamp() + 1,
        "end_time": START.timestamp() + 3,
        "duration": 2.0,
    }


def test_a_task_that_paints_nothing_is_ready_without_a_sample() -> None:
    found = rendering.task(job(JobState.SUCCEEDED, output={"results": []}))
    assert (found["status"], found["result"]["sample"]) == ("Ready", "")


@pytest.mark.parametrize(
    ("state", "changes", "status", "message"),
    [
        (JobState.QUEUED, {}, "Pending", None),
        (JobState.RUNNING, {}, "Pending", None),
        (JobState.CANCELED, {}, "Error", "the task was canceled"),
        (JobState.EXPIRED, {}, "Error", "no worker started the task in time"),
        (JobState.SUCCEEDED, {"output": painted(None)}, "Error", "the picture has been deleted"),
        (JobState.SUCCEEDED, {"output": {}}, "Error", "the picture has been deleted"),
        (
            JobState.FAILED,
            {"error": JobError(code="out_of_memory", message="too large", retryable=False)},
            "Error",
            "too large",
        ),
        (
            JobState.FAILED,
            {"error": JobError(code="request_moderated", message="no", retryable=False)},
            "Request Moderated",
            "no",
        ),
    ],
)
def test_a_state_has_the_vendor_s_word_and_its_reason(
    state: JobState, changes: dict[str, Any], status: str, message: str | None
) -> None:
    found = rendering.task(job(state, **changes))
    assert found["status"] == status
    assert found["result"] is None
    assert found["progress"] is None
    assert (found["details"] or {}).get("message") == message
    if message is not None:
        event = ForeignEvent(job(state, **changes), f"job.{state}", "", "msg_1", "ten_1")
        assert rendering.webhook_body(event, "") == {
            "id": "job_1",
            "status": status,
            "error": message,
        }


def test_progress_is_a_share() -> None:
    running = job(JobState.RUNNING, progress=Progress(step=1, steps=4, fraction=0.25))
    assert rendering.task(running)["progress"] == 0.25


def test_a_webhook_has_the_result() -> None:
    ready = job(JobState.SUCCEEDED, output=painted())
    event = ForeignEvent(ready, "job.succeeded", "", "msg_1", "ten_1")
    assert rendering.webhook_body(event, "") == {
        "id": "job_1",
        "status": "Ready",
        "result": rendering.task(ready)["result"],
    }
