"""Parts of the pages that need no server: vendored files, the throttle, overlays, filters."""

import hashlib
import json
import time
from typing import Any

import pytest

from api.core.errors import ProblemError
from api.web.dashboard.jobs.filters import JobFilters
from api.web.dashboard.pages import asset
from api.web.shared.assets import SHARED_STATIC
from api.web.shared.florence2_overlay import answers, overlays
from api.web.shared.throttle import MAX_FAILURES, WINDOW_SECONDS, SignInThrottle
from db.values.job_state import JobState

VENDORED = SHARED_STATIC / "vendor"


def test_vendored_files_are_those_that_were_recorded() -> None:
    recorded: list[dict[str, str]] = json.loads((VENDORED / "vendored.json").read_text())
    present = {file.name for file in VENDORED.iterdir() if file.suffix in (".js", ".css")}
    assert {row["file"] for row in recorded} == present
    for row in recorded:
        digest = hashlib.sha256((VENDORED / row["file"]).read_bytes()).hexdigest()
        assert digest == row["sha256"], row["file"]
        assert row["version"] in row["file"]
        name = row["package"].partition(".")[0]
        assert (VENDORED / f"LICENSE.{name}").stat().st_size > 100


def test_the_url_of_an_asset_changes_with_its_content() -> None:
    digest = hashlib.sha256((SHARED_STATIC / "base.css").read_bytes()).hexdigest()
    assert asset("base.css") == f"/dashboard/static/base.css?v={digest[:12]}"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test sets."""
    seconds = [1000.0]
    monkeypatch.setattr(time, "time", lambda: seconds[0])
    return seconds


def test_failures_are_counted_by_address_and_forgotten_with_time(now: list[float]) -> None:
    throttle = SignInThrottle()
    for _ in range(MAX_FAILURES):
        assert throttle.wait_seconds("a") == 0
        throttle.count_failure("a")
    assert throttle.wait_seconds("a") == WINDOW_SECONDS
    assert throttle.wait_seconds("b") == 0
    now[0] += WINDOW_SECONDS - 1
    assert throttle.wait_seconds("a") == 1
    now[0] += 1
    assert throttle.wait_seconds("a") == 0


def test_failures_are_forgotten_one_by_one(now: list[float]) -> None:
    throttle = SignInThrottle()
    for _ in range(MAX_FAILURES):
        throttle.count_failure("a")
        now[0] += 10
    assert throttle.wait_seconds("a") == WINDOW_SECONDS - MAX_FAILURES * 10
    now[0] += throttle.wait_seconds("a") + 1
    assert throttle.wait_seconds("a") == 0
    throttle.count_failure("a")
    assert throttle.wait_seconds("a") == 9


def test_the_memory_of_failures_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.web.shared.throttle._MAX_ADDRESSES", 20)
    throttle = SignInThrottle()
    for n in range(50):
        throttle.count_failure(f"address {n}")
        assert len(throttle._storage.events) <= 20


def output(task: str, value: Any, **more: Any) -> dict[str, Any]:
    """A Florence-2 job's output with one result."""
    return {
        "image": {"width": 40, "height": 30},
        "results": [{"task": task, "result": {task: value}, **more}],
    }


def test_boxes_become_rectangles_and_equal_labels_share_a_colour() -> None:
    boxes = [[1, 2, 11, 12], [5, 5, 6, 6], [0, 0, 9, 9]]
    value = {"bboxes": boxes, "labels": ["cat", "dog", "cat"]}
    (drawn,) = overlays(output("<OD>", value), "/p")
    assert (drawn.width, drawn.height, drawn.picture_url) == (40, 30, "/p")
    assert drawn.shapes[0].outlines == ["1,2 11,2 11,12 1,12"]
    assert [shape.colour for shape in drawn.shapes] == [0, 1, 0]
    assert len({shape.mark for shape in drawn.shapes}) == 3
    assert drawn.summary == "cat, dog, cat"
    assert drawn.shapes[0].place == "1, 2 to 11, 12"


def test_outlines_in_parts_quadrangles_and_mixed_answers_are_drawn() -> None:
    polygons = {"polygons": [[[0, 0, 4, 0, 4, 4], [9, 9]]], "labels": [""]}
    (drawn,) = overlays(output("<REGION_TO_SEGMENTATION>", polygons), "/p")
    assert drawn.shapes[0].outlines == ["0,0 4,0 4,4"]
    assert drawn.shapes[0].label == "unnamed"
    quads = {"quad_boxes": [[0, 0, 9, 0, 9, 5, 0, 5]], "labels": ["ROMA"]}
    (drawn,) = overlays(output("<OCR_WITH_REGION>", quads), "/p")
    assert drawn.shapes[0].outlines == ["0,0 9,0 9,5 0,5"]
    mixed = {
        "bboxes": [[0, 0, 5, 5]],
        "bboxes_labels": ["a"],
        "polygons": [[[0, 0, 4, 0, 4, 4]]],
        "polygons_labels": ["b"],
    }
    (drawn,) = overlays(output("<OPEN_VOCABULARY_DETECTION>", mixed), "/p")
    assert [shape.label for shape in drawn.shapes] == ["a", "b"]


def test_texts_are_answers_and_no_overlay() -> None:
    caption = output("<CAPTION>", "A cat.")
    assert overlays(caption, "/p") == []
    assert [(each.token, each.text) for each in answers(caption)] == [("<CAPTION>", "A cat.")]
    region = output("<REGION_TO_CATEGORY>", "cat<loc_1><loc_2>", text="cat")
    assert answers(region)[0].text == "cat"
    assert overlays({}, "/p") == answers({}) == []


def test_filters_are_in_the_url() -> None:
    filters = JobFilters(state="failed", tenant="ten_1", after="2026-01-31T12:00")
    assert filters.query == "?state=failed&tenant=ten_1&after=2026-01-31T12%3A00"
    search = filters.search()
    assert (search.state, search.tenant_id, search.variant) == (JobState.FAILED, "ten_1", None)
    assert str(search.created_after) == "2026-01-31 12:00:00+00:00"
    assert JobFilters().query == ""
    assert JobFilters().described == "every job"


@pytest.mark.parametrize("bad", [{"state": "gone"}, {"after": "yesterday"}, {"before": "12"}])
def test_invalid_filters_are_refused(bad: dict[str, str]) -> None:
    with pytest.raises(ProblemError) as caught:
        JobFilters(**bad).search()
    assert caught.value.status == 422
