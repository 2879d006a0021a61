"""Every text and every list that a client sends has a limit: each may end up in a row."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from api.app import create_app
from workers import catalog
from workers.catalog import Variant

Json = dict[str, Any]

_TEXT_LIMITS = {"maxLength", "enum", "const", "pattern", "format", "contentMediaType"}
"""Keywords that bound a text; an upload has a media type, and a limit of its own."""


def limitless(schema: Json, definitions: Mapping[str, Json], path: str) -> Iterator[str]:
    """The places in a schema where texts or lists of any length are accepted."""
    if reference := schema.get("$ref"):
        schema = definitions[reference.rpartition("/")[2]]
    kind = schema.get("type")
    if kind == "string" and not _TEXT_LIMITS & schema.keys():
        yield path
    if kind == "array" and not {"maxItems", "uniqueItems"} & schema.keys():
        yield f"{path}[]"
    for name, part in schema.get("properties", {}).items():
        yield from limitless(part, definitions, f"{path}.{name}")
    parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    parts += [part for part in (schema.get("items"), schema.get("additionalProperties")) if part]
    for part in parts:
        if isinstance(part, dict):
            yield from limitless(part, definitions, path)


@pytest.mark.parametrize("variant", catalog.variants(), ids=lambda variant: variant.id)
def test_every_parameter_of_a_model_has_a_limit(variant: Variant) -> None:
    """Pictures have one of their own: rows hold their keys in the store."""
    schema = variant.parameters.model_json_schema()
    pictures = {f"input.{name}" for name in catalog.picture_fields(variant.parameters)}
    assert set(limitless(schema, schema.get("$defs", {}), "input")) <= pictures


def test_every_body_of_the_api_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTTEGA_URL_SECRET", secrets.token_urlsafe(32))
    document = create_app().openapi()
    definitions = document["components"]["schemas"]
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for media in operation.get("requestBody", {}).get("content", {}).values():
                found += limitless(media["schema"], definitions, f"{method} {path}")
    assert found == []
