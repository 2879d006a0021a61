"""A fine-tune of the operator's own: a catalogue file names it, and no source is changed."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from db import worker_registry
from tests.acceptance.stack import Client, Json, Stack, eventually, run_bottega
from workers.demo import weights_folder

OWN = "flux.1-acorn"
CUT = "flux.1-cut"
TITLE = "Acorn: flux.1-demo in our style"
FILE = """
[models."flux.1-acorn"]
base = "flux.1-demo"
title = "Acorn: flux.1-demo in our style"
weights = { folder = "acorn" }
loras = [{ file = "style.safetensors", scale = 0.5 }]
aliases = ["acorn"]
price = { per_image = 0.0075 }
defaults = { steps = 2 }
limits = { max_steps = 8 }
licence = { name = "Ours", commercial_use = true }

[models."flux.1-cut"]
base = "flux.1-demo"
weights = { folder = "cut" }

[models."flux.2-demo"]
enabled = false
"""
PRICE_MICROS = 7_500
PROMPT = "a red circle on a white background"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that serves the fine-tune, named by its alias, its base, and one that is cut off."""
    folder = tmp_path_factory.mktemp("models")
    write_fine_tune(folder / "acorn")
    write_cut_off(folder / "cut")
    safetensors.torch.save_file(some_lora(), folder / "style.safetensors")
    (folder / "models.toml").write_text(FILE)
    settings = {"BOTTEGA_CATALOG": str(folder / "models.toml")}
    running = Stack(folder / "data", settings, variants=(CUT, "acorn", "flux.1-demo"))
    try:
        running.start()
        yield running
        running.stop()
    finally:
        running.abandon()


def write_fine_tune(folder: Path) -> None:
    """Copy the demo weights, with one tensor changed."""
    shutil.copytree(weights_folder("flux.1-demo"), folder)
    (file,) = (folder / "transformer").glob("*.safetensors")
    tensors = safetensors.torch.load_file(file)
    tensors["proj_out.bias"] = tensors["proj_out.bias"] + 0.1
    safetensors.torch.save_file(tensors, file, {"format": "pt"})


def write_cut_off(folder: Path) -> None:
    """Copy the demo weights, as a copy leaves them that was broken off."""
    shutil.copytree(weights_folder("flux.1-demo"), folder)
    (file,) = (folder / "transformer").glob("*.safetensors")
    os.truncate(file, file.stat().st_size // 2)


def some_lora() -> dict[str, torch.Tensor]:
    """A LoRA that changes an attention layer of flux.1-demo."""
    drawn = torch.Generator().manual_seed(1)
    layer = "transformer.transformer_blocks.0.attn.to_q"
    shapes = {"A": (4, 256), "B": (256, 4)}
    return {
        f"{layer}.lora_{name}.weight": torch.randn(*shape, generator=drawn)
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def owner(stack: Stack) -> Client:
    """A tenant whose tier names the models by alias and grants nothing, with two dollars."""
    operator = stack.client(stack.facts["operator_key"]).http
    tenant = stack.tenant()
    tier = {"models": [CUT, "acorn", "flux.1-demo"], "images_per_month": 0}
    credit = {"amount_micros": 2_000_000, "reason": "test", "reference": "1"}
    operator.patch("/v1/admin/tiers/standard", json=tier).raise_for_status()
    path = f"/v1/admin/tenants/{tenant.tenant_id}/credit"
    operator.post(path, json=credit).raise_for_status()
    return tenant


@pytest.fixture(scope="module")
def painted(owner: Client) -> Json:
    """A finished job, submitted by the alias."""
    job = owner.await_end(owner.submit("acorn", {"prompt": PROMPT, "seed": 3}))
    assert job["state"] == "succeeded", job
    return job


def pixels(job: Json) -> np.ndarray:
    picture = httpx.get(job["output"]["images"][0]["url"]).raise_for_status().content
    return np.asarray(Image.open(BytesIO(picture)))


def test_it_is_offered_with_its_alias_price_and_limits(owner: Client) -> None:
    offered = {model["id"]: model for model in owner.http.get("/v1/models").json()["models"]}
    assert offered.keys() == {"flux.1-demo", OWN, CUT}
    own = offered[OWN]
    assert own == owner.http.get("/v1/models/acorn").json()
    assert (own["title"], own["aliases"], own["base"]) == (TITLE, ["acorn"], "flux.1-demo")
    assert own["price"]["unit_micros"] == PRICE_MICROS
    assert own["licence"]["name"] == "Ours"
    steps = own["input_schema"]["properties"]["steps"]
    assert (steps["default"], steps["maximum"]) == (2, 8)


def test_a_quote_by_the_alias_has_its_price(owner: Client) -> None:
    body = {"model": "acorn", "input": {"prompt": PROMPT, "num_images": 2}}
    quote = (
        owner.http.post("/v1/jobs", params={"dry_run": True}, json=body).raise_for_status().json()
    )
    assert (quote["model"], quote["price"]["amount_micros"]) == (OWN, 2 * PRICE_MICROS)


def test_a_job_by_the_alias_is_painted_and_billed(
    stack: Stack, owner: Client, painted: Json
) -> None:
    assert (painted["model"], painted["price"]["amount_micros"]) == (OWN, PRICE_MICROS)
    assert owner.account()["balance_micros"] == 2_000_000 - PRICE_MICROS
    listed = owner.http.get("/v1/jobs", params={"model": "acorn"}).json()["jobs"]
    assert [job["id"] for job in listed] == [painted["id"]]
    assert stack.violations() == []


def test_its_pictures_are_its_own(owner: Client, painted: Json) -> None:
    given = {"prompt": PROMPT, "seed": 3, "steps": 2}
    base, again = (
        owner.await_end(owner.submit(model, given)) for model in ("flux.1-demo", "acorn")
    )
    assert not np.array_equal(pixels(painted), pixels(base))
    assert np.array_equal(pixels(painted), pixels(again))


def test_a_step_beyond_its_limit_is_refused(owner: Client) -> None:
    body = {"model": "acorn", "input": {"prompt": PROMPT, "steps": 9}}
    answer = owner.http.post("/v1/jobs", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["body", "input", "steps"]


def test_a_disabled_model_is_refused_with_the_reason(owner: Client) -> None:
    body = {"model": "flux.2-demo", "input": {"prompt": PROMPT}}
    answer = owner.http.post("/v1/jobs", json=body)
    assert answer.status_code == 422
    assert "flux.2-demo is disabled by the operator" in answer.text


def test_the_playground_shows_it(stack: Stack, owner: Client, painted: Json) -> None:
    key = owner.http.headers["Authorization"].removeprefix("Bearer ")
    with httpx.Client(base_url=stack.url, headers={"Origin": stack.url}) as browser:
        assert browser.post("/playground/sign-in", data={"key": key}).status_code == 303
        text = browser.get("/", params={"model": "acorn"}).raise_for_status().text
        assert TITLE in text
        assert "$0.0075" in text
        former = browser.get("/", params={"from": painted["id"]}).raise_for_status().text
        assert OWN in former


def test_the_dashboard_shows_it(stack: Stack, painted: Json) -> None:
    key = stack.facts["viewer_key"]
    with httpx.Client(base_url=stack.url, headers={"Origin": stack.url}) as browser:
        assert browser.post("/dashboard/sign-in", data={"key": key}).status_code == 303
        queues = browser.get("/dashboard/queues").raise_for_status().text
        assert f'data-queue="{OWN}"' in queues
        assert f"{TITLE}; $0.0075 a picture" in queues
        jobs = browser.get("/dashboard/jobs", params={"model": "acorn"}).raise_for_status().text
        assert f"/dashboard/jobs/{painted['id']}" in jobs
        workers = browser.get("/dashboard/workers").raise_for_status().text
        assert re.search(r"<dt>Catalogue</dt><dd class=\"\">[0-9a-f]{16}</dd>", workers)
        assert "another catalogue file" not in workers


def test_a_model_that_could_not_be_loaded_is_told_at_the_start(stack: Stack) -> None:
    eventually(lambda: "Ctrl-C stops it" in stack.output.read_text())
    output = stack.output.read_text()
    assert f"could not be loaded, and is tried again with later jobs: {CUT}" in output
    greeting = output[output.index("Bottega answers at") :]
    assert f'"model": "{OWN}"' in greeting
    assert "torchvision" not in output


def test_a_model_that_could_not_be_loaded_has_no_worker(owner: Client) -> None:
    model = owner.http.get(f"/v1/models/{CUT}").raise_for_status().json()
    assert (model["ready_workers"], model["expected_wait_seconds"]) == (0, None)
    body = {"model": CUT, "input": {"prompt": PROMPT}}
    quote = owner.http.post("/v1/jobs", params={"dry_run": True}, json=body).json()
    assert (model["unserved_reason"], quote["unserved_reason"]) == ("worker_failing",) * 2
    assert not quote["cold_start"]
    job = owner.submit(CUT, {"prompt": PROMPT})["id"]
    waiting = owner.http.get(f"/v1/jobs/{job}").json()["waiting"]
    assert (waiting["reason"], waiting["expected_seconds"]) == ("worker_failing", None)
    owner.http.post(f"/v1/jobs/{job}/cancel").raise_for_status()


def test_a_model_that_could_not_be_loaded_is_on_the_pages(stack: Stack, owner: Client) -> None:
    key = owner.http.headers["Authorization"].removeprefix("Bearer ")
    with httpx.Client(base_url=stack.url, headers={"Origin": stack.url}) as browser:
        assert browser.post("/playground/sign-in", data={"key": key}).status_code == 303
        assert "its workers fail, or cannot load it" in browser.get("/", params={"model": CUT}).text
        key = stack.facts["viewer_key"]
        assert browser.post("/dashboard/sign-in", data={"key": key}).status_code == 303
        overview = browser.get("/dashboard/").raise_for_status().text
    assert "1 of 1 worker ready, 1 with a problem." in overview
    assert f"{CUT} has only workers that fail or cannot load it." in overview
    assert f"{CUT}: " in overview


def test_the_commands_and_the_worker_read_the_same_file(stack: Stack) -> None:
    done = run_bottega("--stack", str(stack.data_dir), "catalog", "show", "acorn", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["id"], shown["base"], shown["from"]) == (OWN, "flux.1-demo", "file")
    with stack.database.transaction() as session:
        [worker] = worker_registry.list_workers(session)
        assert worker.variants == [CUT, OWN, "flux.1-demo"]
        assert len(worker.catalogue_digest) == 16
