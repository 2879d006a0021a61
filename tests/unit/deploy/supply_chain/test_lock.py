"""The lock of versions and hashes: whole, without addresses, and what is installed here."""

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[4]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ASIDE = {"bitsandbytes", "editables", "gguf", "hatchling", "pip"}
"""In other environments; pip comes with this one."""


def entries() -> Iterator[tuple[Requirement, str]]:
    for entry in re.split(r"\n(?=\S)", LOCK.strip()):
        head, _, hashes = entry.partition(" \\\n")
        yield Requirement(head), hashes


def applicable() -> dict[str, Requirement]:
    return {
        canonicalize_name(pin.name): pin
        for pin, _ in entries()
        if pin.marker is None or pin.marker.evaluate()
    }


def asked_for(extra: str) -> Iterator[Requirement]:
    for text in PROJECT["project"]["optional-dependencies"][extra]:
        asked = Requirement(text)
        if asked.name != "bottega":
            yield asked


def installed() -> set[str]:
    return {canonicalize_name(each.metadata["Name"]) for each in metadata.distributions()}


def test_every_entry_is_one_version_with_hashes_and_no_address() -> None:
    for pin, hashes in entries():
        [version] = pin.specifier
        assert version.operator == "==", pin
        assert pin.url is None
        lines = [line.strip(" \\") for line in hashes.splitlines()]
        assert lines
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in lines), pin
    assert "://" not in LOCK


def test_torch_and_the_libraries_of_its_cards_are_aside() -> None:
    names = {canonicalize_name(pin.name) for pin, _ in entries()}
    assert not {name for name in names if name in {"torch", "triton"} or name.startswith("nvidia")}


@pytest.mark.parametrize("extra", sorted(PROJECT["project"]["optional-dependencies"]))
def test_the_lock_satisfies_what_the_project_asks_for(extra: str) -> None:
    pins = applicable()
    for asked in [*map(Requirement, PROJECT["project"]["dependencies"]), *asked_for(extra)]:
        if asked.name == "torch":
            continue
        [version] = pins[canonicalize_name(asked.name)].specifier
        assert asked.specifier.contains(version.version, prereleases=True), asked


def test_what_torch_needs_is_locked_though_torch_is_not() -> None:
    pins = applicable()
    for text in metadata.requires("torch") or ():
        needed = Requirement(text)
        wanted = needed.marker is None or Marker(str(needed.marker)).evaluate({"extra": ""})
        if wanted and not needed.name.startswith(("nvidia", "cuda", "triton")):
            [version] = pins[canonicalize_name(needed.name)].specifier
            assert needed.specifier.contains(version.version), needed


def test_what_is_installed_here_is_what_the_lock_says() -> None:
    pins = applicable()
    differing = {
        name: metadata.version(name)
        for name in installed() & pins.keys() - ASIDE
        if not pins[name].specifier.contains(metadata.version(name), prereleases=True)
    }
    assert not differing
    # In the build that the machine's card needs.
    beside = installed() - pins.keys() - {"bottega", "pip", "torch", "triton"}
    assert not {name for name in beside if not name.startswith("nvidia")} - {"cuda-bindings"}
