"""fal_client over TLS: two variables name the host, `SSL_CERT_FILE` its authority."""

import asyncio
import base64
import hashlib
import json
import os
from typing import Any

from harness import (
    FACTS,
    KEY,
    PICTURE,
    PROMPT,
    TLS_URL,
    await_cancellation,
    busy_worker,
    data_uri,
    eventually,
    fetch,
    kind_of,
    main,
    newest_job,
    paused_queue,
    raises,
    receiving,
    size_of,
    step,
)

HOST = TLS_URL.removeprefix("https://")
os.environ["FAL_QUEUE_RUN_HOST"] = f"{HOST}/fal/queue"
os.environ["FAL_RUN_HOST"] = f"{HOST}/fal/run"
os.environ["FAL_KEY"] = KEY

import fal_client  # noqa: E402 - it reads the variables when it is imported
import httpx  # noqa: E402

FLUX, FLUX2, FLORENCE = "bottega/flux.1-demo", "bottega/flux.2-demo", "bottega/florence-2-demo"
SMALL = {
    "prompt": PROMPT,
    "image_size": {"width": 128, "height": 128},
    "output_format": "png",
}
SLOW = {"prompt": PROMPT, "num_inference_steps": 50, "num_images": 4, "image_size": "square"}
IMAGE = {"image_url": data_uri(PICTURE)}
REGION = {"region": {"x1": 250, "y1": 250, "x2": 750, "y2": 750}}


def run(app: str = FLUX, **more: Any) -> Any:
    return fal_client.run(app, arguments=SMALL | more)


def look(task: str, **more: Any) -> Any:
    return fal_client.run(f"{FLORENCE}/{task}", arguments=IMAGE | more)


@step("run", short=True)
def _() -> None:
    answer = run(seed=7)
    image = answer["images"][0]
    assert (image["width"], image["height"]) == (128, 128)
    assert image["url"].startswith(f"{TLS_URL}/"), image
    assert size_of(fetch(image["url"])) == (128, 128)
    assert (answer["seed"], answer["prompt"]) == (7, PROMPT)
    assert answer["has_nsfw_concepts"] == [False]
    assert answer["timings"]["inference"] > 0


@step("subscribe with progress", short=True)
def _() -> None:
    updates: list[Any] = []
    answer = fal_client.subscribe(
        FLUX,
        arguments=SMALL | {"num_inference_steps": 20},
        with_logs=True,
        on_queue_update=updates.append,
    )
    assert answer["images"]
    assert isinstance(updates[-1], fal_client.Completed), updates
    assert updates[-1].metrics["inference_time"] > 0
    messages = [log["message"] for each in updates for log in getattr(each, "logs", None) or []]
    assert messages, "no logs"


@step("submit, status, result", short=True)
def _() -> None:
    handle = fal_client.submit(FLUX, arguments=SMALL)
    assert isinstance(handle.status(), fal_client.Queued | fal_client.InProgress)
    assert handle.get()["images"]
    assert isinstance(handle.status(with_logs=True), fal_client.Completed)
    assert fal_client.result(FLUX, handle.request_id)["images"]
    assert newest_job()["id"] == handle.request_id
    assert newest_job()["surface"] == "fal"


@step("cancel", short=True)
def _() -> None:
    handle = fal_client.submit(FLUX, arguments=SLOW)
    fal_client.cancel(FLUX, handle.request_id)
    done: Any = eventually(lambda: isinstance(s := handle.status(), fal_client.Completed) and s)
    assert done.error_type == "client_cancelled", done
    with raises(fal_client.FalClientHTTPError) as raised:
        handle.get()
    assert raised.error.status_code == 499


@step("cancel of what is over")
def _() -> None:
    handle = fal_client.submit(FLUX, arguments=SMALL)
    handle.get()
    with raises(fal_client.FalClientHTTPError) as raised:
        handle.cancel()
    assert raised.error.status_code == 400


@step("stream", short=True)
def _() -> None:
    events = list(fal_client.stream(FLUX, arguments=SMALL | {"num_inference_steps": 8, "seed": 7}))
    assert len(events) > 1, events
    assert events[0]["images"][0]["url"].startswith("data:image/")
    assert events[-1]["seed"] == 7
    last = events[-1]["images"][0]["url"]
    picture = base64.b64decode(last.partition(",")[2]) if last.startswith("data:") else fetch(last)
    assert size_of(picture) == (128, 128)


@step("named size and default format")
def _() -> None:
    answer = fal_client.run(FLUX, arguments={"prompt": PROMPT, "image_size": "square"})
    image = answer["images"][0]
    assert image["width"] == image["height"]
    assert image["content_type"] == "image/jpeg"
    assert kind_of(fetch(image["url"])) == "jpeg"


@step("landscape keeps its shape")
def _() -> None:
    image = run(image_size="landscape_4_3")["images"][0]
    assert abs(image["width"] / image["height"] - 4 / 3) < 0.1, image


@step("two pictures, same seed")
def _() -> None:
    first, second = (run(num_images=2, seed=5)["images"] for _ in range(2))
    assert [fetch(each["url"]) for each in first] == [fetch(each["url"]) for each in second]


@step("sync_mode")
def _() -> None:
    url = run(sync_mode=True)["images"][0]["url"]
    assert url.startswith("data:image/png;base64,"), url[:60]


@step("image to image", short=True)
def _() -> None:
    answer = run(f"{FLUX}/image-to-image", strength=0.9, **IMAGE)
    assert kind_of(fetch(answer["images"][0]["url"])) == "png"


@step("inpainting")
def _() -> None:
    mask = fal_client.encode_file(FACTS["mask"])
    answer = fal_client.run(
        f"{FLUX}/inpainting",
        arguments={"prompt": PROMPT, "mask_url": mask, "output_format": "png", **IMAGE},
    )
    assert size_of(fetch(answer["images"][0]["url"])) == (256, 256)


@step("references")
def _() -> None:
    answer = run(f"{FLUX2}/edit", image_urls=[IMAGE["image_url"], IMAGE["image_url"]])
    assert answer["images"]


@step("an earlier picture is an input")
def _() -> None:
    first = run()["images"][0]["url"]
    answer = run(f"{FLUX}/image-to-image", image_url=first, strength=0.9)
    assert answer["images"]


@step("look: objects", short=True)
def _() -> None:
    answer = look("object-detection")
    boxes = answer["results"]["bboxes"]
    assert [box["label"] for box in boxes] == ["circle"], boxes
    assert 40 < boxes[0]["x"] < 90, boxes
    assert kind_of(fetch(answer["image"]["url"])) in {"png", "jpeg", "webp"}


@step("look: each task")
def _() -> None:
    words = {"text_input": "circle"}
    for task in ("caption", "detailed-caption", "more-detailed-caption", "ocr"):
        assert isinstance(look(task)["results"], str), task
    for task in ("region-to-category", "region-to-description"):
        assert isinstance(look(task, **REGION)["results"], str), task
    for task in ("dense-region-caption", "region-proposal"):
        assert isinstance(look(task)["results"]["bboxes"], list), task
    for task in ("caption-to-phrase-grounding", "open-vocabulary-detection"):
        assert isinstance(look(task, **words)["results"]["bboxes"], list), task
    assert isinstance(look("ocr-with-region")["results"]["quad_boxes"], list)
    answer = look("referring-expression-segmentation", **words)
    assert isinstance(answer["results"]["polygons"], list)
    assert isinstance(look("region-to-segmentation", **REGION)["results"]["polygons"], list)


@step("bad key", short=True)
def _() -> None:
    with raises(fal_client.FalClientHTTPError) as raised:
        fal_client.SyncClient(key="wrong").run(FLUX, arguments=SMALL)
    assert raised.error.status_code == 401


@step("unknown app", short=True)
def _() -> None:
    with raises(fal_client.FalClientHTTPError) as raised:
        run("fal-ai/nothing")
    assert raised.error.status_code == 404
    assert "fal-ai/nothing" in raised.error.message


@step("known app that is not offered here")
def _() -> None:
    with raises(fal_client.FalClientHTTPError) as raised:
        fal_client.submit("fal-ai/flux/schnell", arguments=SMALL)
    assert raised.error.status_code == 404
    assert "flux.1-schnell" in raised.error.message


@step("bad input", short=True)
def _() -> None:
    with raises(fal_client.FalClientHTTPError) as raised:
        run(num_images=99)
    assert raised.error.status_code == 422
    assert raised.error.message[0]["loc"] == ["body", "num_images"], raised.error.message


@step("no prompt")
def _() -> None:
    with raises(fal_client.FalClientHTTPError) as raised:
        fal_client.submit(FLUX, arguments={})
    assert raised.error.message[0]["loc"] == ["body", "prompt"]


@step("broken picture")
def _() -> None:
    with raises(fal_client.FalClientHTTPError) as raised:
        run(f"{FLUX}/image-to-image", image_url="data:image/png;base64,AAAA")
    assert raised.error.status_code == 422
    assert raised.error.message[0]["loc"] == ["body", "image_url"]


@step("no credit")
def _() -> None:
    with raises(fal_client.FalClientHTTPError) as raised:
        fal_client.SyncClient(key=FACTS["poor"]).run(FLUX, arguments=SMALL)
    assert raised.error.status_code == 402


@step("a client that gives up cancels")
def _() -> None:
    with busy_worker():
        with raises(fal_client.FalClientTimeoutError):
            fal_client.subscribe(FLUX, arguments=SLOW, client_timeout=1.5)
        await_cancellation()


@step("request that must start in time")
def _() -> None:
    assert fal_client.run(FLUX, arguments=SMALL, start_timeout=60)["images"]
    handle = fal_client.submit(FLUX, arguments=SMALL, priority="low")
    assert handle.get()["images"]


@step("request that does not start in time")
def _() -> None:
    with paused_queue(), raises(fal_client.FalClientHTTPError) as raised:
        fal_client.subscribe(FLUX, arguments=SMALL, start_timeout=2)
    assert (raised.error.status_code, raised.error.error_type) == (504, "request_timeout")


@step("webhook verified by the key set")
def _() -> None:
    with receiving() as receiver:
        handle = fal_client.submit(FLUX, arguments=SMALL, webhook_url=receiver.url)
        headers, body = receiver.wait()
    told = json.loads(body)
    assert (told["request_id"], told["status"]) == (handle.request_id, "OK")
    assert told["payload"]["images"]
    signed = "\n".join(
        (
            headers["x-fal-webhook-request-id"],
            headers["x-fal-webhook-user-id"],
            headers["x-fal-webhook-timestamp"],
            hashlib.sha256(body).hexdigest(),
        )
    ).encode()
    keys = httpx.get(f"{TLS_URL}/fal/rest/.well-known/jwks.json").json()["keys"]
    x = keys[0]["x"]
    from nacl.signing import VerifyKey  # noqa: PLC0415 - not in the short form

    key = VerifyKey(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    key.verify(signed, bytes.fromhex(headers["x-fal-webhook-signature"]))


@step("ignored parameters are told")
def _() -> None:
    run(acceleration="high", enable_safety_checker=False)
    told = {warning["parameter"] for warning in newest_job()["warnings"]}
    assert "acceleration" in told, told


@step("asynchronous subscribe")
def _() -> None:
    assert asyncio.run(fal_client.subscribe_async(FLUX, arguments=SMALL))["images"]


@step("eight at once", short=True)
def _() -> None:
    async def play() -> list[Any]:
        many = fal_client.AsyncClient()
        calls = (
            many.run(FLUX, arguments=SMALL | {"seed": seed, "num_inference_steps": 1})
            for seed in range(8)
        )
        return await asyncio.gather(*calls)

    answers = asyncio.run(play())
    assert sorted(answer["seed"] for answer in answers) == list(range(8))


main()
