"""Florence-2 in fal's form: fields, regions and answers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from api.compat.fal.florence2_input import translate_florence2
from api.compat.fal.names import FLORENCE2_PATHS, find_app
from api.compat.fal.rendering import output_of, webhook_body
from api.compat.shared.job import ForeignJob
from api.compat.shared.measured_pictures import MeasuredPicture
from api.compat.shared.webhook_rendering import ForeignEvent
from api.core.domain_errors import InvalidSubmissionError
from api.schemas.jobs import JobError, JobUrls, JobView, Price, Timings
from db.values.job_state import JobState, Priority
from db.values.surfaces import SurfaceName
from workers import catalog
from workers.catalog.florence2.region import as_tokens

CATALOGUE = catalog.installed().offered()
APP = "bottega/florence-2-demo"
PICTURE = "https://example.org/a.png"
SIZE = (641, 479)
MOMENT = datetime(2026, 11, 30, tzinfo=UTC)
FIELDS = {"text_input": "a red circle", "region": {"x1": 0, "y1": 10, "x2": 999, "y2": 20}}


def measure(_picture: str) -> MeasuredPicture:
    return MeasuredPicture("file_1", SIZE)


def translated(path: str, **fields: Any) -> Any:
    app = find_app(CATALOGUE, f"{APP}/{path}")
    return translate_florence2(app, {"image_url": PICTURE, **fields}, measure)


@pytest.mark.parametrize("path", FLORENCE2_PATHS)
def test_each_task_has_a_valid_input(path: str) -> None:
    translation = translated(path, **FIELDS)
    parsed = catalog.find("florence-2-demo").parameters.model_validate(translation.input)
    assert parsed.tasks == (FLORENCE2_PATHS[path].token,)  # type: ignore[attr-defined]
    task = FLORENCE2_PATHS[path]
    used = {"text_input": task.takes_text, "region": task.takes_region}
    ignored = {each.parameter for each in translation.warnings}
    assert ignored == {name for name, is_used in used.items() if not is_used}


def test_a_region_is_read_as_the_same_thousandths() -> None:
    translation = translated("region-to-category", **FIELDS)
    assert translation.input["image"] == "file_1"
    tokens = as_tokens(tuple(translation.input["region"]), SIZE)  # type: ignore[arg-type]
    assert tokens == "<loc_0><loc_10><loc_999><loc_20>"


@pytest.mark.parametrize("corner", [-1, 1000, 1.5, "1", None, True])
def test_a_corner_that_is_none_is_named(corner: Any) -> None:
    region = {**FIELDS["region"], "x2": corner}  # type: ignore[dict-item]
    with pytest.raises(InvalidSubmissionError) as caught:
        translated("region-to-category", region=region)
    assert caught.value.fields[0].loc == ("region.x2",)


def job(output: dict[str, Any] | None, **changes: Any) -> ForeignJob:
    """A job that is over."""
    values: dict[str, Any] = {
        "id": "job_1",
        "model": "florence-2-demo",
        "state": JobState.SUCCEEDED,
        "attempt": 1,
        "priority": Priority.NORMAL,
        "created_at": MOMENT,
        "started_at": MOMENT,
        "finished_at": MOMENT,
        "progress": None,
        "waiting": None,
        "price": Price(amount_micros=1, covered_by=None),
        "output": output,
        "error": None,
        "metadata": {},
        "surface": SurfaceName.FAL,
        "timings": Timings(queued_seconds=0, run_seconds=0.5, store_seconds=0),
        "urls": JobUrls(self="", events="", cancel=""),
    }
    view = JobView(**(values | changes))
    return ForeignJob(view, {"text": "a circle"}, {"app": f"{APP}/ocr"})


def answered(token: str, value: Any, **more: Any) -> Any:
    overlay = {
        "kind": "overlay",
        "url": "http://x/artifacts/t/0.png",
        "width": 9,
        "height": 8,
        "media_type": "image/png",
        "bytes": 7,
    }
    result = {"task": token, "result": {token: value}, **more}
    artifacts = {} if isinstance(value, str) else {"artifacts": [overlay]}
    return output_of(job({"results": [result], **artifacts}))


def test_answers_in_words() -> None:
    assert answered("<CAPTION>", "a circle") == {"results": "a circle"}
    about = answered("<REGION_TO_CATEGORY>", "circle<loc_1>", text="circle")
    assert about == {"results": "circle"}


def test_answers_with_places() -> None:
    found = answered("<OD>", {"bboxes": [[1, 2, 4, 6]], "labels": ["circle"]})
    assert found["results"] == {"bboxes": [{"x": 1, "y": 2, "w": 3, "h": 4, "label": "circle"}]}
    assert found["image"] == {
        "url": "http://x/artifacts/t/0.png",
        "width": 9,
        "height": 8,
        "content_type": "image/png",
        "file_name": "0.png",
        "file_size": 7,
    }
    value = {
        "bboxes": [[1, 2, 4, 6]],
        "bboxes_labels": ["a"],
        "polygons": [],
        "polygons_labels": [],
    }
    assert answered("<OPEN_VOCABULARY_DETECTION>", value)["results"]["bboxes"][0]["label"] == "a"
    quads = {"quad_boxes": [[1, 2, 5, 1, 5, 7, 0, 8]], "labels": ["word"]}
    assert answered("<OCR_WITH_REGION>", quads)["results"] == {
        "quad_boxes": [{"x": 0, "y": 1, "w": 5, "h": 7, "label": "word"}]
    }
    outlines = {"polygons": [[[1, 2, 3, 4, 5, 6]]], "labels": [""]}
    assert answered("<REFERRING_EXPRESSION_SEGMENTATION>", outlines)["results"] == {
        "polygons": [
            {
                "label": "a circle",
                "points": [{"x": 1, "y": 2}, {"x": 3, "y": 4}, {"x": 5, "y": 6}],
            }
        ]
    }


def test_several_tasks_have_their_answers_by_name() -> None:
    results = [
        {"task": "<CAPTION>", "result": {"<CAPTION>": "a circle"}},
        {"task": "<OD>", "result": {"<OD>": {"bboxes": [], "labels": []}}},
    ]
    assert output_of(job({"results": results})) == {
        "image": None,
        "results": {"caption": "a circle", "object_detection": {"bboxes": []}},
    }


def event(of: ForeignJob) -> ForeignEvent:
    return ForeignEvent(of, f"job.{of.view.state}", "http://x", "msg_1", "ten_1")


def test_a_webhook_has_the_output_or_the_error() -> None:
    result = {"task": "<CAPTION>", "result": {"<CAPTION>": "a circle"}}
    ids = {"request_id": "job_1", "gateway_request_id": "job_1"}
    done = webhook_body(event(job({"results": [result]})), "")
    assert done == {**ids, "status": "OK", "payload": {"results": "a circle"}}
    error = JobError(code="content_moderated", message="not this", retryable=False)
    failed = webhook_body(event(job(None, state=JobState.FAILED, error=error)), "")
    assert (failed["status"], failed["error"]) == ("ERROR", "not this")
    assert failed["payload"]["detail"][0]["type"] == "content_policy_violation"
    canceled = webhook_body(event(job(None, state=JobState.CANCELED)), "")
    assert canceled["payload"]["error_type"] == "client_cancelled"


def test_a_job_whose_contents_were_removed_still_renders() -> None:
    removed = ForeignJob(job(None).view, {}, {})
    assert output_of(removed)["images"] == []
