"""The installed catalogue: the built-in rows, or those of the file that the environment names."""

from pathlib import Path

import pytest

from workers import catalog


def test_without_a_file_it_is_the_built_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOTTEGA_CATALOG", raising=False)
    assert catalog.installed() is catalog.STANDARD
    monkeypatch.setenv("BOTTEGA_CATALOG", "")
    assert catalog.installed() is catalog.STANDARD


def test_a_process_reads_its_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "models.toml"
    file.write_text('[models."flux.1-demo"]\naliases = ["demo"]\n')
    monkeypatch.setenv("BOTTEGA_CATALOG", str(file))
    before = catalog.installed()
    file.write_text("broken")
    assert catalog.installed() is before
    assert catalog.find("demo").id == catalog.id_of("demo") == "flux.1-demo"
    assert catalog.find("demo") in catalog.variants()


def test_a_broken_file_is_told_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "models.toml"
    file.write_text("x = 1\n")
    monkeypatch.setenv("BOTTEGA_CATALOG", str(file))
    for _ in range(2):
        with pytest.raises(catalog.CatalogueFileError, match=f"{file}, line 1: x: there is no"):
            catalog.find("flux.1-demo")
