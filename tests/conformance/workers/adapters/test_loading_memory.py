"""Loading takes the memory of what it makes, not of what it reads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.workers.adapters.loading_memory import save_large

GIGABYTE = 10**9


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("large")
    save_large(made)
    return made


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("precision", ["int8", "fp8", "nf4", "bf16"])
def test_loading_peaks_at_the_size_of_its_result(precision: str, folder: Path) -> None:
    command = (sys.executable, "-m", "tests.conformance.workers.adapters.loading_memory")
    done = subprocess.run(  # noqa: S603 - our own command
        [*command, str(folder), precision], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    taken = json.loads(done.stdout)
    assert taken["stored"] > GIGABYTE
    assert taken["peak"] <= 1.3 * taken["result"] + taken["block"], taken
    assert taken["left"] < 0.1 * GIGABYTE, taken
