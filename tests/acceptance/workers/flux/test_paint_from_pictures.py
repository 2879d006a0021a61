"""Painting from pictures, through the whole service: one model's output is another's input."""

import io

import httpx
import pytest
from PIL import Image

from tests.acceptance.stack import Client, Json, Stack
from workers.training.flux.adherence import check, check_prompt
from workers.training.scenes.scene import Thing, one_object

pytestmark = pytest.mark.usefixtures("books")

SHOWN = "a green square at the top on a white background"
THING, GROUND = Thing("square", "green"), "yellow"


@pytest.fixture(scope="module")
def owner(stack: Stack) -> Client:
    return stack.tenant()


def picture_of(job: Json) -> Image.Image:
    assert job["state"] == "succeeded", job["error"]
    url = job["output"]["images"][0]["url"]
    return Image.open(io.BytesIO(httpx.get(url).raise_for_status().content)).convert("RGB")


def test_the_object_of_a_picture_is_put_elsewhere(owner: Client) -> None:
    shown = owner.await_end(owner.paint(SHOWN, seed=3))
    assert check_prompt(picture_of(shown), SHOWN).right
    url = shown["output"]["images"][0]["url"]
    prompt = f"the object of picture 1 at the left on a {GROUND} background"
    for given in ({"images": [url]}, {"image": url}):
        asked = {"prompt": prompt, "seed": 5, **given}
        moved = owner.await_end(owner.submit("flux.2-demo", asked))
        assert check(picture_of(moved), one_object(THING, GROUND, place="left")).right
        assert moved["price"]["amount_micros"] == 1_000
