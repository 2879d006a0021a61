"""The API and the command come up without any model library."""

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.acceptance.stack import ROOT

HEAVY = (
    "torch",
    "transformers",
    "diffusers",
    "accelerate",
    "numpy",
    "safetensors",
    "httpx",
    "psutil",
)


def installed_with(asked: Iterable[str]) -> set[str]:
    """Every distribution that an installer fetches for requirements, theirs included."""
    found: set[tuple[str, str]] = set()
    waiting = [*map(Requirement, asked)]
    while waiting:
        wanted = waiting.pop()
        for extra in wanted.extras | {""}:
            key = (canonicalize_name(wanted.name), extra)
            if key not in found:
                found.add(key)
                needed = map(Requirement, requires(wanted.name) or ())
                waiting += [n for n in needed if _applies(n, extra)]
    return {name for name, _ in found}


def _applies(needed: Requirement, extra: str) -> bool:
    return needed.marker is None or needed.marker.evaluate({"extra": extra})


def test_what_the_apis_image_installs_brings_no_model_library() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    light = installed_with([*project["dependencies"], *extras["api"]])
    assert {"fastapi", "starlette", "psycopg-binary", "boto3", "botocore"} <= light
    assert light & set(HEAVY) == set()
    assert set(HEAVY) <= installed_with([*extras["worker"], *extras["local"]])


@pytest.mark.parametrize("module", ["api.app", "deploy.cli", "workers.queue", "workers.catalog"])
def test_a_fresh_interpreter_loads_no_model_library(module: str) -> None:
    # Where OpenTelemetry's SDK is installed, as for the tests, libraries import what it brings.
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"
        f"import {module}\n"
        f"print(*(m for m in {HEAVY} if m in sys.modules))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_importing_the_application_reads_no_environment_and_opens_nothing() -> None:
    code = (
        "import socket, os\n"
        "def refuse(*_): raise AssertionError('a connection at import')\n"
        "socket.socket.connect = refuse\n"
        "before = set(os.listdir())\n"
        "import api.app\n"
        "assert set(os.listdir()) == before\n"
    )
    subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], env={"PATH": ""}, check=True
    )
