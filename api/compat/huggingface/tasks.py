"""The tasks of Hugging Face's inference: those that a variant has, and their native input."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from api.compat.huggingface.body import InferenceBody
from api.compat.shared.pictures import as_native
from api.compat.shared.translation import Translation
from api.core.domain_errors import InvalidSubmissionError, ModelNotOfferedError
from workers.catalog import Family, Variant
from workers.catalog.florence2.artifacts import ArtifactChoice


class Task(StrEnum):
    """A task, as it stands in the path after `/pipeline/`."""

    TEXT_TO_IMAGE = "text-to-image"
    IMAGE_TO_IMAGE = "image-to-image"
    IMAGE_TO_TEXT = "image-to-text"
    OBJECT_DETECTION = "object-detection"
    IMAGE_SEGMENTATION = "image-segmentation"


PAINTING = frozenset({Task.TEXT_TO_IMAGE, Task.IMAGE_TO_IMAGE})
"""The tasks whose answer is a picture."""

_LOOKING = frozenset(Task) - PAINTING

_FLUX_PARAMETERS: Mapping[str, str] = {
    "width": "width",
    "height": "height",
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "negative_prompt": "negative_prompt",
    "true_cfg_scale": "true_guidance",
    "seed": "seed",
}
"""Native parameters by the names that they have here."""


_WORDS: Mapping[str, frozenset[str]] = {
    "document-question-answering": frozenset(
        {"doc_stride", "handle_impossible_answer", "lang", "max_answer_len", "word_boxes"}
    ),
    "visual-question-answering": frozenset({"question"}),
    "zero-shot-image-classification": frozenset({"candidate_labels", "hypothesis_template"}),
    "image-classification": frozenset({"function_to_apply", "top_k"}),
    Task.IMAGE_SEGMENTATION: frozenset(
        {"mask_threshold", "overlap_mask_area_threshold", "subtask"}
    ),
    Task.OBJECT_DETECTION: frozenset({"threshold"}),
}
"""Tasks of pictures by the words that clients send with them alone; the first that fits."""


def tasks_of(variant: Variant) -> frozenset[Task]:
    """The tasks that a variant has."""
    if variant.family is Family.FLORENCE2:
        return _LOOKING
    names = variant.parameters.model_fields
    edits = {"image", "images"} & names.keys()
    return PAINTING if edits else PAINTING - {Task.IMAGE_TO_IMAGE}


def find_task(variant: Variant, model: str, named: str) -> Task:
    """The task that a path names.

    Raises:
        api.core.domain_errors.ModelNotOfferedError: the variant lacks it.
    """
    known = tasks_of(variant)
    found = next((task for task in known if task == named), None)
    if found is None:
        able = ", ".join(sorted(known))
        raise ModelNotOfferedError(f"{model}/pipeline/{named}", f"{variant.id} does {able}")
    return found


def task_of_body(variant: Variant, body: InferenceBody) -> str:
    """The task of a path that names none, by the model and what was sent.

    It may be one that the variant lacks: clients send the words of the task that they were asked
    for, and an answer to another one would be taken for it. A picture alone is image-to-text.
    """
    if variant.family is Family.FLORENCE2:
        inputs = body.inputs if isinstance(body.inputs, Mapping) else {}
        words = {*body.parameters, *body.others, *inputs}
        return next((task for task, its in _WORDS.items() if its & words), Task.IMAGE_TO_TEXT)
    if body.is_raw or "prompt" in body.parameters or _is_picture(body.inputs):
        return Task.IMAGE_TO_IMAGE
    return Task.TEXT_TO_IMAGE


def _is_picture(inputs: Any) -> bool:
    native = as_native(inputs)
    return isinstance(native, str) and native[:5].lower() == "data:"


def translate(variant: Variant, task: Task, body: InferenceBody, output_format: str) -> Translation:
    """The native input that a request for a task stands for.

    Args:
        variant: the model.
        task: one of its tasks.
        body: what was sent.
        output_format: the format of a painted picture.

    Raises:
        InvalidSubmissionError: a parameter has a form that cannot be translated.
    """
    translation = Translation(variant)
    _TRANSLATORS[task](translation, body)
    if task in PAINTING:
        translation.put("output_format", output_format, "Accept")
    # A request to wait for the model, or not to use a cache: it waits always, and there is none.
    translation.accept("options", "inputs")
    translation.ignore_rest({**body.others, **body.parameters})
    return translation


def _text_to_image(translation: Translation, body: InferenceBody) -> None:
    translation.put("prompt", body.inputs, "inputs")
    _put_parameters(translation, body.parameters)


def _image_to_image(translation: Translation, body: InferenceBody) -> None:
    parameters = body.parameters
    translation.put("prompt", parameters.get("prompt"), "prompt")
    mask = parameters.get("mask_image")
    translation.rename(("image",), "inputs")
    pictures = [] if body.inputs is None else [(as_native(body.inputs), "inputs")]
    translation.put_pictures(pictures, None if mask is None else (as_native(mask), "mask_image"))
    translation.accept("mask_image")
    translation.put_strength(parameters.get("strength"), "strength")
    _put_parameters(translation, {**parameters, **_target_size(parameters)})
    translation.accept("target_size")


def _put_parameters(translation: Translation, parameters: Mapping[str, Any]) -> None:
    for foreign, native in _FLUX_PARAMETERS.items():
        translation.put(native, parameters.get(foreign), foreign)


def _target_size(parameters: Mapping[str, Any]) -> dict[str, Any]:
    size = parameters.get("target_size")
    if size is None:
        return {}
    if not isinstance(size, dict):
        message = "target_size is an object with width and height"
        raise InvalidSubmissionError.of_field(["target_size"], message)
    return {name: size.get(name) for name in ("width", "height")}


def _look(translation: Translation, body: InferenceBody, token: str) -> None:
    translation.put("task", token, "task")
    translation.put("image", as_native(body.inputs), "inputs")


def _image_to_text(translation: Translation, body: InferenceBody) -> None:
    _look(translation, body, "<CAPTION>")
    translation.put("max_new_tokens", body.parameters.get("max_new_tokens"), "max_new_tokens")


def _object_detection(translation: Translation, body: InferenceBody) -> None:
    _look(translation, body, "<OD>")
    _put_threshold(translation, body)


def _image_segmentation(translation: Translation, body: InferenceBody) -> None:
    _look(translation, body, "<REFERRING_EXPRESSION_SEGMENTATION>")
    translation.put("text", body.parameters.get("text"), "text")
    translation.put("artifacts", [ArtifactChoice.MASKS.value], "artifacts")
    _put_threshold(translation, body)


def _put_threshold(translation: Translation, body: InferenceBody) -> None:
    translation.put("min_score", body.parameters.get("threshold"), "threshold")


_TRANSLATORS: Mapping[Task, Callable[[Translation, InferenceBody], None]] = {
    Task.TEXT_TO_IMAGE: _text_to_image,
    Task.IMAGE_TO_IMAGE: _image_to_image,
    Task.IMAGE_TO_TEXT: _image_to_text,
    Task.OBJECT_DETECTION: _object_detection,
    Task.IMAGE_SEGMENTATION: _image_segmentation,
}
