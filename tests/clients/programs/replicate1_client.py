"""The replicate package 1.x: base_url and api_token are changed, and nothing else."""

import ast
import asyncio
from typing import Any

import replicate
from harness import (
    FACTS,
    KEY,
    MASK,
    PICTURE,
    PROMPT,
    TLS_URL,
    URL,
    eventually,
    fetch,
    kind_of,
    main,
    native,
    newest_job,
    raises,
    receiving,
    size_of,
    step,
)
from replicate.exceptions import ReplicateError
from replicate.webhook import InvalidSignatureError, Webhooks

FLUX, FLUX2, FLORENCE = "bottega/flux.1-demo", "bottega/flux.2-demo", "bottega/florence-2-demo"
SMALL = {"prompt": PROMPT, "width": 128, "height": 128, "output_format": "png"}


def client_of(key: str, url: str = URL) -> replicate.Client:
    return replicate.Client(api_token=key, base_url=f"{url}/replicate")


client = client_of(KEY)


def run(model: str = FLUX, **more: Any) -> Any:
    return client.run(model, input=SMALL | more)


def begin(**more: Any) -> Any:
    return client.models.predictions.create(FLUX, input=SMALL | more)


def look(task: str, **more: Any) -> Any:
    with PICTURE.open("rb") as image:
        return client.run(FLORENCE, input={"image": image, "task_input": task, **more})


@step("run", short=True)
def _() -> None:
    output = run(seed=7)
    assert len(output) == 1, output
    url = str(output[0])
    assert url.startswith(f"{URL}/"), url
    assert size_of(fetch(url)) == (128, 128)


@step("run by TLS gives file objects")
def _() -> None:
    output = client_of(KEY, TLS_URL).run(FLUX, input=SMALL)
    assert isinstance(output[0], replicate.helpers.FileOutput), output
    assert size_of(output[0].read()) == (128, 128)
    assert output[0].url.startswith(f"{TLS_URL}/")


@step("run with the default format")
def _() -> None:
    output = client.run(FLUX, input={"prompt": PROMPT, "num_outputs": 2})
    assert [kind_of(fetch(str(each))) for each in output] == ["webp", "webp"]


@step("run an aspect ratio")
def _() -> None:
    output = client.run(
        FLUX, input={"prompt": PROMPT, "aspect_ratio": "16:9", "output_format": "png"}
    )
    width, height = size_of(fetch(str(output[0])))
    assert width > height


@step("run without waiting")
def _() -> None:
    output = client.run(FLUX, input=SMALL, wait=False)
    assert size_of(fetch(str(output[0]))) == (128, 128)


@step("run the same seed")
def _() -> None:
    pictures = [fetch(str(run(seed=seed)[0])) for seed in (5, 5, 6)]
    assert pictures[0] == pictures[1] != pictures[2]


@step("image to image with a file", short=True)
def _() -> None:
    with PICTURE.open("rb") as image:
        output = run(image=image, prompt_strength=0.9)
    assert kind_of(fetch(str(output[0]))) == "png"
    assert newest_job()["surface"] == "replicate"


@step("inpainting")
def _() -> None:
    with PICTURE.open("rb") as image, MASK.open("rb") as mask:
        output = client.run(
            FLUX,
            input={"prompt": PROMPT, "image": image, "mask": mask, "output_format": "png"},
            file_encoding_strategy="base64",
        )
    assert size_of(fetch(str(output[0]))) == (256, 256)


@step("references")
def _() -> None:
    with PICTURE.open("rb") as first, PICTURE.open("rb") as second:
        output = run(FLUX2, input_images=[first, second])
    assert kind_of(fetch(str(output[0]))) == "png"


@step("prediction", short=True)
def _() -> None:
    prediction = begin(seed=7)
    assert prediction.status in {"starting", "processing"}, prediction.status
    assert prediction.model == FLUX
    assert prediction.logs == ""
    prediction.wait()
    assert prediction.status == "succeeded", prediction
    assert prediction.metrics["predict_time"] > 0
    assert prediction.completed_at
    again = client.predictions.get(prediction.id).output
    assert [fetch(url) for url in again] == [fetch(url) for url in prediction.output]
    assert native(f"/v1/jobs/{prediction.id}")["state"] == "succeeded"


@step("progress")
def _() -> None:
    prediction = begin(num_inference_steps=20)
    seen = set()
    while prediction.status not in {"succeeded", "failed", "canceled"}:
        prediction.reload()
        if prediction.progress:
            seen.add(prediction.progress.percentage)
    assert prediction.progress.percentage == 1.0, prediction.logs
    assert (prediction.progress.current, prediction.progress.total) == (20, 20)
    assert len(seen) > 1, seen


@step("cancel", short=True)
def _() -> None:
    prediction = begin(num_inference_steps=50, num_outputs=4)
    prediction.cancel()
    eventually(lambda: prediction.reload() or prediction.status == "canceled")
    assert prediction.completed_at
    prediction.cancel()
    assert prediction.status == "canceled"


@step("stream", short=True)
def _() -> None:
    events = list(client.stream(FLUX, input=SMALL))
    kinds = [event.event.value for event in events]
    assert kinds[-1] == "done", kinds
    assert kinds.count("output") == 1
    url = next(event.data for event in events if event.event.value == "output")
    assert kind_of(fetch(url)) == "png"


@step("stream of a prediction")
def _() -> None:
    prediction = begin()
    output = [event for event in prediction.stream() if event.event.value == "output"]
    assert len(output) == 1


@step("stream of words")
def _() -> None:
    with PICTURE.open("rb") as image:
        events = list(client.stream(FLORENCE, input={"image": image, "task_input": "Caption"}))
    assert [event for event in events if event.event.value == "output"]


@step("list of predictions")
def _() -> None:
    page = client.predictions.list()
    assert page.results[0].id == newest_job()["id"]
    assert len({prediction.id for prediction in page.results}) == len(page.results)
    if page.next:
        assert client.predictions.list(page.next).results


@step("models", short=True)
def _() -> None:
    page = client.models.list()
    names = {f"{model.owner}/{model.name}" for model in page.results}
    assert {FLUX, FLORENCE} <= names, names
    found = client.models.search("florence").results
    assert FLORENCE in {f"{model.owner}/{model.name}" for model in found}


@step("a model's versions and their schema")
def _() -> None:
    model = client.models.get(FLUX)
    version = model.latest_version
    schemas = version.openapi_schema["components"]["schemas"]
    assert "prompt" in schemas["Input"]["required"]
    assert "num_outputs" in schemas["Input"]["properties"]
    assert schemas["Output"]["type"] == "array"
    assert [each.id for each in model.versions.list()] == [version.id]
    assert model.versions.get(version.id).id == version.id


@step("run a version")
def _() -> None:
    version = client.models.get(FLUX).latest_version.id
    output = client.run(f"{FLUX}:{version}", input=SMALL)
    assert len([str(each) for each in output]) == 1
    prediction = client.predictions.create(version=version, input=SMALL)
    prediction.wait()
    assert prediction.version == version


@step("a version that is not known")
def _() -> None:
    with raises(ReplicateError) as raised:
        client.predictions.create(version="0" * 64, input=SMALL)
    assert raised.error.status == 422


@step("deployments")
def _() -> None:
    deployment = client.deployments.get(FLUX)
    assert deployment.current_release.configuration.hardware
    prediction = deployment.predictions.create(input=SMALL)
    prediction.wait()
    assert prediction.status == "succeeded"
    assert client.deployments.list().results


@step("account, hardware, collections")
def _() -> None:
    assert client.accounts.current().username
    assert client.hardware.list()[0].sku
    assert client.collections.list() is not None


@step("files")
def _() -> None:
    made = client.files.create(PICTURE, metadata={"from": "test"})
    assert made.size == PICTURE.stat().st_size
    assert made.checksums["sha256"]
    assert made.id in [file.id for file in client.files.list()]
    assert client.files.get(made.id).name
    output = run(image=made.urls["get"], prompt_strength=0.9)
    assert kind_of(fetch(str(output[0]))) == "png"
    assert client.files.delete(made.id)
    with raises(ReplicateError):
        client.files.get(made.id)


@step("an earlier output is an input")
def _() -> None:
    first = run()
    second = run(image=str(first[0]), prompt_strength=0.9)
    assert size_of(fetch(str(second[0]))) == (128, 128)


@step("look: objects", short=True)
def _() -> None:
    answer = look("Object Detection")
    found = ast.literal_eval(answer["text"])["<OD>"]
    assert found["labels"] == ["circle"], found
    assert kind_of(fetch(str(answer["img"]))) in {"png", "jpeg", "webp"}


@step("look: caption")
def _() -> None:
    answer = client.run(FLORENCE, input={"image": PICTURE.open("rb")})
    assert answer["img"] is None
    assert ast.literal_eval(answer["text"])["<CAPTION>"]


@step("look: each task")
def _() -> None:
    words = {
        "Caption to Phrase Grounding": "a circle",
        "Open Vocabulary Detection": "circle",
        "Referring Expression Segmentation": "circle",
        "Region to Category": "<loc_250><loc_250><loc_750><loc_750>",
        "Region to Description": "<loc_250><loc_250><loc_750><loc_750>",
        "Region to Segmentation": "<loc_250><loc_250><loc_750><loc_750>",
    }
    plain = ("Detailed Caption", "More Detailed Caption", "Dense Region Caption", "Region Proposal")
    for task in (*plain, "OCR", "OCR with Region", *words):
        answer = look(task, **({"text_input": words[task]} if task in words else {}))
        assert isinstance(ast.literal_eval(answer["text"]), dict), task


@step("bad key", short=True)
def _() -> None:
    with raises(ReplicateError) as raised:
        client_of("wrong").run(FLUX, input=SMALL)
    assert (raised.error.status, raised.error.title) == (401, "Unauthenticated")


@step("unknown model", short=True)
def _() -> None:
    with raises(ReplicateError) as raised:
        run("black-forest-labs/flux-dev-unknown")
    assert raised.error.status == 404
    assert "flux-dev-unknown" in raised.error.detail


@step("model that is not offered here")
def _() -> None:
    with raises(ReplicateError) as raised:
        run("black-forest-labs/flux-schnell")
    assert raised.error.status == 404
    assert "flux.1-schnell" in raised.error.detail


@step("bad input", short=True)
def _() -> None:
    with raises(ReplicateError) as raised:
        run(num_outputs=99)
    assert raised.error.status == 422
    assert raised.error.title == "Input validation failed"
    assert "num_outputs" in raised.error.detail


@step("broken picture")
def _() -> None:
    with raises(ReplicateError) as raised:
        run(image="data:image/png;base64,AAAA")
    assert raised.error.status == 422
    assert "image" in raised.error.detail


@step("no prompt")
def _() -> None:
    with raises(ReplicateError) as raised:
        client.run(FLUX, input={})
    assert "prompt" in raised.error.detail


@step("no credit")
def _() -> None:
    with raises(ReplicateError) as raised:
        client_of(FACTS["poor"]).run(FLUX, input=SMALL)
    assert raised.error.status == 402


@step("rate limit")
def _() -> None:
    hurried = client_of(FACTS["limited"])
    with raises(ReplicateError) as raised:
        for _ in range(4):
            hurried.predictions.create(version="0" * 64, input={})
    while raised.error.status == 422:
        with raises(ReplicateError) as raised:
            hurried.predictions.create(version="0" * 64, input={})
    assert raised.error.status == 429


@step("webhook verified by the client")
def _() -> None:
    secret = client.webhooks.default.secret()
    assert secret.key.startswith("whsec_")
    with receiving() as receiver:
        client.models.predictions.create(
            FLUX, input=SMALL, webhook=receiver.url, webhook_events_filter=["completed"]
        )
        headers, body = receiver.wait()
    Webhooks.validate(headers=headers, body=body.decode(), secret=secret)
    with raises(InvalidSignatureError):
        Webhooks.validate(headers=headers, body=body.decode() + " ", secret=secret)
    assert b'"succeeded"' in body


@step("webhooks of each event")
def _() -> None:
    with receiving() as receiver:
        client.models.predictions.create(FLUX, input=SMALL, webhook=receiver.url)
        eventually(lambda: any(b'"succeeded"' in body for _, body in receiver.received))
    ids = [headers["webhook-id"] for headers, _ in receiver.received]
    assert len(set(ids)) == len(ids) > 1, ids


@step("webhook to a private address")
def _() -> None:
    with raises(ReplicateError) as raised:
        client.models.predictions.create(FLUX, input=SMALL, webhook="http://10.0.0.1/hook")
    assert raised.error.status == 422


@step("ignored parameters are told")
def _() -> None:
    run(go_fast=True, disable_safety_checker=True)
    told = {warning["parameter"] for warning in newest_job()["warnings"]}
    assert "go_fast" in told, told


@step("base_url with v1")
def _() -> None:
    mistaken = replicate.Client(api_token=KEY, base_url=f"{URL}/replicate/v1")
    assert mistaken.run(FLUX, input=SMALL)


@step("asynchronous run")
def _() -> None:
    output = asyncio.run(client.async_run(FLUX, input=SMALL))
    assert len(output) == 1


@step("eight at once", short=True)
def _() -> None:
    async def play() -> list[Any]:
        many = client_of(KEY)
        calls = (
            many.async_run(FLUX, input=SMALL | {"seed": seed, "num_inference_steps": 1})
            for seed in range(8)
        )
        return await asyncio.gather(*calls)

    outputs = asyncio.run(play())
    assert len({fetch(str(output[0])) for output in outputs}) == 8


main()
