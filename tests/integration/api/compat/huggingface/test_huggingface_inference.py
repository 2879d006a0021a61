"""Inference as clients of Hugging Face call it: tasks, errors, hang-ups."""

import base64
import io
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError
from PIL import Image

from api.compat.shared import waiting
from db.core.session import Database
from db.tenants import api_keys
from db.values.artifact_kinds import ArtifactKind
from tests.servers.uvicorn_thread import serving
from tests.support import jobs
from tests.support.adapters import Gate, raising
from tests.support.apis import MakeApi
from tests.support.pictures import encoded
from tests.support.station import FLORENCE2, FLUX, Station, at_work
from tests.support.waiting import await_true
from workers.adapters.protocol import (
    AdapterError,
    ContentModeratedError,
    File,
    Output,
    Report,
    ShouldStop,
    Work,
)

JAVASCRIPT = {"User-Agent": "@huggingface/inference/4.13.30 node"}
PICTURE = encoded(Image.new("RGB", (80, 64), "white"))
Json = dict[str, Any]


@pytest.fixture
def key(database: Database, tenant_id: str) -> str:
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="")[1]


@pytest.fixture
def url(make_api: MakeApi) -> Iterator[str]:
    with serving(make_api()) as served:
        yield served


@pytest.fixture
def http(url: str, key: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as opened:
        yield opened


def inference(url: str, key: str, model: str, task: str = "") -> InferenceClient:
    """The unmodified client for a model, or for one of its tasks."""
    path = f"/hf/models/{model}" + (f"/pipeline/{task}" if task else "")
    return InferenceClient(model=url + path, token=key)


def answering(value: Any, task: str, *scores: float, masks: int = 0) -> Any:
    """A behaviour of Florence-2 that answers a task with a value."""

    def behave(batch: Sequence[Work], _report: Report, _should_stop: ShouldStop) -> list[Output]:
        result = {
            "task": task,
            "result": {task: value},
            "scores": [*scores],
            "finish_reason": "stop",
            "warnings": [],
        }
        about = {"task": task, "label": "", "score": 0.75}
        mask = encoded(Image.new("L", (80, 64), 255))
        files = [File(ArtifactKind.MASK, mask, "image/png", (80, 64), about)] * masks
        return [Output((), {"results": [result]}, files=lambda: files) for _ in batch]

    return behave


def test_the_python_client_paints_from_words_and_from_pictures(
    url: str, key: str, station: Station, database: Database
) -> None:
    client = inference(url, key, FLUX)
    with at_work(station):
        painted = client.text_to_image(
            "a red circle", width=128, height=64, seed=5, negative_prompt="blue"
        )
        assert painted.format == "PNG"
        edited = client.image_to_image(PICTURE, prompt="a blue circle")
        assert edited.size == (16, 16)  # of the scripted adapter
    inputs = [row[0] for row in jobs.sql(database, "SELECT input FROM jobs ORDER BY created_at")]
    assert [inputs[0][name] for name in ("width", "height", "seed")] == [128, 64, 5]
    assert inputs[0]["negative_prompt"] == "blue"
    assert inputs[1]["image"]
    [(surface, warnings)] = jobs.sql(
        database, "SELECT surface, warnings FROM jobs ORDER BY created_at LIMIT 1"
    )
    assert (surface, warnings) == ("huggingface", None)


def test_the_python_client_looks_at_pictures(
    url: str, key: str, station: Station, database: Database
) -> None:
    boxes = {"bboxes": [[10.4, 5.2, 30.6, 25.0]], "labels": ["circle"]}
    outlines = {"polygons": [[[0, 0, 9, 0, 9, 9]]], "labels": [""]}
    station.adapter.script[:] = [
        answering("a red circle", "<CAPTION>", 0.9),
        answering(boxes, "<OD>", 0.75),
        *[answering(outlines, "<REFERRING_EXPRESSION_SEGMENTATION>", 0.75, masks=1)] * 2,
    ]
    with at_work(station, FLORENCE2):
        caption: Any = inference(url, key, FLORENCE2).image_to_text(PICTURE)
        assert caption.generated_text == "a red circle"
        found = inference(url, key, FLORENCE2, "object-detection").object_detection(
            PICTURE, threshold=0.5
        )
        assert found == [
            {
                "label": "circle",
                "score": 0.75,
                "box": {"xmin": 10, "ymin": 5, "xmax": 31, "ymax": 25},
            }
        ]
        body = {
            "inputs": base64.b64encode(PICTURE).decode(),
            "parameters": {"text": "a circle"},
        }
        answer = httpx.post(
            f"{url}/hf/models/{FLORENCE2}/pipeline/image-segmentation",
            json=body,
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        )
        # The Python client has no parameter for words.
        found_by_name: list[Any] = inference(
            url, key, FLORENCE2, "image-segmentation?text=a%20star"
        ).image_segmentation(PICTURE)
        assert [(each.label, each.mask.size) for each in found_by_name] == [("a star", (80, 64))]
    asked = jobs.sql(database, "SELECT input FROM jobs WHERE input->>'min_score' IS NOT NULL")
    assert [row[0]["min_score"] for row in asked] == [0.5]  # the model leaves out what is below
    [segment] = answer.json()
    assert (segment["label"], segment["score"]) == ("a circle", 0.75)
    assert Image.open(io.BytesIO(base64.b64decode(segment["mask"]))).size == (80, 64)


def test_javascript_gets_one_object_and_python_a_list(http: httpx.Client, station: Station) -> None:
    path = f"/hf/models/{FLORENCE2}"
    station.adapter.script[:] = [answering("a circle", "<CAPTION>", 0.9)] * 2
    with at_work(station, FLORENCE2):
        # With a content type that is wrong, and without one.
        plain = http.post(path, content=PICTURE, headers={"Content-Type": "application/json"})
        script = http.post(path, content=PICTURE, headers=JAVASCRIPT)
    assert plain.json() == [{"generated_text": "a circle"}]
    assert script.json() == {"generated_text": "a circle"}


def test_a_picture_comes_in_the_format_that_is_accepted_with_its_seed_and_job(
    http: httpx.Client, station: Station
) -> None:
    body = {"inputs": "a red circle", "parameters": {"seed": 7, "scheduler": "x"}}
    with at_work(station):
        answer = http.post(f"/hf/models/{FLUX}", json=body, headers={"Accept": "image/webp"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(answer.content)).format == "WEBP"
    assert answer.headers["Bottega-Seed"] == "7"
    assert answer.headers["Bottega-Ignored"] == "scheduler"
    assert answer.headers["x-request-id"]
    job = http.get(f"/v1/jobs/{answer.headers['Bottega-Job']}").json()
    assert job["state"] == "succeeded"


def test_errors_are_a_text_that_names_the_field_the_model_or_the_task(
    url: str, key: str, http: httpx.Client
) -> None:
    picture = {"inputs": base64.b64encode(PICTURE).decode()}
    calls: list[tuple[str, Json, int, str]] = [
        (FLUX, {"inputs": "a", "parameters": {"width": 7}}, 422, "width"),
        (FLUX, {"parameters": {}}, 422, "inputs"),
        (FLUX, {"inputs": 7}, 422, "inputs"),
        (FLUX, {**picture, "parameters": 7}, 422, "parameters"),
        (FLUX, {"inputs": "no", "parameters": {"prompt": "a"}}, 422, "inputs"),
        (FLUX, picture, 422, "prompt"),
        (FLORENCE2, {"inputs": "no picture"}, 422, "inputs"),
        *[
            (
                f"{FLORENCE2}/pipeline/{task}",
                {**picture, "parameters": {"threshold": wrong, **text}},
                422,
                "threshold",
            )
            for task, text in [("object-detection", {}), ("image-segmentation", {"text": "a"})]
            for wrong in (2, -0.1, "0.5", True)
        ],
        (f"{FLORENCE2}/pipeline/image-segmentation", picture, 422, "text"),
        (f"{FLUX}/pipeline/object-detection", picture, 404, "object-detection"),
        ("someone/nothing", {"inputs": "a"}, 404, "someone/nothing"),
        ("black-forest-labs/FLUX.9", {"inputs": "a"}, 404, "FLUX.9"),
        (f"{FLUX}/v1/chat/completions", {"messages": []}, 404, "/openai/v1"),
    ]
    for model, body, status, told in calls:
        refused = http.post(f"/hf/models/{model}", json=body)
        assert refused.status_code == status, refused.text
        assert refused.json().keys() == {"error"}
        assert told in refused.json()["error"]
        assert refused.headers["x-request-id"]
    bad = http.post(f"/hf/models/{FLUX}", content=b"no picture")
    assert (bad.status_code, [*bad.json()]) == (400, ["error"])
    with pytest.raises(HfHubHTTPError, match="width") as raised:
        inference(url, key, FLUX).text_to_image("a", width=7)
    assert raised.value.request_id
    with pytest.raises(HfHubHTTPError, match="401"):
        inference(url, "wrong", FLUX).text_to_image("a")


def test_the_python_client_gets_no_caption_for_another_task(
    url: str, key: str, station: Station
) -> None:
    client = inference(url, key, FLORENCE2)
    refusals = {
        "visual-question-answering": lambda: client.visual_question_answering(PICTURE, "a?"),
        # It sends its question as a question about any picture does.
        "-question-answering": lambda: client.document_question_answering(PICTURE, "a?"),
        "zero-shot-image-classification": lambda: client.zero_shot_image_classification(
            PICTURE, ["a circle", "a star"]
        ),
        "image-classification": lambda: client.image_classification(PICTURE, top_k=2),
        "text: ": lambda: client.image_segmentation(PICTURE, mask_threshold=0.5),
    }
    for told, call in refusals.items():
        with pytest.raises(HfHubHTTPError, match=told):
            call()
    boxes = {"bboxes": [[10, 5, 30, 25]], "labels": ["circle"]}
    station.adapter.script[:] = [answering(boxes, "<OD>", 0.75)]
    with at_work(station, FLORENCE2):
        assert [each["label"] for each in client.object_detection(PICTURE, threshold=0.5)] == [
            "circle"
        ]


def test_a_job_that_does_not_succeed_is_an_error_that_nobody_repeats(
    http: httpx.Client, station: Station
) -> None:
    body = {"inputs": "a red circle"}
    station.adapter.script[:] = [
        raising(AdapterError("it broke")),
        raising(ContentModeratedError("no")),
    ]
    with at_work(station):
        failed = http.post(f"/hf/models/{FLUX}", json=body)
        moderated = http.post(f"/hf/models/{FLUX}", json=body)
    assert (failed.status_code, moderated.status_code) == (500, 400)
    assert failed.json() == {"error": "it broke"}


def test_a_client_that_leaves_cancels_its_job(
    url: str, key: str, station: Station, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "GRACE_SECONDS", 0.01)
    gate = Gate()
    station.adapter.script[:] = [gate]
    with at_work(station):
        client = InferenceClient(model=f"{url}/hf/models/{FLUX}", token=key, timeout=0.5)
        with pytest.raises(InferenceTimeoutError):
            client.text_to_image("a red circle")
        assert await_true(lambda: jobs.sql(database, "SELECT state FROM jobs") == [("canceled",)])
        gate.opened.set()


def test_javascript_never_gets_503(make_api: MakeApi, key: str) -> None:
    """It repeats such a request at once and without end."""
    with TestClient(make_api(BOTTEGA_MAX_HELD_BODY_BYTES="1")) as client:
        headers = {"Authorization": f"Bearer {key}"}
        body = b"\x89PNG" + bytes(300_000)
        path = f"/hf/models/{FLUX}"
        statuses = [
            client.post(path, content=body, headers=headers | more).status_code
            for more in ({}, JAVASCRIPT)
        ]
    assert statuses == [503, 500]


def test_names_given_twice_are_told(
    http: httpx.Client, station: Station, database: Database
) -> None:
    body = '{"inputs": "a red circle", "parameters": {"seed": 1, "seed": 2, "x": [null]}}'
    with at_work(station):
        answer = http.post(f"/hf/models/{FLUX}", content=body)
    [(input_, warnings)] = jobs.sql(database, "SELECT input, warnings FROM jobs")
    assert input_["seed"] == 2
    names = [each["parameter"] for each in warnings]
    assert sorted(names) == ["parameters.seed", "parameters.x.0", "x"]
    assert sorted(answer.headers["Bottega-Ignored"].split(", ")) == sorted(names)


@pytest.mark.parametrize(
    ("query", "body", "least", "ignored"),
    [
        ("threshold=0.75", {}, 0.75, None),
        ("threshold=0.75", {"threshold": 0.25}, 0.25, "threshold"),
        ("threshold=", {}, None, None),
        ("text=circle", {}, None, "text"),
    ],
)
def test_the_least_score_may_stand_in_the_query(
    http: httpx.Client,
    station: Station,
    database: Database,
    query: str,
    body: Json,
    least: float | None,
    ignored: str | None,
) -> None:
    boxes = {"bboxes": [[10, 5, 31, 25]], "labels": ["circle"]}
    station.adapter.script[:] = [answering(boxes, "<OD>", 0.75)]
    sent = {"inputs": base64.b64encode(PICTURE).decode(), "parameters": body}
    with at_work(station, FLORENCE2):
        answer = http.post(f"/hf/models/{FLORENCE2}/pipeline/object-detection?{query}", json=sent)
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("Bottega-Ignored") == ignored
    [(input_,)] = jobs.sql(database, "SELECT input FROM jobs")
    assert input_.get("min_score") == least
