"""The openai package, as its users call it: base_url and api_key are changed, and nothing else."""

import asyncio
import base64
import io
import json
from typing import Any

import httpx
import openai
from harness import (
    ALPHA_MASK,
    FACTS,
    KEY,
    PICTURE,
    PROMPT,
    URL,
    await_cancellation,
    busy_worker,
    data_uri,
    fetch,
    kind_of,
    main,
    native,
    newest_job,
    paused_queue,
    raises,
    receiving,
    size_of,
    step,
)

BASE = f"{URL}/openai/v1"
FLUX, FLUX2, FLORENCE = "flux.1-demo", "flux.2-demo", "florence-2-demo"
client = openai.OpenAI(base_url=BASE, api_key=KEY)


def paint(**more: Any) -> Any:
    return client.images.generate(**{"model": FLUX, "prompt": PROMPT, "size": "128x128"} | more)


def picture(answer: Any, number: int = 0) -> bytes:
    return base64.b64decode(answer.data[number].b64_json)


def ask(*content: Any, model: str = FLORENCE, **more: Any) -> Any:
    messages = [{"role": "user", "content": list(content)}]
    return client.chat.completions.create(model=model, messages=messages, **more)


def shown() -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_uri(PICTURE)}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


@step("models", short=True)
def _() -> None:
    ids = [model.id for model in client.models.list()]
    assert {FLUX, FLUX2, FLORENCE} <= set(ids), ids
    assert client.models.retrieve(FLUX).object == "model"


@step("model unknown", short=True)
def _() -> None:
    with raises(openai.NotFoundError) as raised:
        client.models.retrieve("gpt-image-2")
    assert raised.error.code == "model_not_found", raised.error.body
    assert "gpt-image-2" in str(raised.error)


@step("generate base64", short=True)
def _() -> None:
    answer = paint(response_format="b64_json", extra_body={"seed": 7})
    assert size_of(picture(answer)) == (128, 128)
    assert answer.data[0].url is None
    assert answer.created > 1_700_000_000
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer._request_id


@step("generate url", short=True)
def _() -> None:
    answer = paint(response_format="url")
    url = answer.data[0].url
    assert answer.data[0].b64_json is None
    assert url.startswith(f"{URL}/"), url
    assert url.endswith(".png"), url
    assert size_of(fetch(url)) == (128, 128)


@step("generate both by default")
def _() -> None:
    answer = paint()
    assert fetch(answer.data[0].url) == picture(answer)


@step("generate same seed same pixels")
def _() -> None:
    first, second, other = (paint(extra_body={"seed": seed}) for seed in (5, 5, 6))
    assert picture(first) == picture(second) != picture(other)


@step("generate two")
def _() -> None:
    answer = paint(n=2)
    assert len(answer.data) == 2
    assert picture(answer, 0) != picture(answer, 1)


@step("generate five")
def _() -> None:
    answer = paint(n=5, extra_body={"seed": 5, "steps": 1})
    assert len({each.b64_json for each in answer.data}) == 5


@step("generate jpeg")
def _() -> None:
    answer = paint(output_format="jpeg", output_compression=50)
    assert kind_of(picture(answer)) == "jpeg"
    assert answer.output_format == "jpeg"
    assert answer.data[0].url.endswith((".jpg", ".jpeg"))


@step("generate webp")
def _() -> None:
    assert kind_of(picture(paint(output_format="webp"))) == "webp"


@step("generate auto size")
def _() -> None:
    answer = paint(size="auto", quality="high")
    width, height = size_of(picture(answer))
    assert answer.size == f"{width}x{height}"


@step("ignored parameters are told")
def _() -> None:
    raw = client.images.with_raw_response.generate(
        model=FLUX, prompt=PROMPT, size="128x128", style="vivid", user="u1", moderation="low"
    )
    ignored = {name.strip() for name in raw.headers["Bottega-Ignored"].split(",")}
    assert {"style"} <= ignored, ignored
    assert raw.parse().data[0].b64_json
    told = {warning["parameter"] for warning in newest_job()["warnings"]}
    assert told >= {"style"}, told


@step("generate stream", short=True)
def _() -> None:
    events = list(paint(stream=True, partial_images=2, extra_body={"seed": 7}))
    kinds = [event.type for event in events]
    assert kinds[-1] == "image_generation.completed", kinds
    assert 1 <= kinds.count("image_generation.partial_image") <= 2, kinds
    assert events[0].partial_image_index == 0
    assert events[-1].usage.total_tokens > 0
    same = paint(extra_body={"seed": 7})
    assert events[-1].b64_json == same.data[0].b64_json, "the bytes differ from those without"


@step("generate stream without partial pictures")
def _() -> None:
    events = list(paint(stream=True, partial_images=0))
    assert [event.type for event in events] == ["image_generation.completed"]


@step("edit with a mask", short=True)
def _() -> None:
    answer = client.images.edit(
        model=FLUX,
        image=PICTURE.open("rb"),
        mask=ALPHA_MASK.open("rb"),
        prompt="a blue square",
        extra_body={"seed": 1},
    )
    assert size_of(picture(answer)) == (256, 256)
    job = newest_job()
    assert job["surface"] == "openai", job


@step("edit image to image")
def _() -> None:
    answer = client.images.edit(
        model=FLUX, image=PICTURE.open("rb"), prompt=PROMPT, extra_body={"strength": 0.9}
    )
    assert size_of(picture(answer)) == (256, 256)


@step("edit by references")
def _() -> None:
    images = [PICTURE.open("rb"), PICTURE.open("rb")]
    answer = client.images.edit(model=FLUX2, image=images, prompt=PROMPT, size="128x128")
    assert size_of(picture(answer)) == (128, 128)


@step("edit of a file in memory")
def _() -> None:
    image = ("circle.png", io.BytesIO(PICTURE.read_bytes()), "image/png")
    answer = client.images.edit(model=FLUX2, image=image, prompt=PROMPT, n=2, size="128x128")
    assert len(answer.data) == 2


@step("edit stream")
def _() -> None:
    events = list(
        client.images.edit(
            model=FLUX2,
            image=PICTURE.open("rb"),
            prompt=PROMPT,
            stream=True,
            partial_images=1,
            size="128x128",
        )
    )
    assert events[-1].type == "image_edit.completed"
    assert {event.type for event in events} <= {"image_edit.partial_image", "image_edit.completed"}


@step("edit with more pictures than the model takes")
def _() -> None:
    images = [PICTURE.open("rb") for _ in range(6)]
    with raises(openai.BadRequestError) as raised:
        client.images.edit(model=FLUX2, image=images, prompt=PROMPT)
    assert raised.error.param == "image", raised.error.body


@step("edit of a broken picture")
def _() -> None:
    with raises(openai.BadRequestError) as raised:
        client.images.edit(model=FLUX, image=("x.png", b"no picture"), prompt=PROMPT)
    assert raised.error.param == "image", raised.error.body


@step("bad key", short=True)
def _() -> None:
    with raises(openai.AuthenticationError) as raised:
        client.with_options(api_key="sk-wrong").images.generate(model=FLUX, prompt=PROMPT)
    assert raised.error.code == "invalid_api_key", raised.error.body
    assert raised.error.request_id


@step("unknown model of a picture", short=True)
def _() -> None:
    with raises(openai.NotFoundError) as raised:
        paint(model="dall-e-3")
    assert raised.error.code == "model_not_found"
    assert raised.error.param == "model"


@step("bad size", short=True)
def _() -> None:
    with raises(openai.BadRequestError) as raised:
        paint(size="17x99999")
    assert raised.error.param == "size", raised.error.body
    assert raised.error.type == "invalid_request_error"


@step("empty prompt")
def _() -> None:
    with raises(openai.BadRequestError) as raised:
        paint(prompt="")
    assert raised.error.param == "prompt"


@step("too many pictures")
def _() -> None:
    with raises(openai.BadRequestError) as raised:
        paint(n=11)
    assert raised.error.param == "n"


@step("transparent background")
def _() -> None:
    with raises(openai.BadRequestError) as raised:
        paint(background="transparent")
    assert raised.error.param == "background"


@step("error of a stream before it begins")
def _() -> None:
    with raises(openai.BadRequestError):
        list(paint(stream=True, size="1x1"))


@step("no credit is not retried")
def _() -> None:
    with raises(openai.RateLimitError) as raised:
        client.with_options(api_key=FACTS["poor"]).images.generate(model=FLUX, prompt=PROMPT)
    assert raised.error.code == "insufficient_quota", raised.error.body
    assert raised.error.response.request.headers["x-stainless-retry-count"] == "0"


@step("rate limit")
def _() -> None:
    hurried = client.with_options(api_key=FACTS["limited"], max_retries=0)
    with raises(openai.RateLimitError) as raised:
        for _ in range(4):
            hurried.models.list()
            hurried.files.list()
    assert raised.error.code == "rate_limit_exceeded", raised.error.body
    assert int(raised.error.response.headers["retry-after"]) > 0


@step("calls that are not served")
def _() -> None:
    with raises(openai.NotFoundError) as raised:
        client.responses.create(model=FLUX, input="paint")
    assert raised.error.body["message"]
    with raises(openai.NotFoundError):
        client.batches.list()


@step("files")
def _() -> None:
    made = client.files.create(file=PICTURE, purpose="vision")
    assert (made.object, made.bytes) == ("file", PICTURE.stat().st_size)
    assert client.files.retrieve(made.id).filename == made.filename
    assert made.id in [file.id for file in client.files.list()]
    assert client.files.content(made.id).read() == PICTURE.read_bytes()
    assert client.files.delete(made.id).deleted
    with raises(openai.NotFoundError):
        client.files.retrieve(made.id)


@step("edit of an uploaded file")
def _() -> None:
    made = client.files.create(file=PICTURE, purpose="vision")
    body = {"model": FLUX, "prompt": PROMPT, "images": [{"file_id": made.id}]}
    answer = client.post("/images/edits", body=body, cast_to=openai.types.ImagesResponse)
    assert size_of(picture(answer)) == (256, 256)


@step("look: objects", short=True)
def _() -> None:
    answer = ask(text("<OD>"), shown())
    found = json.loads(answer.choices[0].message.content)["<OD>"]
    assert found["labels"] == ["circle"], found
    assert len(found["bboxes"][0]) == 4
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens > 0


@step("look: caption")
def _() -> None:
    content = ask(text("caption"), shown()).choices[0].message.content
    assert content
    assert not content.startswith("{")


@step("look: words with a task")
def _() -> None:
    answer = ask(text("<CAPTION_TO_PHRASE_GROUNDING> a circle"), shown(), temperature=0.2)
    assert "<CAPTION_TO_PHRASE_GROUNDING>" in json.loads(answer.choices[0].message.content)


@step("look: picture and text apart")
def _() -> None:
    messages: Any = [
        {"role": "system", "content": "You look at pictures."},
        {"role": "user", "content": [shown()]},
        {"role": "user", "content": "<MORE_DETAILED_CAPTION>"},
    ]
    answer = client.chat.completions.create(model=FLORENCE, messages=messages)
    assert answer.choices[0].message.content


@step("look: stream")
def _() -> None:
    chunks = list(ask(text("<CAPTION>"), shown(), stream=True, stream_options={"include_usage": 1}))
    told = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert told == ask(text("<CAPTION>"), shown()).choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage.total_tokens > 0


@step("look: no picture")
def _() -> None:
    with raises(openai.BadRequestError):
        ask(text("<OD>"))


@step("look: two pictures")
def _() -> None:
    with raises(openai.BadRequestError):
        ask(text("<OD>"), shown(), shown())


@step("look: by a model that paints")
def _() -> None:
    with raises(openai.BadRequestError) as raised:
        ask(text("<OD>"), shown(), model=FLUX)
    assert raised.error.param == "model"


@step("webhook verified by the client")
def _() -> None:
    secret = native("/v1/webhooks/secret")["secret"]
    with receiving() as receiver:
        paint(extra_body={"webhook": {"url": receiver.url}})
        headers, body = receiver.wait()
    event = client.webhooks.unwrap(body, headers, secret=secret)
    assert event
    with raises(openai.InvalidWebhookSignatureError):
        client.webhooks.verify_signature(body + b" ", headers, secret=secret)


@step("idempotency key")
def _() -> None:
    headers = {"Idempotency-Key": "openai-once"}
    first, second = (paint(extra_headers=headers) for _ in range(2))
    assert first.data[0].b64_json == second.data[0].b64_json
    assert first.data[0].url is not None


@step("a client that leaves cancels its job")
def _() -> None:
    hurried = client.with_options(timeout=0.7, max_retries=0)
    with busy_worker():
        with raises(openai.APITimeoutError):
            hurried.images.generate(model=FLUX, prompt="left alone", extra_body={"steps": 50})
        await_cancellation()


@step("a job that expires is not tried again")
def _() -> None:
    with paused_queue(), raises(openai.InternalServerError) as raised:
        paint(extra_body={"expires_in_seconds": 2})
    assert raised.error.status_code == 504
    assert raised.error.response.request.headers["x-stainless-retry-count"] == "0"


@step("eight at once", short=True)
def _() -> None:
    async def play() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=BASE, api_key=KEY) as many:
            calls = (
                many.images.generate(
                    model=FLUX, prompt=PROMPT, size="128x128", extra_body={"seed": seed, "steps": 1}
                )
                for seed in range(8)
            )
            return await asyncio.gather(*calls)

    answers = asyncio.run(play())
    assert len({answer.data[0].b64_json for answer in answers}) == 8


@step("base_url at the root")
def _() -> None:
    rooted = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY)
    answer = rooted.images.generate(model=FLUX, prompt=PROMPT, size="128x128")
    assert size_of(picture(answer)) == (128, 128)
    answer = rooted.images.edit(model=FLUX, image=PICTURE.open("rb"), prompt=PROMPT)
    assert size_of(picture(answer)) == (256, 256)


@step("over TLS the pictures have https URLs")
def _() -> None:
    secured = openai.OpenAI(base_url=f"{FACTS['tls_url']}/openai/v1", api_key=KEY)
    url = secured.images.generate(model=FLUX, prompt=PROMPT, size="128x128").data[0].url
    assert url.startswith(f"{FACTS['tls_url']}/"), url
    assert size_of(httpx.get(url).content) == (128, 128)


main()
