"""The log line of an error: it has the traceback, and not the message, which may quote a prompt."""

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging
import structlog
from deploy.process import logging as logs

class ModelError(Exception):
    pass

def run(prompt):
    try:
        raise KeyError(prompt)
    except KeyError as error:
        raise ModelError(f"cannot paint {prompt!r}") from error

logs.configure()
try:
    run("zq-a-prompt")
except ModelError as caught:
    error = caught
"""


def logged(line: str) -> dict[str, Any]:
    """The only line that a program writes to its log."""
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM + line],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told: dict[str, Any] = json.loads(ran.stderr)
    return told


@pytest.mark.parametrize(
    "line",
    [
        "structlog.get_logger('ours').error('it_broke', exc_info=error)",
        "logging.getLogger('theirs').error('it_broke', exc_info=error)",
    ],
)
def test_an_exception_is_told_by_type_and_place_with_its_causes(line: str) -> None:
    told = logged(line)
    assert (told["event"], told["level"]) == ("it_broke", "error")
    cause, effect = told["exception"].split("\nwhich led to\n")
    assert cause.splitlines()[-1] == "builtins.KeyError"
    assert effect.splitlines()[-1] == "__main__.ModelError"
    assert all(", in run" in part for part in (cause, effect))
    assert "zq-a-prompt" not in str(told)


def test_a_line_without_an_exception_has_none() -> None:
    assert "exception" not in logged("logging.getLogger('theirs').error('fine', exc_info=True)")
