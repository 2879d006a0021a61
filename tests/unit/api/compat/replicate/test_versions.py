"""Versions of models: their ids, and the schemas that clients read."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from api.compat.replicate import references
from api.compat.replicate.version_ids import version_id
from api.compat.replicate.version_schemas import openapi_schema
from api.compat.shared.names import REPLICATE
from api.core.domain_errors import ModelNotOfferedError
from api.core.errors import ProblemError
from workers import catalog
from workers.catalog import STANDARD, Variant

KNOWN = "da53547e17d45b9cfb48174b2f18af8b83ca020fa76db62136bf9c6616762595"


@pytest.mark.parametrize("variant", STANDARD.variants(), ids=lambda variant: variant.id)
def test_each_variant_has_a_version_of_its_own(variant: Variant) -> None:
    number = version_id(variant.id)
    assert re.fullmatch("[0-9a-f]{64}", number)
    assert references.by_version(STANDARD, number).variant is variant
    named = references.by_version(STANDARD, f"bottega/{variant.id}:{number}")
    assert named.name == f"bottega/{variant.id}"
    assert references.by_version(STANDARD, number.upper()).version == number


def test_a_version_never_changes() -> None:
    assert version_id("flux.1-dev") == (
        "d58ab48cf096c81f88e83ef3c189a22cee567916c89d7ae1bba224d9919d3ed4"
    )
    assert version_id("florence-2-large") == KNOWN
    assert references.by_version(STANDARD, KNOWN).name == "lucataco/florence-2-large"


@pytest.mark.parametrize("name", REPLICATE)
def test_each_name_is_found(name: str) -> None:
    found = references.by_name(STANDARD, name)
    assert (found.name, found.variant.id) == (name, REPLICATE[name])
    assert references.by_version(STANDARD, name).name == name


@pytest.mark.parametrize(
    "version",
    [
        "0" * 64,
        "a/b",
        "black-forest-labs/flux-dev:" + "0" * 64,
        "nothing",
        "",
        "black-forest-labs/flux-dev:x",
    ],
)
def test_an_unknown_version_is_an_input_error(version: str) -> None:
    with pytest.raises(ProblemError) as caught:
        references.by_version(STANDARD, version)
    assert caught.value.status == 422


def test_a_known_version_that_is_not_offered_names_its_variant() -> None:
    few = STANDARD.restricted_to(["flux.1-demo"])
    with pytest.raises(ProblemError, match="florence-2-large"):
        references.by_version(few, KNOWN)
    with pytest.raises(ModelNotOfferedError, match=r"stands for flux\.1-dev"):
        references.by_name(few, "black-forest-labs/flux-dev")


@pytest.mark.parametrize("variant", STANDARD.variants(), ids=lambda variant: variant.id)
def test_each_version_has_a_schema(variant: Variant) -> None:
    schemas = openapi_schema(variant, references.primary(variant).name)["components"]["schemas"]
    given: dict[str, Any] = schemas["Input"]
    Draft202012Validator.check_schema(given)
    assert set(given["required"]) <= given["properties"].keys()
    assert all("type" in each for each in given["properties"].values())
    assert not {"num_images", "steps", "loras", "task", "text"} & given["properties"].keys()


def test_the_schema_says_the_shape_of_the_output() -> None:
    dev = catalog.find("flux.2-dev")
    many = openapi_schema(dev, "bottega/flux.2-dev")["components"]["schemas"]["Output"]
    one = openapi_schema(dev, "black-forest-labs/flux-2-dev")["components"]["schemas"]["Output"]
    assert many["items"] == {"type": "string", "format": "uri"}
    assert (one["type"], one["format"]) == ("string", "uri")
