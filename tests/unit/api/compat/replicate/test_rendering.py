"""Predictions as clients read them: statuses, outputs, logs and times."""

import ast
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.compat.replicate.rendering import PredictionEcho, log_text, prediction, webhook_body
from api.compat.replicate.signed_urls import SignedUrls, StreamClaim
from api.compat.shared.job import ForeignJob
from api.compat.shared.webhook_rendering import ForeignEvent
from api.schemas.jobs import JobError, JobUrls, JobView, Price, Progress, Timings
from db.values.job_state import JobState, Priority
from db.values.surfaces import SurfaceName

Json = dict[str, Any]

MADE = datetime(2026, 11, 30, 12, tzinfo=UTC)
BASE = "https://bottega.example.org"
SECRET = "a secret that nobody guesses, and long"
TQDM = re.compile(r"^\s*(?P<percentage>\d+)%\s*\|.+?\|\s*(?P<current>\d+)\/(?P<total>\d+)")
"""The pattern of the client's own `Prediction.Progress`."""


def echo(model: str = "black-forest-labs/flux-dev") -> Json:
    return PredictionEcho(model, "ab" * 32, {"prompt": "a red circle"}, "key_1").as_json()


def job(
    state: JobState = JobState.RUNNING,
    *,
    request: Mapping[str, Any] | None = None,
    surface: SurfaceName = SurfaceName.REPLICATE,
    **changes: Any,
) -> ForeignJob:
    is_over = state not in (JobState.QUEUED, JobState.RUNNING)
    plain: Json = {
        "id": "job_1",
        "model": "flux.1-dev",
        "state": state,
        "attempt": 1,
        "priority": Priority.NORMAL,
        "created_at": MADE,
        "started_at": None if state == JobState.QUEUED else MADE + timedelta(seconds=1),
        "finished_at": MADE + timedelta(seconds=3) if is_over else None,
        "progress": None,
        "waiting": None,
        "price": Price(amount_micros=1, covered_by="balance"),
        "output": None,
        "error": None,
        "metadata": {},
        "surface": surface,
        "timings": Timings(queued_seconds=None, run_seconds=None, store_seconds=None),
        "urls": JobUrls(self="", events="", cancel=""),
    }
    given = {"prompt": "a red circle", "seed": 7, "image": "inputs/key"}
    return ForeignJob(JobView(**plain | changes), given, echo() if request is None else request)


def painted(*urls: str | None) -> Json:
    return {"images": [{"url": url, "width": 1, "height": 1} for url in urls]}


@pytest.mark.parametrize("state", list(JobState))
def test_no_null_where_clients_take_none(state: JobState) -> None:
    shown = prediction(job(state), BASE, "/replicate/stream/t")
    assert shown["status"] in {"starting", "processing", "succeeded", "failed", "canceled"}
    assert all(isinstance(url, str) for url in shown["urls"].values())
    assert all(isinstance(each, float) for each in shown["metrics"].values())
    assert isinstance(shown["version"], str)
    assert isinstance(shown["logs"], str)
    assert shown["error"] is None or isinstance(shown["error"], str)
    assert bool(shown["completed_at"]) == (shown["status"] in {"succeeded", "failed", "canceled"})


@pytest.mark.parametrize(
    ("model", "output"),
    [
        ("black-forest-labs/flux-dev", ["https://a/0.webp", "https://a/1.webp"]),
        ("bottega/flux.2-dev", ["https://a/0.webp", "https://a/1.webp"]),
        ("black-forest-labs/flux-2-klein-4b", ["https://a/0.webp", "https://a/1.webp"]),
        ("black-forest-labs/flux-2-dev", "https://a/0.webp"),
        ("black-forest-labs/flux-kontext-dev", "https://a/0.webp"),
        ("black-forest-labs/flux-1.1-pro-ultra", "https://a/0.webp"),
        ("black-forest-labs/flux-pro", "https://a/0.webp"),
    ],
)
def test_outputs(model: str, output: Any) -> None:
    output_ = painted("https://a/0.webp", "https://a/1.webp")
    done = job(JobState.SUCCEEDED, request=echo(model), output=output_)
    assert prediction(done, BASE)["output"] == output


def test_removed_results() -> None:
    shown = prediction(job(JobState.SUCCEEDED, output=painted(None)), BASE)
    assert (shown["output"], shown["data_removed"]) == (None, True)


def test_an_analysis_is_the_text_of_a_python_dict() -> None:
    answers = [{"result": {"<OD>": {"bboxes": [[1, 2, 3, 4]], "labels": ["it's"]}}}]
    overlay = {"kind": "overlay", "url": "https://a/0.png"}
    output = {"image": {}, "results": answers, "artifacts": [overlay]}
    shown = prediction(job(JobState.SUCCEEDED, output=output), BASE)["output"]
    assert shown["img"] == "https://a/0.png"
    assert ast.literal_eval(shown["text"]) == answers[0]["result"]
    text_only = {"image": {}, "results": [{"result": {"<CAPTION>": "a circle"}}]}
    shown = prediction(job(JobState.SUCCEEDED, output=text_only), BASE)["output"]
    assert shown == {"img": None, "text": "{'<CAPTION>': 'a circle'}"}


@pytest.mark.parametrize("steps", [1, 4, 28, 50])
def test_each_log_begins_with_the_one_before(steps: int) -> None:
    former = ""
    for step in range(steps + 1):
        text = log_text(7, step, steps)
        assert text.startswith(former)
        former = text
        match = TQDM.match(text.split("\n")[-1])
        assert match
        assert (int(match["current"]), int(match["total"])) == (step, steps)


def test_a_log_tells_the_seed_and_ends_at_the_total() -> None:
    progress = Progress(step=3, steps=4, fraction=0.75)
    assert prediction(job(progress=progress), BASE)["logs"].endswith("| 3/4")
    done = job(JobState.SUCCEEDED, progress=progress, output=painted("https://a/0.png"))
    logs = prediction(done, BASE)["logs"]
    assert logs.startswith("Using seed: 7\n")
    assert logs.endswith("| 4/4")
    assert prediction(job(JobState.QUEUED), BASE)["logs"] == ""


def test_errors_are_text() -> None:
    error = JobError(code="out_of_memory", message="the device has no room", retryable=True)
    shown = prediction(job(JobState.FAILED, error=error), BASE)
    assert (shown["status"], shown["error"]) == ("failed", "the device has no room")
    shown = prediction(job(JobState.EXPIRED), BASE)
    assert shown["status"] == "failed"
    assert "in time" in shown["error"]


def test_a_job_of_another_api_is_shown_without_its_stored_pictures() -> None:
    other = job(surface=SurfaceName.FAL, request={"input": {"image": "data:…"}})
    shown = prediction(other, BASE)
    assert shown["model"] == "bottega/flux.1-dev"
    assert len(shown["version"]) == 64
    assert shown["input"] == {"prompt": "a red circle", "seed": 7}


def test_a_webhook_tells_the_same_as_a_get() -> None:
    running = job(progress=Progress(step=1, steps=4, fraction=0.25))
    told = webhook_body(ForeignEvent(running, "job.logs.1", BASE, "msg_1", "ten_1"), SECRET)
    stream = told["urls"].pop("stream")
    claim = SignedUrls(SECRET).stream_claim(stream.rpartition("/")[2], valid_seconds=60)
    assert claim == StreamClaim("job_1", "ten_1", "key_1")
    assert told == prediction(running, BASE)


def test_a_webhook_after_the_removal_of_the_contents() -> None:
    empty = job(JobState.SUCCEEDED, request={})
    told = webhook_body(ForeignEvent(empty, "job.succeeded", BASE, "msg_1", "ten_1"), SECRET)
    assert told["output"] is None
    assert "stream" not in told["urls"]
