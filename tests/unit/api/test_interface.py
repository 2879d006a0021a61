"""The interface that is pinned: what clients, scripts and dashboards of others depend on."""

import json
from typing import Any

import pytest

from tests.support.interface import KEPT, interface


@pytest.fixture(scope="module")
def present() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(interface()))
    return found


@pytest.mark.parametrize(
    "part", ["paths", "schemas", "commands", "metrics", "variables", "parameters"]
)
def test_the_interface_is_the_kept_one(part: str, present: dict[str, Any]) -> None:
    kept = json.loads(KEPT.read_text())
    assert present[part] == kept[part], (
        "a change of the interface: if it is meant, run `python -m tests.support.interface`"
    )
