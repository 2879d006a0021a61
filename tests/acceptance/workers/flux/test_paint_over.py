"""Image-to-image and inpainting, through the whole service."""

import base64
import io

import httpx
import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from db.storage.keys import lora_key
from tests.acceptance.stack import Client, Json, Stack
from workers.training.flux.adherence import check_prompt

pytestmark = pytest.mark.usefixtures("books")

BEFORE = "a red circle to the left of a white star on a blue background"
AFTER = "a red circle to the left of a yellow square on a blue background"


@pytest.fixture(scope="module")
def owner(stack: Stack) -> Client:
    return stack.tenant()


@pytest.fixture(scope="module")
def painted(owner: Client) -> str:
    """The URL of a picture to change."""
    job = owner.await_end(owner.paint(BEFORE, seed=3))
    url: str = job["output"]["images"][0]["url"]
    return url


def picture_at(url: str) -> Image.Image:
    return Image.open(io.BytesIO(httpx.get(url).raise_for_status().content)).convert("RGB")


def picture_of(job: Json) -> Image.Image:
    assert job["state"] == "succeeded", job["error"]
    return picture_at(job["output"]["images"][0]["url"])


def data_uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def right_half(size: tuple[int, int]) -> Image.Image:
    """White paint on nothing, as a drawing program saves a mask; nothing is painted of it."""
    mask = Image.new("RGBA", size, (255, 255, 255, 0))
    mask.paste("white", (size[0] // 2, 0, *size))
    return mask


def test_a_picture_is_painted_over_as_much_as_its_strength_says(
    owner: Client, painted: str
) -> None:
    before = picture_at(painted)
    assert check_prompt(before, BEFORE).right
    little = picture_of(owner.await_end(owner.paint(AFTER, image=painted, strength=0.1, steps=8)))
    much = picture_of(owner.await_end(owner.paint(AFTER, image=painted, strength=1, seed=5)))
    assert check_prompt(little, BEFORE).right
    assert check_prompt(much, AFTER).right
    assert little.size == much.size == before.size


def test_a_mask_is_painted_into_and_nothing_else_changes(owner: Client, painted: str) -> None:
    before = picture_at(painted)
    mask = data_uri(right_half(before.size))
    job = owner.await_end(owner.paint(AFTER, image=painted, mask=mask, seed=5, steps=8))
    after = picture_of(job)
    assert check_prompt(after, AFTER).right
    half = before.width // 2
    assert np.array_equal(np.asarray(after)[:, :half], np.asarray(before)[:, :half])
    assert job["price"]["amount_micros"] == 1_000


def test_a_mask_of_another_size_is_refused_by_name_and_costs_nothing(
    owner: Client, painted: str
) -> None:
    mask = data_uri(Image.new("L", (64, 64)))
    body = {"model": "flux.1-demo", "input": {"prompt": AFTER, "image": painted, "mask": mask}}
    answer = owner.http.post("/v1/jobs", json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["loc"] == ["body", "input", "mask"]
    assert error["type"] == "mask_of_another_size"


def test_the_schema_tells_what_a_model_takes(owner: Client) -> None:
    models = {model["id"]: model for model in owner.http.get("/v1/models").json()["models"]}
    taken = models["flux.1-demo"]["input_schema"]["properties"]
    assert {"image", "mask", "strength"} <= taken.keys()
    assert not {"images", "control_image"} & taken.keys()


def some_lora() -> bytes:
    """A LoRA that changes an attention layer of flux.1-demo a lot."""
    drawn = torch.Generator().manual_seed(1)
    layer = "transformer.transformer_blocks.0.attn.to_q"
    shapes = {"A": (4, 256), "B": (256, 4)}
    written: bytes = safetensors.torch.save(
        {
            f"{layer}.lora_{name}.weight": torch.randn(*shape, generator=drawn)
            for name, shape in shapes.items()
        }
    )
    return written


def test_a_lora_bends_a_picture_and_no_other(stack: Stack, owner: Client) -> None:
    stack.store.put(lora_key("bent"), some_lora(), "application/octet-stream")
    straight, bent, again = (
        picture_of(owner.await_end(owner.paint(BEFORE, seed=3, **given)))
        for given in ({}, {"loras": [{"source": "bent"}]}, {})
    )
    assert not np.array_equal(np.asarray(straight), np.asarray(bent))
    assert np.array_equal(np.asarray(straight), np.asarray(again))


@pytest.mark.parametrize("source", ["unheard-of", "http://127.0.0.1/a.safetensors", "loras/bent"])
def test_a_lora_that_is_not_to_be_had_is_refused_by_name(owner: Client, source: str) -> None:
    given = {"prompt": BEFORE, "loras": [{"source": source}]}
    answer = owner.http.post("/v1/jobs", json={"model": "flux.1-demo", "input": given})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["loc"], error["type"]) == (["body", "input", "loras", 0], "invalid_lora")
