"""`bottega catalog`, and what every process says of a broken catalogue file."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli.main import main
from deploy.process.exit_status import EXIT_CONFIGURATION
from tests.support.guides import ROOT

EXAMPLE = ROOT / "deploy" / "models.example.toml"
BROKEN = '[models."flux.1-demo"]\nmax_batch = 0\nprise = 1\n'


def bottega(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["catalog", *arguments])


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOTTEGA_CATALOG", str(EXAMPLE))


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "models.toml"
    file.write_text(BROKEN)
    monkeypatch.setenv("BOTTEGA_CATALOG", str(file))
    return file


@pytest.mark.usefixtures("example")
def test_the_list_tells_where_each_model_is_from() -> None:
    rows = {row["id"]: row for row in json.loads(bottega("list", "--json").output)}
    origins = {name: rows[name]["from"] for name in ("flux.1-demo", "flux.2-pro", "flux.1-studio")}
    assert origins == {"flux.1-demo": "built-in", "flux.2-pro": "changed", "flux.1-studio": "file"}
    assert rows["flux.1-dev"]["enabled"] is False
    assert rows["flux.1-studio"]["weights"] == "/models/studio"
    assert rows["flux.2-klein-4b"]["price"]["unit_micros"] == 10_000
    table = bottega("list").output
    assert "$0.045 a megapixel, then $0.02" in table
    assert "owner/florence-2-shelves@COMMIT" in table


@pytest.mark.usefixtures("example")
def test_a_calibration_is_shown_where_there_is_one() -> None:
    def shown(name: str) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = json.loads(bottega("show", name, "--json").output)[
            "calibration"
        ]
        return found

    assert shown("florence-2-shelves") == {
        "object_detection": {"bias": -0.2, "label": 1.1, "place": -1.4}
    }
    assert "region_proposal" in shown("florence-2-demo")
    assert shown("florence-2-large") == {}


@pytest.mark.usefixtures("example")
def test_a_model_is_shown_by_its_alias() -> None:
    shown = json.loads(bottega("show", "klein", "--json").output)
    assert (shown["id"], shown["aliases"], shown["max_batch"]) == ("flux.2-klein-4b", ["klein"], 2)
    text = bottega("show", "flux.1-studio").output
    assert "price:            $0.02 a megapixel, then $0.01" in text
    assert "file /models/grain.safetensors, scale 0.8" in text
    assert shown["foreign_names"]["replicate"] == ["black-forest-labs/flux-2-klein-4b"]
    assert "fal-ai/flux-2/klein/4b" in bottega("show", "klein").output
    schema = json.loads(bottega("show", "flux.1-studio", "--schema").output)
    assert schema["properties"]["steps"]["maximum"] == 40
    assert "Did you mean flux.1-studio?" in bottega("show", "flux.1-studo").output


def test_a_check_tells_each_change_and_what_is_missing_here() -> None:
    done = bottega("check", str(EXAMPLE))
    assert done.exit_code == 0
    assert "disables flux.1-dev: " in done.output
    assert "adds flux.1-studio: FLUX.1 [dev], in the studio's style, $0.02 a" in done.output
    assert "not on this machine: /models/studio; a worker of it needs it" in done.output
    assert f"{EXAMPLE} is well: digest " in done.output


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"<html>", "is a web page, not a safetensors file"), (b"", "is empty")],
)
def test_a_check_reads_the_header_of_a_lora_that_is_here(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "style.safetensors").write_bytes(content)
    file = tmp_path / "models.toml"
    file.write_text(
        '[models."flux.1-mine"]\nbase = "flux.1-demo"\nloras = [{ file = "style.safetensors" }]\n'
    )
    done = bottega("check", str(file))
    assert done.exit_code == 1
    assert f"broken: {tmp_path}/style.safetensors {sentence}; fetch or copy it" in done.output
    assert "names weights that are broken" in done.output
    (tmp_path / "style.safetensors").write_bytes(b"\2" + bytes(7) + b"{}")
    assert bottega("check", str(file)).exit_code == 0


def test_a_check_prints_every_fault(broken: Path) -> None:
    for arguments in (["check"], ["check", str(broken)]):
        done = bottega(*arguments)
        assert done.exit_code == 1
        assert (
            f'{broken}, line 2: models."flux.1-demo".max_batch: must be at least 1' in done.output
        )
        assert f'{broken}, line 3: models."flux.1-demo".prise: there is no such' in done.output


def test_a_check_of_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOTTEGA_CATALOG", raising=False)
    assert "name a FILE, or set BOTTEGA_CATALOG" in bottega("check").output


@pytest.mark.parametrize(
    "arguments",
    [
        ["api"],
        ["courier"],
        ["worker", "--variant", "flux.1-demo"],
        ["up", "--data-dir", "data"],
        ["fleet", "fleet.toml", "--check"],
        ["catalog", "list"],
        ["jobs", "list", "--model", "flux.1-demo"],
    ],
    ids=" ".join,
)
def test_a_broken_file_ends_each_process_with_one_sentence(
    broken: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    Path("fleet.toml").write_text('[[workers]]\ndevice = "cpu"\nvariants = ["flux.1-demo"]\n')
    done = CliRunner().invoke(main, arguments)
    # A supervisor leaves a worker alone that ends so: only an operator can mend it.
    assert done.exit_code == (EXIT_CONFIGURATION if arguments[0] in {"worker", "fleet"} else 1)
    assert done.output.startswith(
        f'Error: {broken}, line 2: models."flux.1-demo".max_batch: must be at least 1, not 0'
    )
    assert done.output.count("\n") == 1


@pytest.mark.usefixtures("example")
def test_a_stack_serves_no_disabled_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["up", "--data-dir", "data", "--variant", "flux.1-dev"])
    assert done.output == "Error: The model flux.1-dev is disabled by the operator.\n"
    assert done.exit_code == 1


@pytest.mark.usefixtures("example")
def test_a_model_whose_weights_are_elsewhere_is_planned_as_its_base() -> None:
    done = bottega("plan", "--variant", "flux.1-studio", "--memory", "24GB", "--json")
    assert (
        "flux.1-studio: /models/studio is not on this machine; planned as flux.1-dev" in done.stderr
    )
    own = json.loads(done.stdout)
    base = json.loads(
        bottega("plan", "--variant", "flux.1-dev", "--memory", "24GB", "--json").stdout
    )
    assert {row["model"] for row in own} == {"flux.1-studio"}
    assert [row["weights_bytes"] for row in own] == [row["weights_bytes"] for row in base]
