"""The service's own data: models, account, health, metrics and documentation."""

import re
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.acceptance.stack import Client, Json, Stack, eventually

pytestmark = pytest.mark.usefixtures("books")


def models_of(client: Client) -> list[Json]:
    models: list[Json] = client.http.get("/v1/models").raise_for_status().json()["models"]
    return models


def test_the_models_are_those_that_the_stack_serves(tenant: Client) -> None:
    models = {model["id"]: model for model in models_of(tenant)}
    assert models.keys() == {"flux.1-demo", "flux.2-demo", "florence-2-demo"}
    assert models["flux.1-demo"]["family"] == "flux1"
    assert models["flux.2-demo"]["family"] == "flux2"
    assert models["florence-2-demo"]["family"] == "florence2"
    assert "<OD>" in models["florence-2-demo"]["tasks"]
    for model in models.values():
        assert model["ready_workers"] == 1
        assert model["expected_wait_seconds"] is not None
        assert model["licence"]["name"] == "Apache-2.0"
        assert model["price"]["currency"] == "USD"
        assert model["limits"]["deadline_seconds"] > 0
        assert tenant.http.get(f"/v1/models/{model['id']}").json()["id"] == model["id"]


def test_models_need_no_key(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/v1/models").status_code == 200


def test_an_inputs_json_schema_says_what_is_accepted(tenant: Client) -> None:
    good: dict[str, list[Json]] = {
        "flux.1-demo": [{"prompt": "a"}, {"prompt": "a", "width": 64, "height": 256, "seed": 0}],
        "flux.2-demo": [{"prompt": "a"}, {"prompt": "a", "images": ["file_x"] * 4}],
        "florence-2-demo": [
            {"image": "file_x", "task": "<OD>"},
            {"image": "file_x", "tasks": ["object_detection", "<CAPTION>"]},
            {"image": "file_x", "task": "region_to_ocr", "region": [0, 1.5, 20, 30]},
            {"image": "file_x", "task": "<OD>", "artifacts": ["overlay", "coco"]},
            {"image": "file_x", "task": "open_vocabulary_detection", "text": ["cat", "dog"]},
        ],
    }
    bad: dict[str, list[Json]] = {
        "flux.1-demo": [{}, {"prompt": "a", "width": 17}, {"prompt": "a", "colour": 1}],
        "flux.2-demo": [{"images": ["file_x"]}, {"prompt": "a", "images": ["file_x"] * 5}],
        "florence-2-demo": [
            {"image": "file_x"},
            {"image": "file_x", "tasks": []},
            {"image": "file_x", "task": "region_to_ocr", "region": [0, 1, 2]},
            {"image": "file_x", "task": "<OD>", "artifacts": ["video"]},
            {"image": "file_x", "task": "open_vocabulary_detection", "text": []},
        ],
    }
    for model in models_of(tenant):
        schema = model["input_schema"]
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        assert all(validator.is_valid(given) for given in good[model["id"]])
        assert not any(validator.is_valid(given) for given in bad[model["id"]])
        for name, field in schema["properties"].items():
            assert field.get("description"), name
            alone = Draft202012Validator({**field, "$defs": schema.get("$defs", {})})
            for example in field.get("examples", []):
                assert alone.is_valid(example), (name, example)


def test_the_account_tells_tier_limits_and_allowances(stack: Stack) -> None:
    account = stack.tenant("free").account()
    assert account["tier"] == "free"
    assert account["limits"] == {
        "max_in_flight": 20,
        "max_priority": "normal",
        "requests_per_minute": 3000,
        "max_stored_bytes": 10**9,
        "models": None,
        "allowance_models": None,
        "cancel_charge": "steps",
        "keep_seconds": 30 * 24 * 3600,
    }
    assert account["stored_bytes"] == 0
    assert account["allowances"] == {
        "images": {"granted": 100, "used": 0, "held": 0, "left": 100},
        "analyses": {"granted": 500, "used": 0, "held": 0, "left": 500},
    }
    assert account["allowances_reset_at"].endswith("Z")
    assert (account["balance_micros"], account["held_micros"], account["open_holds"]) == (0, 0, 0)


def test_the_stacks_own_tenant_has_credit_to_try_things_with(stack: Stack) -> None:
    account = stack.client().account()
    assert account["tier"] == "standard"
    assert account["balance_micros"] > 0


def test_health_needs_no_key_and_names_what_it_depends_on(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/livez").json()["status"] == "ok"
    for path in ("/readyz", "/healthz"):
        answer = httpx.get(stack.url + path)
        assert answer.status_code == 200
        assert answer.json() == {"status": "ok", "checks": {"database": "ok", "redis": "ok"}}


def samples(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_metrics_show_what_waits_and_what_was_submitted(stack: Stack, tenant: Client) -> None:
    reader = stack.client(stack.facts["viewer_key"]).http
    submitted = 'bottega_jobs_submitted_total{surface="native",variant="flux.1-demo"}'
    before = samples(reader.get("/metrics").text).get(submitted, 0)
    with stack.paused("flux.1-demo"):
        job = tenant.paint()
        # Queues are counted at most once a second.
        eventually(
            lambda: (
                samples(reader.get("/metrics").text)['bottega_queue_depth{variant="flux.1-demo"}']
                == 1
            )
        )
        answer = reader.get("/metrics")
        tenant.cancel(job)
    assert answer.headers["content-type"].startswith("text/plain")
    assert samples(answer.text)[submitted] == before + 1


def test_the_served_schema_is_valid_openapi(stack: Stack) -> None:
    schema = httpx.get(f"{stack.url}/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(schema).iter_errors()) == []


def test_the_documentation_page_asks_no_other_host(stack: Stack) -> None:
    page = httpx.get(f"{stack.url}/docs").raise_for_status().text
    assert re.findall(r"(?:https?:)?//[^\s\"'<>]+", page) == []
    files: list[Any] = re.findall(r"(?:src|href)=\"([^\"]+)\"", page)
    assert len(files) >= 2
    for file in [*files, "/openapi.json"]:
        assert httpx.get(stack.url + file).status_code == 200, file
