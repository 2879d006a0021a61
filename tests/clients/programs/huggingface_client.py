"""huggingface_hub's InferenceClient: the model is a URL, and nothing else changes."""

import asyncio
import json
from typing import Any

from harness import (
    FACTS,
    KEY,
    MASK,
    PICTURE,
    PROMPT,
    URL,
    await_cancellation,
    base64_of,
    busy_worker,
    data_uri,
    main,
    newest_job,
    raises,
    step,
)
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError

MODELS = f"{URL}/hf/models"
FLUX, FLUX2, FLORENCE = (
    f"{MODELS}/{name}" for name in ("flux.1-demo", "flux.2-demo", "florence-2-demo")
)
client = InferenceClient(token=KEY)


def paint(**more: Any) -> Any:
    return client.text_to_image(PROMPT, **{"model": FLUX, "width": 128, "height": 128} | more)


def pixels(image: Any) -> bytes:
    data: bytes = image.convert("RGB").tobytes()
    return data


@step("text to image", short=True)
def _() -> None:
    image = paint(seed=7, num_inference_steps=4, guidance_scale=2.5)
    assert image.size == (128, 128)
    job = newest_job()
    assert (job["surface"], job["state"]) == ("huggingface", "succeeded")


@step("text to image, by the client's model", short=True)
def _() -> None:
    own = InferenceClient(model=FLUX, token=KEY)
    assert own.text_to_image(PROMPT, width=128, height=128).size == (128, 128)


@step("text to image, by base_url")
def _() -> None:
    own = InferenceClient(base_url=FLUX, api_key=KEY)
    assert own.text_to_image(PROMPT).size == (256, 256)


@step("task in the path")
def _() -> None:
    assert paint(model=f"{FLUX}/pipeline/text-to-image").size == (128, 128)


@step("same seed")
def _() -> None:
    first, second, other = (paint(seed=seed) for seed in (5, 5, 6))
    assert pixels(first) == pixels(second) != pixels(other)


@step("settings without effect", short=True)
def _() -> None:
    image = paint(negative_prompt="blurred", scheduler="Euler", extra_body={"unknown": 1})
    assert image.size == (128, 128)
    told = {warning["parameter"] for warning in newest_job()["warnings"]}
    assert "scheduler" in told, told
    assert "negative_prompt" not in told, told


@step("image to image", short=True)
def _() -> None:
    image = client.image_to_image(PICTURE, prompt=PROMPT, model=FLUX, strength=0.9)
    assert image.size == (256, 256)


@step("image to image of a size")
def _() -> None:
    size = {"width": 128, "height": 128}
    image = client.image_to_image(
        PICTURE.read_bytes(), prompt=PROMPT, model=FLUX2, target_size=size
    )
    assert image.size == (128, 128)


@step("inpainting")
def _() -> None:
    image = client.image_to_image(PICTURE, prompt=PROMPT, model=FLUX, mask_image=base64_of(MASK))
    assert image.size == (256, 256)


@step("image to text", short=True)
def _() -> None:
    told = client.image_to_text(PICTURE, model=FLORENCE)
    text = told.generated_text if hasattr(told, "generated_text") else told[0].generated_text
    assert text


@step("object detection", short=True)
def _() -> None:
    found = client.object_detection(PICTURE, model=f"{FLORENCE}/pipeline/object-detection")
    assert [each.label for each in found] == ["circle"], found
    assert 0 <= found[0].score <= 1
    assert found[0].box.xmax > found[0].box.xmin


@step("object detection above a threshold")
def _() -> None:
    model = f"{FLORENCE}/pipeline/object-detection"
    assert client.object_detection(PICTURE, model=model, threshold=1) == []


@step("image segmentation has no way to say of what")
def _() -> None:
    with raises(HfHubHTTPError) as raised:
        client.image_segmentation(PICTURE, model=f"{FLORENCE}/pipeline/image-segmentation")
    assert status_of(raised.error) == 422
    assert "text" in str(raised.error)


@step("picture by its path, and as bytes")
def _() -> None:
    for picture in (str(PICTURE), PICTURE.read_bytes()):
        image = client.image_to_image(picture, prompt=PROMPT, model=FLUX)
        assert image.size == (256, 256)


@step("chat about a picture", short=True)
def _() -> None:
    chat = InferenceClient(base_url=f"{URL}/openai/v1", api_key=KEY)
    content: Any = [
        {"type": "text", "text": "<OD>"},
        {"type": "image_url", "image_url": {"url": data_uri(PICTURE)}},
    ]
    answer = chat.chat_completion(
        [{"role": "user", "content": content}], model="florence-2-demo", max_tokens=50
    )
    assert json.loads(answer.choices[0].message.content)["<OD>"]["labels"] == ["circle"]


def status_of(error: Any) -> int:
    return int(error.response.status_code)


@step("bad key", short=True)
def _() -> None:
    with raises(HfHubHTTPError) as raised:
        InferenceClient(token="hf_wrong").text_to_image(PROMPT, model=FLUX)
    assert status_of(raised.error) == 401


@step("unknown model", short=True)
def _() -> None:
    with raises(HfHubHTTPError) as raised:
        paint(model=f"{MODELS}/nobody/nothing")
    assert status_of(raised.error) == 404
    assert "nothing" in str(raised.error)


@step("model that is not offered here")
def _() -> None:
    with raises(HfHubHTTPError) as raised:
        paint(model=f"{MODELS}/black-forest-labs/FLUX.1-schnell")
    assert status_of(raised.error) == 404
    assert "flux.1-schnell" in str(raised.error)


@step("task that a model lacks")
def _() -> None:
    with raises(HfHubHTTPError) as raised:
        client.object_detection(PICTURE, model=f"{FLUX}/pipeline/object-detection")
    assert status_of(raised.error) == 404


@step("bad input", short=True)
def _() -> None:
    with raises(HfHubHTTPError) as raised:
        paint(width=17)
    assert status_of(raised.error) == 422
    assert "width" in str(raised.error)
    assert raised.error.request_id


@step("broken picture")
def _() -> None:
    with raises(HfHubHTTPError) as raised:
        client.image_to_text(b"no picture", model=FLORENCE)
    assert status_of(raised.error) in {400, 422}
    assert "picture" in str(raised.error)


@step("no credit")
def _() -> None:
    with raises(HfHubHTTPError) as raised:
        InferenceClient(token=FACTS["poor"]).text_to_image(PROMPT, model=FLUX)
    assert status_of(raised.error) == 402


@step("rate limit")
def _() -> None:
    hurried = InferenceClient(token=FACTS["limited"])
    with raises(HfHubHTTPError) as raised:
        for _ in range(4):
            hurried.text_to_image(PROMPT, model=FLUX, width=64, height=64, num_inference_steps=1)
    assert status_of(raised.error) == 429


@step("a client that leaves cancels its job")
def _() -> None:
    hurried = InferenceClient(token=KEY, timeout=0.7)
    with busy_worker():
        with raises(InferenceTimeoutError):
            hurried.text_to_image("left alone", model=FLUX, num_inference_steps=50)
        await_cancellation()


@step("eight at once", short=True)
def _() -> None:
    async def play() -> list[Any]:
        async with AsyncInferenceClient(token=KEY) as many:
            calls = (
                many.text_to_image(
                    PROMPT, model=FLUX, width=128, height=128, seed=seed, num_inference_steps=1
                )
                for seed in range(8)
            )
            return await asyncio.gather(*calls)

    assert len({pixels(image) for image in asyncio.run(play())}) == 8


main()
