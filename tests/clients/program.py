"""Runs a client's program, and reads what it tells of its steps."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.install import node_of

PROGRAMS = Path(__file__).with_name("programs")
_SECONDS = 900
_KEPT = ("PATH", "HOME", "LANG", "CLIENT_STEP")
_STEP = re.compile(r"""^(?:@step|step)\(\s*"([^"]+)"(, short=True)?""", re.MULTILINE)

Json = dict[str, Any]


@dataclass(frozen=True)
class Program:
    """A program and the packages that it runs with.

    Attributes:
        file: in `programs/`.
        group: of versions.toml.
    """

    file: str
    group: str

    @property
    def name(self) -> str:
        """The name in reports: the file's, and the group where one file has two."""
        return f"{Path(self.file).stem}-{self.group}"

    def steps(self, *, short: bool = False) -> list[str]:
        """Its steps, as its text names them."""
        text = (PROGRAMS / self.file).read_text()
        return [found[0] for found in _STEP.findall(text) if found[1] or not short]

    def run(self, folder: Path, facts: Path, *, short: bool = False) -> Mapping[str, Json]:
        """Run it to its end; the report of each step that it did.

        Args:
            folder: where `install.py` put the clients.
            facts: see `Scene.facts`.
            short: only the steps of `make test`.
        """
        environment = {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            **_trust(json.loads(facts.read_text())["authority"]),
            "BOTTEGA_CLIENT_FACTS": str(facts),
            **({"CLIENT_STEPS": "short"} if short else {}),
        }
        if self.file.endswith(".mjs"):
            command = self._node(folder)
        else:
            command = [sys.executable, str(PROGRAMS / self.file)]
            packages = folder if short else folder / "python" / self.group
            environment["PYTHONPATH"] = str(packages)
        done = subprocess.run(  # noqa: S603 - our own program
            command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        lines = [
            json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"step"')
        ]
        if not lines:
            raise AssertionError(done.stderr[-4000:])
        return {line["step"]: line for line in lines}

    def _node(self, folder: Path) -> Sequence[str]:
        # Node looks for packages beside the program.
        target = folder / "javascript" / self.group / "programs"
        shutil.copytree(PROGRAMS, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py"))
        return [str(node_of(folder)), str(target / self.file)]


def _trust(authority: str) -> dict[str, str]:
    """The two variables that the stack's greeting names."""
    return {"SSL_CERT_FILE": authority, "NODE_EXTRA_CA_CERTS": authority}
