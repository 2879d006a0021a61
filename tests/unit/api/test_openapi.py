"""The OpenAPI document: valid, complete, and consistent with its own examples."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import create_app
from db.core.plain_words import FORMS

Json = dict[str, Any]


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The application, not started: it connects to nothing."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("BOTTEGA_URL_SECRET", secrets.token_urlsafe(32))
        return create_app()


@pytest.fixture(scope="module")
def schema(app: FastAPI) -> Json:
    return app.openapi()


def operations(schema: Json) -> Iterator[tuple[str, Json]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def resolved(schema: Json, node: Json) -> Json:
    """A part of the document, with its outermost reference resolved."""
    reference = node.get("$ref")
    if reference is None:
        return node
    _, _, section, name = reference.split("/")
    found: Json = schema["components"][section][name]
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
        for status, found in operation["responses"].items():
            answer = resolved(schema, found)
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


def examples(node: Any) -> Iterator[tuple[Json, Any]]:
    """Every example of the document with its schema: of bodies, parameters, headers and schemas."""
    if isinstance(node, dict):
        rule = node.get("schema", node)
        if "example" in node:
            yield rule, node["example"]
        if isinstance(node.get("examples"), list):
            yield from ((rule, example) for example in node["examples"])
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for each in inner:
        yield from examples(each)


def test_every_example_is_what_its_schema_says(schema: Json) -> None:
    assert "date-time" in Draft202012Validator.FORMAT_CHECKER.checkers
    checked = 0
    for rule, example in examples(schema):
        with_components = {**rule, "components": schema["components"]}
        validator = Draft202012Validator(
            with_components, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        faults = validator.iter_errors(example)
        assert [error.message for error in faults] == [], example
        checked += 1
    assert checked > 60


def test_every_error_is_documented_by_its_own_status(schema: Json) -> None:
    for name, operation in operations(schema):
        for status, found in operation["responses"].items():
            assert status.isdigit(), name
            answer = resolved(schema, found)
            assert answer["description"], (name, status)
            if status >= "400" and name != "GET /readyz":
                assert list(answer["content"]) == ["application/problem+json"], (name, status)


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("GET /livez", {"200"}),
        ("GET /readyz", {"200", "503"}),
        ("GET /metrics", {"200", "401", "403", "503"}),
        ("GET /v1/models", {"200", "429", "503"}),
        ("GET /v1/models/{model_id}", {"200", "404", "422", "429", "503"}),
        ("GET /v1/account", {"200", "401", "403", "429", "503"}),
        ("GET /v1/usage", {"200", "401", "403", "422", "429", "503"}),
        ("POST /v1/files", {"201", "400", "401", "403", "413", "422", "429", "503"}),
        (
            "POST /v1/jobs",
            {"200", "202", "400", "401", "402", "403", "413", "415", "422", "429", "503"},
        ),
        ("GET /v1/jobs/{job_id}", {"200", "304", "401", "403", "404", "422", "429", "503"}),
        ("GET /v1/admin/bulk/{action}", {"200", "401", "403", "422", "429", "503"}),
        (
            "POST /v1/admin/tenants/{tenant_id}/credit",
            {"200", "400", "401", "403", "404", "409", "413", "415", "422", "429", "503"},
        ),
    ],
)
def test_a_call_states_the_statuses_that_can_come(
    schema: Json, name: str, statuses: set[str]
) -> None:
    assert set(dict(operations(schema))[name]["responses"]) == statuses


def test_headers_are_documented_where_they_are_sent(schema: Json) -> None:
    found = dict(operations(schema))

    def headers(name: str, status: str) -> set[str]:
        return set(resolved(schema, found[name]["responses"][status])["headers"])

    limit = {"RateLimit", "RateLimit-Policy", "X-Request-Id"}
    assert headers("POST /v1/jobs", "202") == limit | {
        *("Location", "ETag", "Retry-After", "Preference-Applied", "Idempotency-Replayed"),
    }
    assert headers("GET /v1/jobs", "200") == limit | {"Link"}
    assert headers("GET /v1/jobs", "429") == limit | {"Retry-After"}
    assert headers("GET /v1/jobs", "401") == {"WWW-Authenticate", "X-Request-Id"}
    assert headers("GET /v1/jobs", "503") == {"Retry-After", "X-Request-Id"}
    assert headers("GET /v1/admin/queues", "200") == {"X-Request-Id"}


def test_every_call_states_whether_it_needs_a_key(schema: Json) -> None:
    stated = {name: operation["security"] for name, operation in operations(schema)}
    keyless = {name for name, keys in stated.items() if keys == []}
    assert keyless == {
        "GET /v1/artifacts/{token}/{name}",
        "GET /v1/models",
        "GET /v1/models/{model_id}",
        "GET /livez",
        "GET /readyz",
    }
    either = [{"Bearer": []}, {"x-key": []}]
    assert stated.pop("GET /metrics") == [{}, *either]
    assert all(keys == either for name, keys in stated.items() if name not in keyless)


def test_every_path_is_lower_case_and_has_an_operation_id_of_its_own(schema: Json) -> None:
    ids = [operation["operationId"] for _, operation in operations(schema)]
    assert len(ids) == len(set(ids))
    assert all(path == path.lower() for path in schema["paths"])


def test_asked_twice_it_is_the_same(app: FastAPI) -> None:
    assert app.openapi() == app.openapi()


def test_every_pattern_has_a_sentence_for_its_refusal(schema: Json) -> None:
    found = set(patterns(schema))
    assert found
    assert found - FORMS.keys() == set()


def patterns(node: Any) -> Iterator[str]:
    """Every pattern of a field in the document."""
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        node = list(node.values())
    for each in node if isinstance(node, list) else ():
        yield from patterns(each)
