"""Runs code samples of the playground as their readers do."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from api.web.shared.literals import KEY_VARIABLE, Sample

_SECONDS = 90


def run_python(
    sample: Sample,
    folder: Path,
    key: str,
    *,
    packages: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a Python sample; return what it prints.

    Args:
        sample: the sample.
        folder: where it runs, and saves its pictures; it is made.
        key: the API key.
        packages: a folder of packages to import from first.
        environment: further variables.
    """
    path = {} if packages is None else {"PYTHONPATH": str(packages)}
    return _run([sys.executable], sample, folder, {**path, **(environment or {})}, key)


def run_javascript(sample: Sample, folder: Path, key: str, *, node: Path, packages: Path) -> str:
    """Run a JavaScript sample by Node, with the packages of a folder; return what it prints."""
    folder.mkdir(parents=True)
    (folder / "node_modules").symlink_to(packages)
    return _run([str(node)], sample, folder, {}, key)


def _run(
    command: Sequence[str],
    sample: Sample,
    folder: Path,
    environment: Mapping[str, str],
    key: str,
) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / ("sample.py" if sample.language == "python" else "sample.mjs")
    script.write_text(sample.text)
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(  # noqa: S603 - our own sample
        [*command, str(script)],
        cwd=folder,
        env={**inherited, **environment, KEY_VARIABLE: key},
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, f"{sample.title}:\n{sample.text}\n{done.stderr[-2000:]}"
    return done.stdout
