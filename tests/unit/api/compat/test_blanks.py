"""Blank fields of foreign requests are absent ones, and whole numbers are integers."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from api.compat.bfl import translation as bfl
from api.compat.fal.florence2_input import translate_florence2
from api.compat.fal.flux_input import translate_flux
from api.compat.fal.names import find_app
from api.compat.huggingface import tasks
from api.compat.huggingface.body import _from_json
from api.compat.openai.chat_request import ChatFields
from api.compat.openai.image_fields import EditFields
from api.compat.openai.image_request import ImageRequest, jobs_of
from api.compat.replicate import florence_input, flux_input
from api.compat.shared.fields import present
from api.compat.shared.translation import Translation
from workers.catalog import STANDARD, find

Fields = dict[str, Any]
Translate = Callable[[Fields], Translation]

BLANKS = (None, "", " ", "\n", "\u00a0\t", "\u3000", "\u200b")
URL = "https://example.org/a.png"


def _measure(*_: Any) -> Any:
    raise AssertionError("no region is given")


def _hugging_face(task: tasks.Task, model: str) -> Translate:
    def translate(fields: Fields) -> Translation:
        body = _from_json({"inputs": fields.get("inputs"), "parameters": fields})
        return tasks.translate(find(model), task, body, "png")

    return translate


def _openai(fields: Fields) -> Translation:
    request = ImageRequest(EditFields.model_validate(fields))
    return jobs_of(find("flux.1-dev"), request)[0].translation


FAL = find_app(STANDARD, "fal-ai/flux/dev")
FAL_FLORENCE = find_app(STANDARD, "fal-ai/florence-2-large/caption-to-phrase-grounding")
APIS: Mapping[str, tuple[Translate, Fields, tuple[str, ...]]] = {
    "replicate": (
        lambda fields: flux_input.translate(find("flux.1-dev"), present(fields)),
        {"prompt": "x"},
        (
            *("image", "mask", "input_image", "input_images", "aspect_ratio", "output_format"),
            *("lora_weights", "extra_lora", "megapixels", "seed", "num_outputs", "go_fast"),
            *("guidance", "prompt_strength", "image_prompt", "input_image_2", "width", "steps"),
        ),
    ),
    "replicate florence": (
        lambda fields: florence_input.translate(
            find("florence-2-large"), present(fields), _measure
        ),
        {"image": URL},
        ("task_input", "text_input", "task", "tasks", "text", "num_beams"),
    ),
    "fal": (
        lambda fields: translate_flux(FAL, present(fields)),
        {"prompt": "x"},
        (
            *("image_url", "mask_url", "image_urls", "image_size", "aspect_ratio", "seed"),
            *("resolution_mode", "output_format", "loras", "safety_tolerance", "strength"),
            *("control_image_url", "num_images", "guidance_scale", "num_inference_steps"),
        ),
    ),
    "fal florence": (
        lambda fields: translate_florence2(FAL_FLORENCE, present(fields), _measure),
        {"image_url": URL},
        ("text_input", "sync_mode", "region"),
    ),
    "bfl": (
        lambda fields: bfl.translate(find("flux.1-dev"), "flux-dev", fields),
        {"prompt": "x"},
        (
            *("image_prompt", "input_image", "mask", "image", "aspect_ratio", "output_format"),
            *("seed", "width", "height", "steps", "guidance", "webhook_url", "webhook_secret"),
        ),
    ),
    "hugging face": (
        _hugging_face(tasks.Task.TEXT_TO_IMAGE, "flux.1-dev"),
        {"inputs": "x"},
        ("width", "height", "seed", "guidance_scale", "num_inference_steps", "negative_prompt"),
    ),
    "hugging face, edits": (
        _hugging_face(tasks.Task.IMAGE_TO_IMAGE, "flux.1-dev"),
        {"inputs": URL},
        ("prompt", "mask_image", "strength", "target_size", "seed"),
    ),
    "openai": (
        _openai,
        {"prompt": "x"},
        (
            *("size", "n", "response_format", "output_format", "background", "stream", "seed"),
            *("steps", "guidance", "strength", "loras", "priority", "metadata", "webhook"),
            *("partial_images", "output_compression", "expires_in_seconds", "user", "style"),
        ),
    ),
}


@pytest.mark.parametrize("api", APIS)
def test_a_blank_field_is_an_absent_one(api: str) -> None:
    translate, least, names = APIS[api]
    without = translate(least)
    for name in names:
        for blank in BLANKS:
            found = translate({**least, name: blank})
            if api == "openai":
                found.input.pop("seed", None)
            assert found.input == without.input, (name, blank)
            assert found.warnings == without.warnings, (name, blank)


@pytest.mark.parametrize("api", [api for api in APIS if "florence" not in api])
def test_whole_numbers_are_integers(api: str) -> None:
    translate, least, names = APIS[api]
    for name in {"seed", "width", "height", "num_outputs", "num_images", "n"} & set(names):
        whole = {**least, name: 2}
        found = translate({**least, name: 2.0}).input
        assert found == translate(whole).input
        assert not any(isinstance(value, float) for value in found.values() if value == 2)


def test_a_size_of_whole_floats_is_a_size() -> None:
    sizes = [{"width": 512, "height": 384}, {"width": 512.0, "height": 384.0}]
    found = [translate_flux(FAL, present({"prompt": "x", "image_size": size})) for size in sizes]
    assert found[0].input == found[1].input
    assert found[0].input["width"] == 512


def test_blank_entries_of_lists_are_left_out() -> None:
    fields = {"prompt": "x", "input_images": [URL, "", None, "\u3000"]}
    translation = flux_input.translate(find("flux.2-klein-4b"), present(fields))
    assert translation.input["images"] == [URL]


def test_a_chat_without_a_model_names_none() -> None:
    for blank in BLANKS:
        fields = {"messages": [{"role": "user", "content": "x"}], "model": blank, "stream": blank}
        chat = ChatFields.model_validate(fields)
        assert (chat.model, chat.stream) == (None, None)
