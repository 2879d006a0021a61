"""The file that a living process touches."""

import os
from pathlib import Path

from workers.telemetry.liveness import show_life


def test_a_sign_of_life_makes_the_file_young(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    show_life(file)
    os.utime(file, (0, 0))
    show_life(file)
    assert file.stat().st_mtime > 0


def test_what_cannot_be_touched_costs_nothing(tmp_path: Path) -> None:
    show_life(tmp_path / "no folder" / "alive")
    show_life(None)
    assert list(tmp_path.iterdir()) == []
