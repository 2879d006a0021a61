"""The API and the command start without any model library."""

import subprocess
import sys

import pytest

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


@pytest.mark.parametrize(
    "module", ["api.app", "deploy.cli.main", "workers.messaging.queue", "workers.catalog"]
)
def test_a_fresh_interpreter_loads_no_model_library(module: str) -> None:
    # With OpenTelemetry's SDK installed, as for the tests, libraries import its dependencies.
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
