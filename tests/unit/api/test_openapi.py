"""The OpenAPI document: valid, complete, and consistent with its own examples."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import create_app

Json = dict[str, Any]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The application, not started: it connects to nothing."""
    monkeypatch.setenv("BOTTEGA_URL_SECRET", secrets.token_urlsafe(32))
    return create_app()


@pytest.fixture
def schema(app: FastAPI) -> Json:
    return app.openapi()


def operations(schema: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def resolved(schema: Json, node: Json) -> Json:
    """A schema, with its outermost reference resolved."""
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Json = schema["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def examples_of(schema: Json, media: Json) -> list[Any]:
    """Every example of a body: beside its schema, in it, or of each of its fields."""
    if "example" in media:
        return [media["example"]]
    body = resolved(schema, media.get("schema", {}))
    fields = body.get("properties", {}).values()
    if fields and all(field.get("examples") for field in fields):
        return [{name: field["examples"][0] for name, field in body["properties"].items()}]
    return list(body.get("examples", []))


def bodies(schema: Json) -> Iterator[tuple[str, str, Json]]:
    """Every request body, and every response body."""
    for name, operation in operations(schema):
        for kind, media in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} takes", kind, media
        for status, answer in operation["responses"].items():
            for kind, media in answer.get("content", {}).items():
                yield f"{name} answers {status}", kind, media


def test_it_is_valid_openapi(schema: Json) -> None:
    assert schema["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(schema).iter_errors()) == []


def test_every_call_says_what_it_does(schema: Json) -> None:
    found = dict(operations(schema))
    assert {"POST /v1/jobs", "GET /v1/jobs/{job_id}/events", "GET /metrics"} <= found.keys()
    for name, operation in found.items():
        assert operation.get("summary"), name
        assert operation.get("description"), name
        assert operation.get("tags"), name


def test_every_body_has_an_example(schema: Json) -> None:
    without = [
        (name, kind) for name, kind, media in bodies(schema) if not examples_of(schema, media)
    ]
    assert without == []


def test_every_json_example_is_what_its_schema_says(schema: Json) -> None:
    checked = 0
    for name, kind, media in bodies(schema):
        if not kind.endswith("json"):
            continue
        rule = {**media["schema"], "components": schema["components"]}
        for example in examples_of(schema, media):
            faults = [error.message for error in Draft202012Validator(rule).iter_errors(example)]
            assert faults == [], (name, kind)
            checked += 1
    assert checked > 10


def test_every_call_says_how_it_tells_errors(schema: Json) -> None:
    for name, operation in operations(schema):
        assert "application/problem+json" in operation["responses"]["4XX"]["content"], name
        assert "422" not in operation["responses"], name


def test_calls_that_need_a_key_say_so(schema: Json) -> None:
    keyless = {name for name, operation in operations(schema) if not operation.get("security")}
    assert keyless == {
        "GET /v1/artifacts/{token}/{name}",
        "GET /v1/models",
        "GET /v1/models/{model_id}",
        "GET /livez",
        "GET /readyz",
        "GET /metrics",
    }


def test_every_path_is_lower_case_and_has_an_operation_id_of_its_own(schema: Json) -> None:
    ids = [operation["operationId"] for _, operation in operations(schema)]
    assert len(ids) == len(set(ids))
    assert all(path == path.lower() for path in schema["paths"])


def test_asked_twice_it_is_the_same(app: FastAPI) -> None:
    assert app.openapi() == app.openapi()
