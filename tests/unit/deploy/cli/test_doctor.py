"""The doctor on a machine without a deployment: what a model needs is checked all the same."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from deploy.cli.admin import doctor
from deploy.cli.main import _read_settings

NAMES = ["deployment", "open files", "catalogue", "device", "memory", "weights"]
EMPTY = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "BOTTEGA_STORE_DIR", "S3_BUCKET"))


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={**EMPTY, **environment}).invoke(doctor, arguments)


def checks(done: Result) -> dict[str, dict[str, Any]]:
    return {row["check"]: row for row in json.loads(done.stdout)}


def test_a_new_machine_is_checked_without_a_deployment() -> None:
    done = run("--json", "--variant", "flux.1-demo", "--variant", "florence-2-demo")
    found = checks(done)
    assert list(found) == NAMES
    assert found["deployment"]["ok"] == "not checked"
    assert "`bottega --stack .bottega doctor`" in found["deployment"]["detail"]
    assert {found[name]["ok"] for name in NAMES[1:]} == {"ok"}, found
    assert found["weights"]["detail"] == "complete for flux.1-demo, florence-2-demo"
    assert "flux.1-demo" in found["memory"]["detail"]
    assert done.exit_code == 0


def test_without_a_model_memory_and_weights_say_how() -> None:
    found = checks(run("--json"))
    for name in ("memory", "weights"):
        assert found[name]["ok"] == "not checked"
        assert "--variant" in found[name]["detail"]


def test_a_deployment_without_its_database_is_wrong() -> None:
    done = run("--json", REDIS_URL="redis://127.0.0.1:9/0")
    assert done.exit_code == 1
    detail = checks(done)["deployment"]["detail"]
    assert detail == "REDIS_URL is set, and DATABASE_URL is not: set it too, or neither"


def test_a_model_that_is_not_known_is_wrong_and_the_rest_goes_on() -> None:
    done = run("--json", "--variant", "flux.9")
    assert done.exit_code == 1
    assert "flux.9" in checks(done)["weights"]["detail"]


def test_a_stack_that_was_not_started_names_both_ways_on(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException) as raised:
        _read_settings(tmp_path / "none")
    assert "`bottega up` starts one; `bottega doctor` without --stack" in raised.value.message
