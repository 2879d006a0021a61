"""Two environments made from the lock, each with a cache of its own, are the same, file by file."""

import csv
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UV = Path(sys.executable).with_name("uv")
EXTRAS = "api,local,otel,scenes"


def install(folder: Path) -> dict[str, str]:
    """The hash of every installed file, by its path, as the packages' own records say."""
    venv.create(folder / "env", with_pip=False)
    python, lock = folder / "env/bin/python", ROOT / "requirements.lock"
    aside = ["--quiet", "--python", python, "--cache-dir", folder / "cache"]
    locked = ["--constraint", lock, "--build-constraint", lock]
    command = [UV, "pip", "install", *aside, *locked, f"{ROOT}[{EXTRAS}]"]
    subprocess.run(command, check=True)  # noqa: S603 - the environment's own uv
    [packages] = folder.glob("env/lib/python*/site-packages")
    return dict(records_of(packages))


def records_of(packages: Path) -> Iterator[tuple[str, str]]:
    for record in packages.glob("*.dist-info/RECORD"):
        with record.open(newline="") as lines:
            yield from ((row[0], row[1]) for row in csv.reader(lines))


@pytest.mark.slow
def test_two_environments_from_two_caches_are_the_same(tmp_path: Path) -> None:
    first, second = install(tmp_path / "first"), install(tmp_path / "second")
    assert len(first) > 5_000
    # A script names the Python of its own environment; the project's own wheel is built anew.
    scripts = {path for path in first if path.startswith("../../../bin/")}
    assert first.keys() == second.keys()
    differing = {path for path in first if first[path] != second[path]} - scripts
    assert {path for path in differing if not path.startswith("bottega-")} == set()
