"""The FLUX vendor's clients, blackforest and black-forest-labs, and the raw contract."""

import contextlib
import hashlib
import hmac
import json
import os
import time
from pathlib import Path
from typing import Any

import httpx
import requests
from harness import (
    FACTS,
    KEY,
    MASK,
    PICTURE,
    PROMPT,
    URL,
    base64_of,
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

os.environ["BFL_API_KEY"] = KEY

import black_forest_labs
from blackforest import BFLClient
from blackforest.client import BFLError
from blackforest.types.general.client_config import ClientConfig

SMALL = {"prompt": PROMPT, "width": 128, "height": 128, "output_format": "png"}
SYNC = ClientConfig(sync=True, timeout=60, polling_interval=0.1, max_retries=300)
vendor = BFLClient(KEY, base_url=URL)
other = black_forest_labs.Client(KEY, base_url=f"{URL}/bfl")


def post(endpoint: str, body: Any, *, key: str = KEY, base: str = f"{URL}/bfl/v1") -> Any:
    return requests.post(f"{base}/{endpoint}", json=body, headers={"x-key": key}, timeout=60)


def submit(endpoint: str = "flux.1-demo", **more: Any) -> Any:
    answer = post(endpoint, SMALL | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(task: Any) -> Any:
    def poll() -> Any:
        told = requests.get(task["polling_url"], timeout=60).json()
        return told["status"] != "Pending" and told

    return eventually(poll, seconds=60)


@step("blackforest: generate and wait")
def _() -> None:
    inputs = {"prompt": PROMPT, "width": 256, "height": 256, "steps": 4, "seed": 7}
    result = vendor.generate("flux-dev", inputs, SYNC).result
    assert result["prompt"] == PROMPT
    assert result["seed"] == 7
    assert kind_of(fetch(result["sample"])) == "jpeg"
    assert newest_job()["surface"] == "bfl"


@step("blackforest: generate and ask later")
def _() -> None:
    task = vendor.generate("flux-dev", {"prompt": PROMPT, "width": 256, "height": 256})
    assert task.polling_url.startswith(f"{URL}/"), task
    told = vendor.get_task_status(task.id)
    assert told.status in {"Pending", "Ready"}
    assert vendor.get_polling_result(task.id, SYNC)["sample"]


@step("blackforest: edit with a reference")
def _() -> None:
    inputs = {"prompt": PROMPT, "input_image": str(PICTURE), "output_format": "png"}
    result = vendor.generate("flux-kontext-pro", inputs, SYNC).result
    assert kind_of(fetch(result["sample"])) == "png"


@step("blackforest: fill")
def _() -> None:
    inputs = {"prompt": PROMPT, "image": base64_of(PICTURE), "mask": base64_of(MASK), "steps": 15}
    result = vendor.generate("flux-pro-1.0-fill", inputs, SYNC).result
    assert fetch(result["sample"])


@step("blackforest: usage of a licence")
def _() -> None:
    vendor.track_usage_via_api("flux-dev", 3)


@step("blackforest: bad key")
def _() -> None:
    with raises(BFLError) as raised:
        BFLClient("wrong", base_url=URL).generate("flux-dev", {"prompt": PROMPT})
    assert "key" in str(raised.error).lower(), raised.error


@step("blackforest: unknown model")
def _() -> None:
    with raises(BFLError) as raised:
        vendor.generate("flux-pro-1.1", {"prompt": PROMPT})
    assert "flux-pro-1.1" in str(raised.error), raised.error


@step("blackforest: bad input")
def _() -> None:
    with raises(BFLError) as raised:
        vendor.generate(
            "flux-dev", {"prompt": PROMPT, "width": 256, "height": 256, "image_prompt": "AAAA"}
        )
    assert "image_prompt" in str(raised.error), raised.error


@step("blackforest: no credit")
def _() -> None:
    with raises(BFLError):
        BFLClient(FACTS["poor"], base_url=URL).generate(
            "flux-dev", {"prompt": PROMPT, "width": 256, "height": 256}
        )


@step("black-forest-labs: generate and poll")
def _() -> None:
    task = other.generate("flux-dev", prompt=PROMPT, width=256, height=256, steps=4)
    assert task.id
    done = eventually(lambda: (each := other.get_result(task)).is_done and each, seconds=60)
    assert done.status is black_forest_labs.Status.READY
    assert kind_of(fetch(done.result.sample)) == "jpeg"


@step("black-forest-labs: unknown task")
def _() -> None:
    with contextlib.suppress(httpx.HTTPStatusError):  # 404 and 200 are both in use
        assert other.get_result("nothing").status is black_forest_labs.Status.NOT_FOUND


@step("black-forest-labs: bad key")
def _() -> None:
    with raises(httpx.HTTPStatusError) as raised:
        black_forest_labs.Client("wrong", f"{URL}/bfl").generate("flux-dev", prompt=PROMPT)
    assert raised.error.response.status_code in {401, 403}


@step("raw: submit and its answer")
def _() -> None:
    task = submit()
    assert task["polling_url"].startswith(f"{URL}/"), task
    assert isinstance(task["cost"], float)
    assert {"input_mp", "output_mp"} <= set(task)
    done = ended(task)
    result = done["result"]
    assert done["status"] == "Ready"
    assert result["sample"].endswith(".png")
    assert size_of(fetch(result["sample"])) == (128, 128)
    assert isinstance(result["seed"], int)
    assert result["end_time"] >= result["start_time"]
    assert result["duration"] >= 0


@step("raw: progress while it runs")
def _() -> None:
    task = submit(steps=50)
    seen: set[Any] = set()
    while (told := requests.get(task["polling_url"], timeout=60).json())["status"] == "Pending":
        assert told["result"] is None
        assert told["progress"] is None or 0 <= told["progress"] <= 1
        seen.add(told["progress"])
    assert len(seen - {None}) >= 1, seen


@step("raw: a task that is not known")
def _() -> None:
    told = requests.get(f"{URL}/bfl/v1/get_result", params={"id": "nothing"}, timeout=60)
    assert told.json()["status"] == "Task not found"


@step("raw: references")
def _() -> None:
    task = submit("flux.2-demo", input_image=base64_of(PICTURE), input_image_2=base64_of(PICTURE))
    assert ended(task)["status"] == "Ready"


@step("raw: image prompt, mask, alpha")
def _() -> None:
    body = {"prompt": PROMPT, "image": base64_of(PICTURE), "mask": base64_of(MASK)}
    assert ended(post("flux.1-demo", body).json())["status"] == "Ready"
    alpha = {"prompt": PROMPT, "image": base64_of(Path(FACTS["alpha_mask"]))}
    assert ended(post("flux.1-demo", alpha).json())["status"] == "Ready"


@step("raw: same seed")
def _() -> None:
    samples = [fetch(ended(submit(seed=seed))["result"]["sample"]) for seed in (5, 5, 6)]
    assert samples[0] == samples[1] != samples[2]


@step("raw: fields without effect, and nulls")
def _() -> None:
    task = submit(safety_tolerance=2, prompt_upsampling=False, raw=True, interval=2.0, seed=None)
    assert ended(task)["status"] == "Ready"
    assert newest_job()["warnings"]


@step("raw: width 0 is of its own choice")
def _() -> None:
    assert ended(submit(width=0, height=0))["status"] == "Ready"


@step("raw: aspect ratio")
def _() -> None:
    body = {"prompt": PROMPT, "aspect_ratio": "16:9", "output_format": "png"}
    width, height = size_of(fetch(ended(post("flux.1-demo", body).json())["result"]["sample"]))
    assert width > height


@step("raw: at the root")
def _() -> None:
    task = post("flux-dev", SMALL, base=f"{URL}/v1").json()
    told = eventually(
        lambda: (
            (t := requests.get(f"{URL}/v1/get_result?id={task['id']}", timeout=60).json())["status"]
            == "Ready"
            and t
        )
    )
    assert told["id"] == task["id"]


@step("raw: ComfyUI's proxy")
def _() -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"{URL}/proxy/bfl/flux-dev/generate"
    answer = requests.post(url, json=SMALL, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    task = answer.json()
    told = eventually(
        lambda: (
            (t := requests.get(task["polling_url"], headers=headers, timeout=60).json())["status"]
            == "Ready"
            and t
        )
    )
    assert told["id"] == task["id"]


@step("raw: credits")
def _() -> None:
    headers = {"x-key": KEY}
    assert requests.get(f"{URL}/bfl/v1/credits", headers=headers, timeout=60).json()["credits"] >= 0
    assert requests.get(f"{URL}/bfl/v1/credits", timeout=60).status_code in {401, 403}


@step("raw: bad key")
def _() -> None:
    answer = post("flux.1-demo", SMALL, key="wrong")
    assert answer.status_code in {401, 403}
    assert answer.json()["detail"]
    assert answer.json()["message"]


@step("raw: unknown endpoint")
def _() -> None:
    answer = post("flux-3-image", SMALL)
    assert answer.status_code == 404
    assert "flux-3-image" in answer.json()["detail"]


@step("raw: bad input")
def _() -> None:
    answer = post("flux.1-demo", SMALL | {"width": "wide", "steps": 5000})
    assert answer.status_code == 422
    fields = {each["loc"][-1] for each in answer.json()["detail"]}
    assert {"steps"} <= fields, fields


@step("raw: no credit")
def _() -> None:
    assert post("flux.1-demo", SMALL, key=FACTS["poor"]).status_code == 402


@step("raw: rate limit")
def _() -> None:
    answers = [post("nothing", SMALL, key=FACTS["limited"]) for _ in range(3)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0


@step("raw: a canceled job ends as an error")
def _() -> None:
    task = submit(steps=50)
    native(f"/v1/jobs/{task['id']}/cancel", {})
    assert ended(task)["status"] == "Error"


@step("raw: webhook with a signature")
def _() -> None:
    with receiving() as receiver:
        task = submit(webhook_url=receiver.url, webhook_secret="a-shared-secret")
        assert (task["status"], task["webhook_url"]) == ("Pending", receiver.url)
        headers, body = receiver.wait()
    told = json.loads(body)
    assert (told["id"], told["status"]) == (task["id"], "Ready")
    assert told["result"]["sample"]
    assert headers["x-webhook-secret"] == "a-shared-secret"
    signature = hmac.new(b"a-shared-secret", body, hashlib.sha256).hexdigest()
    assert headers["x-bfl-signature"] == f"sha256={signature}"


@step("raw: eight at once")
def _() -> None:
    tasks = [submit(seed=seed, steps=1) for seed in range(8)]
    began = time.monotonic()
    results = [ended(task)["result"] for task in tasks]
    assert len({fetch(result["sample"]) for result in results}) == 8
    assert time.monotonic() - began < 60


main()
