"""`python -m deploy.docker.check [api|worker]`: an image's install steps, in a clean folder.

A check of a Dockerfile without a container runtime: the COPY and RUN lines of its build stage are
executed with the same Python version in an empty folder, then the installed command is started.
For the API's image, no model library may be installed.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from deploy.process.sigterm import raising_on_sigterm

ROOT = Path(__file__).parents[2]
PREFIX = "/opt/bottega"
"""The folder of the Python environment in the images; the check uses its own folder instead."""

EXPECTATIONS = {
    "api": (
        "import api.app, workers.courier.process, deploy.cli.make_bucket, db.core.migrate",
        "api",
    ),
    "worker": ("import torch, diffusers, transformers, workers.adapters.registry", "worker"),
}
"""By image: the imports that must work, and the command that must print its help."""

_MODEL_LIBRARIES = ("torch", "diffusers", "transformers", "accelerate", "safetensors")
_TIMEOUT_SECONDS = 1800
_IMAGE_PYTHON = re.compile(r"(?<![^\s])python ")
"""The image's Python, where a line calls it by name."""


@dataclass(frozen=True)
class BuildStage:
    """The first stage of a Dockerfile.

    Attributes:
        image: the base image.
        copies: source and destination, in order.
        runs: shell commands, in order.
    """

    image: str
    copies: Sequence[tuple[str, str]] = field(default_factory=list)
    runs: Sequence[str] = field(default_factory=list)


def read_build_stage(dockerfile: Path) -> BuildStage:
    """Read the first stage.

    Raises:
        ValueError: it has an instruction that this check does not know.
    """
    image, copies, runs = "", [], []
    for word, rest in _instructions(dockerfile.read_text()):
        if word == "FROM" and image:
            break
        match word:
            case "FROM":
                image = rest.split()[0]
            case "COPY":
                *sources, target = rest.split()
                copies += [(source, target) for source in sources]
            case "RUN":
                runs.append(rest)
            case "WORKDIR":
                pass
            case _:
                raise ValueError(
                    f"{dockerfile}: {word} is an instruction that this check does not know"
                )
    return BuildStage(image, copies, runs)


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, rest = line.split(maxsplit=1)
        yield word, rest


def install(stage: BuildStage, folder: Path) -> Path:
    """Execute a stage in an empty folder; returns the Python of its environment.

    Raises:
        subprocess.CalledProcessError: a step failed.
    """
    sources, prefix = folder / "src", folder / "opt"
    sources.mkdir(parents=True)
    for source, target in stage.copies:
        _copy(ROOT / source, sources / target)
    for run in stage.runs:
        click.echo(f"$ {run}")
        command = run.replace(PREFIX, shlex.quote(str(prefix)))
        _run(["sh", "-ec", _IMAGE_PYTHON.sub("python3.11 ", command)], sources)
    return prefix / "bin" / "python"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _run(command: Sequence[str], folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(  # noqa: S603 - the repository's own Dockerfile
        command,
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=_TIMEOUT_SECONDS,
    ).stdout


def check_environment(python: Path, name: str, folder: Path) -> dict[str, str]:
    """Start the installed command outside the sources; returns the installed packages' versions.

    Raises:
        subprocess.CalledProcessError: an import or the command failed.
        ValueError: an image that must have no model library has one.
    """
    imports, command = EXPECTATIONS[name]
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    _run([str(python), "-c", imports], elsewhere)
    _run([str(python.parent / "bottega"), command, "--help"], elsewhere)
    listing = _run([str(python), "-m", "pip", "list", "--format", "json"], elsewhere)
    packages = {row["name"].lower(): row["version"] for row in json.loads(listing)}
    unexpected = [package for package in _MODEL_LIBRARIES if package in packages]
    if name == "api" and unexpected:
        raise ValueError(f"the API's image would carry {', '.join(unexpected)}")
    return packages


@click.command()
@click.argument("name", type=click.Choice(sorted(EXPECTATIONS)), default="api")
def main(name: str) -> None:
    """Execute the install steps of an image in a clean folder, and start the installed command."""
    stage = read_build_stage(ROOT / "deploy" / "docker" / f"{name}.Dockerfile")
    with raising_on_sigterm(), tempfile.TemporaryDirectory(prefix=f"bottega-{name}-") as text:
        folder = Path(text)
        packages = check_environment(install(stage, folder), name, folder)
        size = sum(file.stat().st_size for file in folder.glob("opt/**/*") if file.is_file())
    torch = packages.get("torch", "none")
    click.echo(f"{name}: {len(packages)} packages, {size / 1e6:.0f} MB, torch: {torch}")


if __name__ == "__main__":
    main()
