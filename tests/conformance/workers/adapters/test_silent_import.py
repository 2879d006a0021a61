"""The model libraries tell nobody to install what nothing here needs."""

import os
import subprocess
import sys

import pytest

CODE = """
from workers.adapters.registry import make_adapter
from workers.catalog import find
make_adapter(find("flux.1-demo"), "cpu", {})
import bitsandbytes
"""


@pytest.mark.slow
def test_a_models_modules_are_imported_in_silence() -> None:
    path = os.pathsep.join(part for part in sys.path if part)
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", CODE],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
