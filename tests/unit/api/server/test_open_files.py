"""The limit of open files, in processes of their own."""

import subprocess
import sys

import pytest

from api.server.open_files import ENOUGH

_RAISED = """
import resource
from api.server.open_files import raise_limit
print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""
_DOCTOR = "from deploy.cli.doctor import _open_files; print(_open_files(None))"


def run(code: str, soft: int, hard: int) -> subprocess.CompletedProcess[str]:
    limits = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", limits + code], capture_output=True, text=True, check=False
    )


def test_a_process_raises_its_own_limit() -> None:
    assert run(_RAISED, 128, 512).stdout.split() == ["512"] * 3
    assert run(_RAISED, 512, 512).stdout.split() == ["512"] * 3


@pytest.mark.parametrize("low", [True, False])
def test_the_doctor_tells_a_low_limit(*, low: bool) -> None:
    done = run(_DOCTOR, 512, ENOUGH - 1 if low else ENOUGH)
    assert (f"a process may open {ENOUGH}" in done.stdout) is not low
    assert ("LimitNOFILE=65536" in done.stderr) is low
