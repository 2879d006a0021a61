"""The interface that people and machines outside depend on, as data.

`python -m tests.support.interface` rewrites the stored file; its diff shows what a change breaks.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
from prometheus_client import REGISTRY

import api.core.metrics  # noqa: F401 - registers the API's metrics
import workers.telemetry.metrics  # noqa: F401 - registers the workers' metrics
from api.app import create_app
from deploy.cli.main import main
from tests.support.commands import subcommands
from workers import catalog

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests" / "data" / "interface.json"
FLOORS = ("api", "db", "deploy", "workers")


def interface() -> dict[str, Any]:
    """Paths, operations, schemas, error codes, commands, metrics, variables and parameters."""
    with patch.dict(os.environ, {"BOTTEGA_URL_SECRET": secrets.token_urlsafe(32)}):
        spec = create_app().openapi()
    return {
        "paths": {path: _operations(found) for path, found in spec["paths"].items()},
        "schemas": {name: _schema(found) for name, found in spec["components"]["schemas"].items()},
        "commands": _commands(main),
        "metrics": metrics(),
        "variables": _variables(),
        "parameters": {
            variant.id: sorted(variant.parameters.model_json_schema()["properties"])
            for variant in catalog.variants()
        },
    }


def _operations(path: Mapping[str, Any]) -> dict[str, Any]:
    return {
        method: {
            "operation": found.get("operationId"),
            "parameters": sorted(
                [each["in"], each["name"]] for each in found.get("parameters", [])
            ),
            "responses": sorted(found["responses"]),
        }
        for method, found in path.items()
    }


def _schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "properties": sorted(schema.get("properties", {})),
        "required": sorted(schema.get("required", [])),
        "enum": schema.get("enum"),
    }


def _commands(command: click.Command, path: str = "bottega") -> dict[str, list[str]]:
    options = [
        "/".join((*each.opts, *each.secondary_opts)) + (" (required)" if each.required else "")
        for each in command.params
    ]
    found = {path: sorted(options)}
    if isinstance(command, click.Group):
        for name, each in subcommands(command).items():
            found |= _commands(each, f"{path} {name}")
    return found


def metrics() -> dict[str, list[str]]:
    """The labels of each metric that a process counts itself, without the database's gauges."""
    collectors = set(REGISTRY._collector_to_names)
    named = {getattr(each, "_name", ""): each for each in collectors}
    return {
        name: list(getattr(each, "_labelnames", ()))
        for name, each in sorted(named.items())
        if name.startswith("bottega")
    }


def _variables() -> list[str]:
    texts = (path.read_text() for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
    return sorted({name for text in texts for name in re.findall(r"\bBOTTEGA_[A-Z0-9_]+", text)})


if __name__ == "__main__":
    KEPT.write_text(json.dumps(interface(), indent=1, sort_keys=True) + "\n")
