"""Each step of each client's program: unmodified packages against `bottega up`."""

import os
from collections.abc import Callable, Mapping

import pytest

from tests.clients.program import Json, Program

PROGRAMS = (
    Program("openai_client.py", "main"),
    Program("replicate1_client.py", "main"),
    Program("replicate2_client.py", "replicate2"),
    Program("fal_python_client.py", "main"),
    Program("huggingface_client.py", "main"),
    Program("bfl_client.py", "main"),
    Program("wrappers_client.py", "wrappers"),
    Program("openai.mjs", "newest"),
    Program("replicate.mjs", "newest"),
    Program("fal.mjs", "newest"),
    Program("huggingface.mjs", "newest"),
    Program("ai.mjs", "newest"),
    Program("ai.mjs", "ai6"),
)
_ONLY = os.environ.get("CLIENT_STEP")  # the programs do no other step then
_STEPS = [
    pytest.param(program, step, id=f"{program.name}: {step}")
    for program in PROGRAMS
    for step in program.steps()
    if _ONLY in {None, step}
]

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]


@pytest.mark.parametrize(("program", "step"), _STEPS)
def test_a_client_does_what_its_users_do(
    report_of: Callable[[Program], Mapping[str, Json]], program: Program, step: str
) -> None:
    told = report_of(program)
    assert step in told, f"the program ended before; it did {list(told)}"
    assert told[step]["ok"], told[step]["error"]
