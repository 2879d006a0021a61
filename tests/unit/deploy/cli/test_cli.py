"""The command line: what it lists, what it refuses, what it takes from the environment."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deploy.cli.errors import Group
from deploy.cli.main import main
from tests.support.commands import subcommands

DOCUMENTED = {
    *("up", "demo", "api", "worker", "fleet", "courier"),
    *("migrate", "tenants", "keys", "doctor", "bench"),
}


def commands(group: click.Group, name: str = "bottega") -> Iterator[tuple[str, click.Command]]:
    """Every command below a group, with the words that call it."""
    for word, command in subcommands(group).items():
        yield f"{name} {word}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {word}")


def test_every_documented_command_is_there() -> None:
    assert set(subcommands(main)) >= DOCUMENTED


@pytest.mark.parametrize(("name", "command"), [*commands(main)])
def test_every_command_explains_itself_and_its_options(name: str, command: click.Command) -> None:
    done = CliRunner().invoke(command, ["--help"], prog_name=name)
    assert done.exit_code == 0
    assert f"Usage: {name}" in done.output
    assert command.help
    for parameter in command.params:
        assert any(
            word in done.output for word in (*parameter.opts, *map(str.upper, parameter.opts))
        )


def test_the_command_itself_explains_what_there_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for command in subcommands(main):
        assert f"\n  {command} " in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["up", "--port", "65536"],
        ["up", "--port", "x"],
        ["worker"],
        ["fleet"],
        ["fleet", "/nowhere/fleet.toml"],
        ["tenants", "create"],
        ["tenants", "create", ""],
        ["tenants", "create", " \u3000"],
        ["tenants", "create", "x" * 101],
        ["keys", "create", "--operator", "--name", "x" * 101],
        ["operators", "create", "\udcff"],
        ["jobs", "cancel"],
        ["jobs", "cancel", "job_x", "--state", "queued"],
        ["tenants", "credit", "ten_x", "0", "--reference", "r"],
        ["tenants", "credit", "ten_x", "1" + "0" * 30, "--reference", "r"],
        ["tenants", "credit", "ten_x", "5"],
        ["keys", "create"],
        ["keys", "create", "--operator", "--tenant", "ten_x"],
    ],
)
def test_a_wrong_command_line_ends_with_2(arguments: list[str]) -> None:
    done = CliRunner(env={"DATABASE_URL": None}).invoke(plain_main(), arguments)
    assert done.exit_code == 2, done.output


def plain_main() -> click.Group:
    """The command without its callback, which would redirect this process's logs."""
    return Group("bottega", commands=subcommands(main))


def test_settings_that_are_missing_are_named() -> None:
    done = CliRunner(env={"DATABASE_URL": None}).invoke(plain_main(), ["tenants", "list"])
    assert done.exit_code == 1
    assert "DATABASE_URL" in done.output
    assert "Traceback" not in done.output


FLEET = """
[[workers]]
device = "cuda:0"
variants = ["flux.1-schnell"]

[[workers]]
device = "cpu"
variants = ["florence-2-demo", "flux.1-demo"]
"""


def check_fleet(tmp_path: Path, text: str) -> click.testing.Result:
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    return CliRunner().invoke(plain_main(), ["fleet", str(path), "--check"])


def test_a_fleet_file_is_checked_without_starting_anything(tmp_path: Path) -> None:
    done = check_fleet(tmp_path, FLEET)
    assert done.exit_code == 0
    first, unseen, second, *fits = done.output.splitlines()
    assert "--device cuda:0" in first
    assert first.endswith("--variant flux.1-schnell")
    assert unseen.startswith("  not known: cuda:0 is not on this machine")
    assert "--device cpu" in second
    assert second.endswith("--variant florence-2-demo --variant flux.1-demo")
    assert [line.split(": ")[:2] for line in fits] == [
        ["  fits", "florence-2-demo"],
        ["  fits", "flux.1-demo"],
    ]


def test_a_fleet_whose_models_do_not_fit_is_refused(tmp_path: Path) -> None:
    entry = '[[workers]]\ndevice = "cuda:0"\nvariants = ["flux.1-dev"]\nmemory = "12GB"\n'
    fitting = check_fleet(tmp_path, entry)
    assert fitting.exit_code == 0
    assert "fits: flux.1-dev: nf4, text encoders in the host's memory" in fitting.output
    refused = check_fleet(tmp_path, f'{entry}precision = "bf16"\noffload = "none"')
    assert refused.exit_code == 1
    assert "DOES NOT FIT: flux.1-dev takes 35.7 GB of device memory" in refused.output
    assert "it fits as nf4, text encoders in the host's memory" in refused.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "workers"),
        ("[[workers]", "line 1"),
        ('[[workers]]\ndevice = "tpu:0"\nvariants = ["flux.1-demo"]', "device"),
        ('[[workers]]\ndevice = "cpu"\nvariants = []', "variants"),
        ('[[workers]]\ndevice = "cpu"\nvariants = ["flux.1-dem"]', "Did you mean flux.1-demo?"),
        ('[[workers]]\ndevice = "cpu"\nvariants = ["flux.1-demo"]\ncolour = 1', "colour"),
        (FLEET.replace("cpu", "cuda:0"), "one worker per device"),
    ],
)
def test_a_bad_fleet_file_is_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    done = check_fleet(tmp_path, text)
    assert done.exit_code == 78  # a restart does not mend it
    assert says in done.output
    assert "fleet.toml" in done.output
    assert "Traceback" not in done.output


def test_a_fleet_file_that_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_bytes(b"\xff\xfe\x00")
    done = CliRunner().invoke(plain_main(), ["fleet", str(path), "--check"])
    assert done.exit_code == 78
    assert "fleet.toml" in done.output


def test_a_log_line_is_one_json_object() -> None:
    code = (
        "import logging, structlog\n"
        "from deploy.process import logging as logs\n"
        "logs.configure()\n"
        "structlog.get_logger('a').info('ours', n=1)\n"
        "logging.getLogger('b').warning('theirs %s', 2)\n"
        "logging.getLogger('b').info('too much')\n"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["ours", "theirs 2"]
    assert lines[0]["n"] == 1
    assert all({"level", "timestamp"} <= line.keys() for line in lines)
    assert done.stdout == ""


@pytest.mark.parametrize("url", ["nonsense-with-secret", "{scheme}://secret@h:port/1", ""])
@pytest.mark.parametrize(
    ("variable", "scheme"), [("DATABASE_URL", "postgresql"), ("REDIS_URL", "redis")]
)
def test_a_malformed_url_of_a_server_is_a_sentence_without_the_url(
    variable: str, scheme: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/none")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv(variable, url.format(scheme=scheme))
    group = Group("bottega", commands=subcommands(main))
    done = CliRunner().invoke(group, ["queues", "resume", "flux.1-demo"])
    assert done.exit_code == 1
    assert done.output.startswith("Error: settings that are missing or invalid: ")
    assert variable in done.output
    assert "secret" not in done.output
    assert done.output.count("\n") == 1
