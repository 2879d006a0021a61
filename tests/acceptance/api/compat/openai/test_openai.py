"""OpenAI's calls on a running stack: the demo models paint and look."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from tests.acceptance.stack import Client, Json, Stack
from tests.support.florence2 import BOX, red_circle
from tests.support.pictures import encoded

pytestmark = pytest.mark.usefixtures("books")

PAINT = "/openai/v1/images/generations"
CHAT = "/openai/v1/chat/completions"
CIRCLE = encoded(red_circle())
URI = "data:image/png;base64," + base64.b64encode(CIRCLE).decode()


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return stack.tenant()


def asked(text: str, url: str = URI, **fields: Any) -> Json:
    """A question about a picture."""
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]
    messages = [{"role": "user", "content": parts}]
    return {"model": "florence-2-demo", "messages": messages, **fields}


def streamed(client: Client, path: str, sent: Json) -> list[Json]:
    """The data of each event of a stream."""
    answer = client.http.post(path, json={**sent, "stream": True}).raise_for_status()
    lines = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_a_picture_is_the_same_by_every_way(client: Client) -> None:
    fields = {"model": "flux.1-demo", "prompt": "a red circle on a white background", "seed": 7}
    size = {"width": 128, "height": 128}
    native = client.await_end(client.paint(fields["prompt"], seed=7, steps=8, **size))
    file = client.http.get(native["output"]["images"][0]["url"]).content
    sent = {**fields, "steps": 8, "size": "128x128"}
    plain = client.http.post(PAINT, json=sent).raise_for_status().json()
    assert base64.b64decode(plain["data"][0]["b64_json"]) == file
    *partial, last = streamed(client, PAINT, {**sent, "partial_images": 2})
    assert base64.b64decode(last["b64_json"]) == file
    assert last["size"] == "128x128"
    assert 1 <= len(partial) <= 2
    for each in partial:
        kind = Image.open(io.BytesIO(base64.b64decode(each["b64_json"]))).format
        assert str(kind).lower() == each["output_format"]


def test_the_transparent_part_of_a_mask_is_repainted(client: Client) -> None:
    white = Image.new("RGB", (128, 128), "white")
    mask = Image.new("RGBA", white.size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 64, 128))
    files = {"image": ("a.png", encoded(white)), "mask": ("m.png", encoded(mask))}
    fields = {"model": "flux.1-demo", "prompt": "a blue circle on a black background", "seed": "3"}
    answer = client.http.post("/openai/v1/images/edits", data=fields, files=files)
    [datum] = answer.raise_for_status().json()["data"]
    painted = Image.open(io.BytesIO(base64.b64decode(datum["b64_json"]))).convert("L")
    left, right = (painted.crop((x, 0, x + 56, 128)) for x in (0, 72))
    assert right.getextrema()[0] > 240
    assert left.getextrema()[0] < 128


def test_an_answer_in_a_chat_is_that_of_the_model(client: Client) -> None:
    for task in ("<CAPTION>", "<OD>"):
        native = client.await_end(client.look(URI, task=task))["output"]["results"][0]
        answer = client.http.post(CHAT, json=asked(task)).raise_for_status().json()
        [choice] = answer["choices"]
        assert (choice["finish_reason"], choice["message"]["role"]) == ("stop", "assistant")
        value = native["result"]
        content = choice["message"]["content"]
        assert content == value[task] if task == "<CAPTION>" else json.loads(content) == value
        usage = answer["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        chunks = streamed(client, CHAT, asked(task, stream_options={"include_usage": True}))
        deltas = [each["choices"][0]["delta"] for each in chunks if each["choices"]]
        assert "".join(delta.get("content", "") for delta in deltas) == content
        assert chunks[-1]["usage"] == usage
        assert client.job(answer["id"])["surface"] == "openai"


def test_words_and_regions_follow_the_task(client: Client) -> None:
    grounded = client.http.post(CHAT, json=asked("<CAPTION_TO_PHRASE_GROUNDING> a red circle"))
    found = json.loads(grounded.raise_for_status().json()["choices"][0]["message"]["content"])
    assert list(found) == ["<CAPTION_TO_PHRASE_GROUNDING>"]
    width, height = red_circle().size
    bins = [
        BOX[0] * 1000 // width,
        BOX[1] * 1000 // height,
        BOX[2] * 1000 // width,
        BOX[3] * 1000 // height,
    ]
    tokens = "".join(f"<loc_{number}>" for number in bins)
    for words in (tokens, json.dumps(list(BOX))):
        answer = client.http.post(CHAT, json=asked(f"<REGION_TO_CATEGORY>{words}"))
        content = answer.raise_for_status().json()["choices"][0]["message"]["content"]
        assert "circle" in content
        assert "<loc" not in content


@pytest.mark.parametrize(
    "text", ["what is this?", "<OD", "<REGION_TO_OCR>", "<OPEN_VOCABULARY_DETECTION> a, b"]
)
def test_a_question_that_the_model_cannot_read_is_refused(client: Client, text: str) -> None:
    answer = client.http.post(CHAT, json=asked(text))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages")


def test_a_picture_may_be_one_of_the_service_s_own(client: Client) -> None:
    sent = {"model": "flux.1-demo", "prompt": "a green star", "response_format": "url"}
    painted = client.http.post(PAINT, json=sent).raise_for_status().json()["data"][0]["url"]
    uploaded = client.http.post("/openai/v1/files", files={"file": ("a.png", CIRCLE)}).json()["id"]
    own = f"{client.http.base_url}/openai/v1/files/{uploaded}/content"
    for url in (painted, uploaded, own):
        assert client.http.post(CHAT, json=asked("caption", url)).status_code == 200, url
