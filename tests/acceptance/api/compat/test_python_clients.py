"""The Python clients, unmodified, in short: `make clients` does all their steps, and Node's."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance.stack import ROOT, Stack
from tests.clients.program import Json, Program
from tests.clients.scene import Scene, draw

PACKAGES = ROOT / ".venv" / "clients"
PROGRAMS = tuple(
    Program(f"{name}_client.py", "short")
    for name in ("openai", "replicate1", "fal_python", "huggingface")
)
_STEPS = [
    pytest.param(program, step, id=f"{program.name}: {step}")
    for program in PROGRAMS
    for step in program.steps(short=True)
]

Reports = Mapping[Program, Mapping[str, Json]]


@pytest.fixture(scope="module")
def reports(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """Each program's report; they run side by side, since each waits more than it computes."""
    folder = tmp_path_factory.mktemp("clients")
    draw(folder)
    scene = Scene(stack, folder, ("standard", "standard", "standard"))
    facts: list[Path] = [scene.facts(program.name) for program in PROGRAMS]

    def run(program: Program, path: Path) -> Mapping[str, Json]:
        return program.run(PACKAGES, path, short=True)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(PROGRAMS, pool.map(run, PROGRAMS, facts), strict=True))


@pytest.mark.parametrize(("program", "step"), _STEPS)
def test_a_client_does_what_its_users_do(reports: Reports, program: Program, step: str) -> None:
    told = reports[program]
    assert step in told, f"the program ended before; it did {list(told)}"
    assert told[step]["ok"], told[step]["error"]
