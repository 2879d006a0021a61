"""The guides mention what exists: commands, targets, modules, paths, variables, links."""

import importlib
import importlib.util
import re
import secrets
from base64 import b64encode
from pathlib import Path

import pytest

from deploy.cli.main import main
from deploy.local.fleet import read_fleet
from tests.support.guide_mentions import (
    GUIDES,
    anchors_of,
    command_lines,
    commands_of,
    inline_code,
    links_of,
    modules_of,
    paths_of,
    targets_of,
    unknown_words,
)
from tests.support.guides import ROOT, Reader, tokens_of
from tests.unit.deploy.manifests.test_agreement import known_variables
from workers.catalog import Variant
from workers.catalog.flux import flux1_rows
from workers.catalog.operator_file.reading import catalogue_of
from workers.catalog.operator_file.schema import TABLES, ModelTable
from workers.catalog.registry import Catalogue
from workers.moderation.filter_file import read_rules
from workers.moderation.settings import ModerationSettings

OURS = ("api", "db", "deploy", "migrations", "workers")
MADE = {
    "demo-out/": "bottega demo",
    "models.toml": "cp deploy/models.example.toml",
    "prometheus-targets.json": "bottega up",
    "versions/NNNN_description.py": "a change of the schema",
}
"""Paths that are not in the repository, by what creates them."""

MOVED = "moved-modules.md"
"""The guide that lists former paths."""

every_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))


@every_guide
def test_each_command_is_one_that_there_is(guide: Path) -> None:
    assert [line for line in command_lines(guide) if _unknown(line)] == []


def _unknown(line: list[str]) -> list[str]:
    return [*unknown_words(line, main)]


def test_commands_are_found_and_judged() -> None:
    found = [" ".join(line) for guide in GUIDES for line in command_lines(guide)]
    assert {"up", "migrate", "doctor", "tiers"} <= set(found)
    assert "--stack .bottega doctor" in found
    for wrong in (["no"], ["up", "--no"], ["keys", "no"], ["--stack", "x", "keys", "list", "--no"]):
        assert _unknown(wrong) == wrong[-1:]
    assert _unknown(["--stack", "no", "doctor", "--variant=no", "--json"]) == []


@every_guide
def test_each_target_is_in_the_makefile(guide: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    assert targets_of(guide) <= targets


@every_guide
def test_each_module_that_is_run_imports(guide: Path) -> None:
    for name in modules_of(guide):
        assert importlib.util.find_spec(name), name
        if name.split(".")[0] in OURS:
            module = importlib.import_module(name)
            assert 'if __name__ == "__main__"' in Path(str(module.__file__)).read_text()


@every_guide
def test_each_path_is_there(guide: Path) -> None:
    if guide.name == MOVED:
        return
    missing = [
        path
        for path in paths_of(guide) - MADE.keys()
        if not (guide.parent / path).exists() and not _somewhere(path)
    ]
    assert missing == []


def _somewhere(path: str) -> bool:
    """True when the repository has the path, below its root or below a folder."""
    tops = ("", *OURS, "tests")
    return any((ROOT / top / path).exists() for top in tops) or any(
        next((ROOT / top).glob(f"**/{path.rstrip('/')}"), None) for top in tops[1:]
    )


@every_guide
def test_each_link_leads_somewhere(guide: Path) -> None:
    for link in links_of(guide):
        path, _, anchor = link.partition("#")
        target = (guide.parent / path) if path else guide
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@every_guide
def test_each_variable_is_one_that_is_read(guide: Path) -> None:
    known = known_variables() | {f"BOTTEGA_{n.upper()}" for n in ModerationSettings.model_fields}
    code = [*commands_of(guide), *inline_code(guide)]
    named = {name for text in code for name in re.findall(r"BOTTEGA_[A-Z0-9_]+[A-Z0-9]", text)}
    weights = {name for name in named if name.startswith("BOTTEGA_WEIGHTS_")}
    assert named - weights - known - {"BOTTEGA_WEIGHTS"} == set()


def test_the_row_that_the_guide_adds_is_one_that_can_be_served() -> None:
    [row] = [t.content for t in tokens_of(ROOT / "workers" / "README.md") if t.info == "python"]
    names = dict(vars(flux1_rows))
    exec(row, names)  # noqa: S102 - what a guide shows
    added: Variant = names["FLUX1_DEMO_QUICK"]
    found = Catalogue(flux1_rows.ROWS).with_rows(added).find("flux.1-demo-quick")
    asked = found.resolve_sizes(found.parameters.model_validate({"prompt": "a red circle"}), {})
    assert asked.model_dump()["steps"] == 2
    assert found.price.amount_micros(found.measure(asked, ())) == 500


def test_the_catalogue_file_of_the_guide_can_be_used_and_its_table_has_every_key() -> None:
    guide = ROOT / "workers" / "README.md"
    [text] = [t.content for t in tokens_of(guide) if t.info == "toml"]
    assert catalogue_of(Path("/etc/models.toml"), text).find("studio").id == "flux.1-studio"
    rows = guide.read_text().partition("| key | means |")[2].partition("\n\n")[0]
    table = [row.split(" | ")[0] for row in rows.splitlines()]
    assert set(re.findall(r"`(\w+)`", " ".join(table))) == set(ModelTable.model_fields)
    inner = {key for each in TABLES.values() for key in each.model_fields}
    assert {key for key in inner if not re.search(rf"\b{key}\b", rows)} == set()


def test_the_files_that_the_readme_shows_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reader(tmp_path, {}, {}).write_files_of(ROOT / "README.md")
    (tmp_path / "words.txt").write_text("a word\n")
    monkeypatch.setenv("JUDGE_SECRET", f"whsec_{b64encode(secrets.token_bytes(32)).decode()}")
    assert len(read_fleet(tmp_path / "fleet.toml").workers) == 2
    assert len(read_rules(tmp_path / "filters.toml").rules) == 1
