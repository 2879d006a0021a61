"""The greeting's job fits the model that it is for."""

import json

import pytest

from deploy.local.example_job import example_job
from workers import catalog


@pytest.mark.parametrize("variant", catalog.variants(), ids=lambda variant: variant.id)
def test_every_model_accepts_its_example(variant: catalog.Variant) -> None:
    job = example_job(variant)
    assert job["model"] == variant.id
    variant.parameters.model_validate(job["input"])
    # The greeting puts it between single quotes.
    assert "'" not in json.dumps(job)
