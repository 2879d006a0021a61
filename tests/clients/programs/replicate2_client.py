"""The replicate package 2.x (a pre-release), whose base_url ends with /v1."""

import asyncio
import os
from typing import Any

import replicate
from harness import (
    FACTS,
    KEY,
    PICTURE,
    PROMPT,
    URL,
    eventually,
    fetch,
    main,
    native,
    paused_queue,
    raises,
    receiving,
    size_of,
    step,
)
from replicate.exceptions import ModelError

BASE = f"{URL}/replicate/v1"
FLUX, FLORENCE = "bottega/flux.1-demo", "bottega/florence-2-demo"
SMALL = {"prompt": PROMPT, "width": 128, "height": 128, "output_format": "png"}
client = replicate.Replicate(bearer_token=KEY, base_url=BASE, max_retries=0)


def create(**more: Any) -> Any:
    owner, name = FLUX.split("/")
    return client.models.predictions.create(
        model_owner=owner, model_name=name, **{"input": SMALL} | more
    )


@step("run")
def _() -> None:
    output = client.run(FLUX, input=SMALL)
    assert size_of(fetch(str(output[0]))) == (128, 128)


@step("use a model by its schema")
def _() -> None:
    os.environ["REPLICATE_API_TOKEN"] = KEY
    os.environ["REPLICATE_BASE_URL"] = BASE
    flux = replicate.use(FLUX)
    assert "prompt" in flux.openapi_schema()["components"]["schemas"]["Input"]["properties"]
    output = flux(**SMALL)
    assert size_of(fetch(replicate.get_path_url(output[0]))) == (128, 128)


@step("prediction that waits")
def _() -> None:
    prediction = create(prefer="wait=30")
    assert prediction.status == "succeeded", prediction
    assert prediction.output[0].startswith(URL)


@step("prediction and its wait")
def _() -> None:
    prediction = client.predictions.create(version=FLUX, input=SMALL)
    assert client.predictions.wait(prediction.id).status == "succeeded"
    assert client.predictions.get(prediction_id=prediction.id).metrics.predict_time > 0


@step("a wait that ends early says starting")
def _() -> None:
    slow = SMALL | {"num_inference_steps": 50, "num_outputs": 4}
    prediction = create(input=slow, prefer="wait=1")
    assert prediction.status in {"starting", "succeeded"}, prediction.status
    client.predictions.cancel(prediction_id=prediction.id)


@step("deadline")
def _() -> None:
    prediction = create(cancel_after="1h")
    assert client.predictions.wait(prediction.id).status == "succeeded"


@step("a deadline that passes is a ModelError")
def _() -> None:
    with paused_queue(), raises(ModelError) as raised:
        client.run(FLUX, input=SMALL, cancel_after="2s")
    assert raised.error.prediction.status == "failed"
    assert raised.error.prediction.error


@step("stream")
def _() -> None:
    events = list(client.stream(FLUX, input=SMALL))
    assert events, "nothing came"


@step("cancel")
def _() -> None:
    prediction = create(input=SMALL | {"num_inference_steps": 50, "num_outputs": 4})
    client.predictions.cancel(prediction_id=prediction.id)
    eventually(lambda: client.predictions.get(prediction_id=prediction.id).status == "canceled")


@step("lists")
def _() -> None:
    assert next(iter(client.predictions.list())).id
    names = {f"{model.owner}/{model.name}" for model in client.models.list()}
    assert {FLUX, FLORENCE} <= names
    owner, name = FLUX.split("/")
    version = client.models.get(model_owner=owner, model_name=name).latest_version
    assert version


@step("search of models")
def _() -> None:
    assert list(client.models.search(body="florence"))


@step("files")
def _() -> None:
    made = client.files.create(
        content=PICTURE.read_bytes(), filename="circle.png", type="image/png"
    )
    assert client.files.get(file_id=made.id).size == PICTURE.stat().st_size
    with PICTURE.open("rb") as image:
        output = client.run(FLUX, input=SMALL | {"image": image, "prompt_strength": 0.9})
    assert fetch(str(output[0]))
    client.files.delete(file_id=made.id)


@step("look")
def _() -> None:
    with PICTURE.open("rb") as image:
        answer: Any = client.run(FLORENCE, input={"image": image, "task_input": "Object Detection"})
    assert "circle" in answer["text"]


@step("account and deployments")
def _() -> None:
    assert client.account.get().username
    assert next(iter(client.deployments.list())).owner


@step("bad key")
def _() -> None:
    with raises(replicate.AuthenticationError):
        replicate.Replicate(bearer_token="wrong", base_url=BASE).run(FLUX, input=SMALL)


@step("unknown model")
def _() -> None:
    with raises(replicate.NotFoundError):
        client.run("nobody/nothing", input=SMALL)


@step("bad input")
def _() -> None:
    with raises(replicate.UnprocessableEntityError) as raised:
        client.run(FLUX, input=SMALL | {"num_outputs": 99})
    assert "num_outputs" in str(raised.error.body)


@step("no credit")
def _() -> None:
    poor = replicate.Replicate(bearer_token=FACTS["poor"], base_url=BASE)
    with raises(replicate.APIStatusError) as raised:
        poor.run(FLUX, input=SMALL)
    assert raised.error.status_code == 402


@step("webhook and its secret")
def _() -> None:
    secret = client.webhooks.default.secret.get().key
    assert secret == native("/v1/webhooks/secret")["secret"]
    with receiving() as receiver:
        create(webhook=receiver.url, webhook_events_filter=["completed"])
        headers, _ = receiver.wait()
    assert headers["webhook-signature"].startswith("v1,")


@step("eight at once")
def _() -> None:
    async def play() -> list[Any]:
        async with replicate.AsyncReplicate(bearer_token=KEY, base_url=BASE) as many:
            calls = (many.run(FLUX, input=SMALL | {"seed": seed}) for seed in range(8))
            return await asyncio.gather(*calls)

    assert len({str(output[0]) for output in asyncio.run(play())}) == 8


main()
