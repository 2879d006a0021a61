"""Samples by other services' clients: each prompt is data in valid code, and nothing breaks."""

import ast
import json
import re
from typing import Any

import pytest

from api.compat.samples.clients import ClientSamples
from api.web.shared.literals import KEY_VARIABLE, Sample
from tests.unit.api.web.playground.test_samples import HOSTILE
from workers import catalog

BASE = "https://bottega.example/at"
PICTURE = "file_01jd8w7n4tq0c3v5x9y2z6k8m1"
EVERY_CLIENT = {"OpenAI", "Replicate", "fal", "BFL", "Hugging Face"}


def samples(model: str, **input_: Any) -> list[Sample]:
    """The samples of a job."""
    make = ClientSamples(catalog.installed().offered())
    return list(make(BASE, {"model": model, "input": input_}))


def clients(model: str, **input_: Any) -> set[str]:
    """The clients that can submit a job."""
    return {sample.client for sample in samples(model, **input_)}


def texts_of(sample: Sample) -> set[str]:
    """Every text in a program."""
    if sample.language == "python":
        nodes = ast.walk(ast.parse(sample.text))
        return {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
    found = re.findall(r'"(?:[^"\\]|\\.)*"', sample.text)
    return {str(json.loads(each)) for each in found}


@pytest.mark.parametrize("prompt", HOSTILE)
def test_a_prompt_is_data(prompt: str) -> None:
    made = samples("flux.1-demo", prompt=prompt, seed=7)
    assert {sample.client for sample in made} == EVERY_CLIENT
    for sample in made:
        assert prompt in texts_of(sample), sample.title
        assert all(each.isprintable() or each == "\n" for each in sample.text)
        assert KEY_VARIABLE in sample.text


@pytest.mark.parametrize("question", HOSTILE)
def test_a_question_is_data(question: str) -> None:
    made = samples(
        "florence-2-demo", image=PICTURE, task="<OPEN_VOCABULARY_DETECTION>", text=question
    )
    for sample in made:
        assert any(question.strip() in text for text in texts_of(sample)), sample.title


def test_each_client_gets_the_name_that_its_users_know() -> None:
    told = {sample.title: sample.text for sample in samples("flux.1-dev", prompt="p")}
    assert '"black-forest-labs/flux-dev"' in told["Replicate Python"]
    assert '"fal-ai/flux/dev"' in told["fal JavaScript"]
    assert f'"{BASE}/bfl/v1/flux-dev"' in told["BFL Python"]
    assert f'"{BASE}/hf/models/black-forest-labs/FLUX.1-dev"' in told["Hugging Face JavaScript"]
    assert '"flux.1-dev"' in told["OpenAI Python"]
    assert '"bottega.example/at/fal/queue"' in told["fal Python"]
    assert "--tls" not in told["fal Python"]


def test_a_model_without_a_foreign_name_goes_by_its_id() -> None:
    told = {sample.title: sample.text for sample in samples("flux.1-demo", prompt="p")}
    assert '"bottega/flux.1-demo"' in told["Replicate Python"]
    assert f'"{BASE}/bfl/v1/flux.1-demo"' in told["BFL Python"]


@pytest.mark.parametrize(
    ("model", "input_", "expected"),
    [
        ("flux.1-demo", {"num_images": 2}, {"OpenAI", "Replicate", "fal"}),
        ("flux.1-demo", {"image": PICTURE}, EVERY_CLIENT),
        ("flux.1-demo", {"image": PICTURE, "mask": PICTURE}, {"Replicate", "fal", "BFL"}),
        ("flux.2-demo", {"images": [PICTURE] * 2}, EVERY_CLIENT - {"Hugging Face"}),
        ("flux.1-dev", {"loras": [{"source": "a"}, {"source": "b"}]}, {"OpenAI", "fal"}),
    ],
)
def test_only_clients_that_can_say_it_are_shown(
    model: str, input_: dict[str, Any], expected: set[str]
) -> None:
    assert clients(model, prompt="p", **input_) == expected


@pytest.mark.parametrize(
    ("input_", "expected"),
    [
        ({"task": "<CAPTION>"}, EVERY_CLIENT - {"BFL"}),
        ({"tasks": ["<CAPTION>", "<OCR>"]}, {"OpenAI", "Replicate", "fal"}),
        ({"task": "<REGION_TO_CATEGORY>", "region": [1, 2, 30, 40]}, set()),
        ({"task": "<OPEN_VOCABULARY_DETECTION>", "text": ["cat", "dog"]}, set()),
    ],
)
def test_an_analysis_is_shown_where_its_task_exists(
    input_: dict[str, Any], expected: set[str]
) -> None:
    assert clients("florence-2-demo", image=PICTURE, **input_) == expected


@pytest.mark.parametrize("model", [variant.id for variant in catalog.installed().variants()])
def test_half_a_form_breaks_no_sample(model: str) -> None:
    for input_ in (
        {},
        {"width": "a", "height": 3, "seed": "?", "num_images": "many"},
        {"aspect_ratio": "x", "strength": "half", "loras": [{"source": "a", "scale": "b"}]},
        {"image": 3, "images": "file_1", "tasks": ["?"], "text": ["a"], "region": []},
        {"output_format": "gif", "num_images": 2, "image": PICTURE},
    ):
        for sample in samples(model, **input_):
            if sample.language == "python":
                ast.parse(sample.text)


@pytest.mark.parametrize(
    ("input_", "expected"),
    [
        ({"output_format": "webp"}, 95),
        ({"output_format": "jpeg", "output_quality": 40}, 40),
        ({"output_format": "png"}, None),
        ({}, None),
    ],
)
def test_the_quality_is_told_where_the_format_has_one(
    input_: dict[str, Any], expected: int | None
) -> None:
    told = {sample.title: sample.text for sample in samples("flux.1-demo", prompt="p", **input_)}
    # OpenAI's default is 100, and Replicate's 80.
    for client, name in (("OpenAI", "output_compression"), ("Replicate", "output_quality")):
        for language in ("Python", "JavaScript"):
            found = re.search(rf"{name}\W+(\d+)", told[f"{client} {language}"])
            assert (None if found is None else int(found[1])) == expected, client
