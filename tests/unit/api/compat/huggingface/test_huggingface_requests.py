"""Requests of Hugging Face's clients: their task, their native input, the format they accept."""

from typing import Any

import pytest

from api.compat.huggingface.accept import output_format
from api.compat.huggingface.body import InferenceBody
from api.compat.huggingface.tasks import Task, find_task, task_of_body, translate
from api.core.domain_errors import InvalidSubmissionError, ModelNotOfferedError
from workers import catalog

PNG = "iVBORw0KGgoAAAANSUhEUg"
URI = f"data:image/png;base64,{PNG}"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "png"),
        ("*/*", "png"),
        ("image/png", "png"),
        ("image/jpeg", "jpeg"),
        ("image/webp, image/png", "webp"),
        ("image/png;q=0.5, image/jpeg;q=0.9", "jpeg"),
        ("image/webp;q=0, */*", "png"),
        ("image/webp;q=high", "png"),
        ("application/json", "png"),
    ],
)
def test_the_format_is_the_one_that_the_client_prefers(accept: str, expected: str) -> None:
    assert output_format(accept) == expected


@pytest.mark.parametrize(
    ("variant", "body", "expected"),
    [
        ("flux.1-dev", InferenceBody("a red circle"), Task.TEXT_TO_IMAGE),
        ("flux.1-dev", InferenceBody(URI, is_raw=True), Task.IMAGE_TO_IMAGE),
        ("flux.1-dev", InferenceBody(PNG, {"prompt": "a"}), Task.IMAGE_TO_IMAGE),
        ("flux.1-dev", InferenceBody(PNG), Task.IMAGE_TO_IMAGE),
        ("florence-2-demo", InferenceBody(URI, is_raw=True), Task.IMAGE_TO_TEXT),
        ("florence-2-demo", InferenceBody("words"), Task.IMAGE_TO_TEXT),
        ("florence-2-demo", InferenceBody(PNG, {"max_new_tokens": 9}), Task.IMAGE_TO_TEXT),
        ("florence-2-demo", InferenceBody(PNG, {"threshold": 0.5}), Task.OBJECT_DETECTION),
        (
            "florence-2-demo",
            InferenceBody(PNG, {"threshold": 0.5, "mask_threshold": 0.5}),
            Task.IMAGE_SEGMENTATION,
        ),
        ("florence-2-demo", InferenceBody(PNG, {"subtask": "semantic"}), Task.IMAGE_SEGMENTATION),
    ],
)
def test_a_path_without_a_task_means_the_one_of_its_body(
    variant: str, body: InferenceBody, expected: Task
) -> None:
    assert task_of_body(catalog.find(variant), body) == expected


@pytest.mark.parametrize(
    ("variant", "task"),
    [
        ("flux.1-dev", "object-detection"),
        ("florence-2-demo", "text-to-image"),
        ("flux.1-dev", "text-generation"),
    ],
)
def test_a_task_that_the_model_lacks_is_not_found(variant: str, task: str) -> None:
    with pytest.raises(ModelNotOfferedError, match=f"{variant}/pipeline/{task}"):
        find_task(catalog.find(variant), variant, task)


@pytest.mark.parametrize(
    ("body", "task"),
    [
        # visual_question_answering, in Python and in JavaScript
        (InferenceBody(PNG, {}, {"question": "a?", "image": PNG}), "visual-question-answering"),
        (InferenceBody({"question": "a?", "image": PNG}), "visual-question-answering"),
        (
            InferenceBody({"question": "a?", "image": PNG}, {"lang": "en"}),
            "document-question-answering",
        ),
        (InferenceBody(PNG, {"candidate_labels": ["a"]}), "zero-shot-image-classification"),
        (InferenceBody(PNG, {"top_k": 2}), "image-classification"),
    ],
)
def test_a_body_of_a_task_that_the_model_lacks_gets_no_caption(
    body: InferenceBody, task: str
) -> None:
    variant = catalog.find("florence-2-demo")
    with pytest.raises(ModelNotOfferedError, match=f"{task}.*does image-segmentation"):
        find_task(variant, "m", task_of_body(variant, body))


@pytest.mark.parametrize(
    ("variant", "task", "body", "expected"),
    [
        (
            "flux.1-dev",
            Task.TEXT_TO_IMAGE,
            InferenceBody(
                "a", {"num_inference_steps": 3, "guidance_scale": 2, "seed": 4, "width": 64}
            ),
            {"prompt": "a", "steps": 3, "guidance": 2, "seed": 4, "width": 64},
        ),
        (
            "flux.1-dev",
            Task.IMAGE_TO_IMAGE,
            InferenceBody(
                PNG,
                {"prompt": "a", "strength": 0.5, "target_size": {"width": 64, "height": 128}},
            ),
            {"prompt": "a", "image": URI, "strength": 0.5, "width": 64, "height": 128},
        ),
        (
            "flux.2-klein-4b",
            Task.IMAGE_TO_IMAGE,
            InferenceBody(PNG, {"prompt": "a", "strength": 0.5}),
            {"prompt": "a", "images": [URI]},
        ),
        (
            "flux.2-klein-4b",
            Task.IMAGE_TO_IMAGE,
            InferenceBody(PNG, {"prompt": "a", "mask_image": PNG}),
            {"prompt": "a", "image": URI, "mask": URI},
        ),
        (
            "florence-2-demo",
            Task.IMAGE_TO_TEXT,
            InferenceBody(PNG, {"max_new_tokens": 9}),
            {"task": "<CAPTION>", "image": URI, "max_new_tokens": 9},
        ),
        (
            "florence-2-demo",
            Task.OBJECT_DETECTION,
            InferenceBody(URI, {"threshold": 0.5}),
            {"task": "<OD>", "image": URI, "min_score": 0.5},
        ),
        (
            "florence-2-demo",
            Task.IMAGE_SEGMENTATION,
            InferenceBody(URI, {"text": "a circle", "threshold": 0.25}),
            {
                "task": "<REFERRING_EXPRESSION_SEGMENTATION>",
                "image": URI,
                "text": "a circle",
                "artifacts": ["masks"],
                "min_score": 0.25,
            },
        ),
    ],
)
def test_parameters_have_their_native_names(
    variant: str, task: Task, body: InferenceBody, expected: dict[str, Any]
) -> None:
    translated = translate(catalog.find(variant), task, body, "png").input
    assert {
        name: value for name, value in translated.items() if name != "output_format"
    } == expected


def test_what_has_no_effect_is_told() -> None:
    body = InferenceBody(
        "a",
        {"negative_prompt": "b", "scheduler": "c", "seed": 1},
        {"options": {"wait_for_model": True}, "x": 1},
    )
    translated = translate(catalog.find("flux.2-dev"), Task.TEXT_TO_IMAGE, body, "jpeg")
    assert {each.parameter for each in translated.warnings} == {"x", "negative_prompt", "scheduler"}
    assert translated.input["output_format"] == "jpeg"


def test_errors_name_the_client_s_fields() -> None:
    variant = catalog.find("flux.1-dev")
    translated = translate(variant, Task.TEXT_TO_IMAGE, InferenceBody("a"), "png")
    assert translated.foreign_name(("prompt",)) == "inputs"
    body = InferenceBody(PNG, {"target_size": 7})
    with pytest.raises(InvalidSubmissionError, match="target_size"):
        translate(variant, Task.IMAGE_TO_IMAGE, body, "png")
    looked = InferenceBody(URI, {"threshold": 2})
    translated = translate(catalog.find("florence-2-demo"), Task.OBJECT_DETECTION, looked, "png")
    assert translated.foreign_name(("min_score",)) == "threshold"
