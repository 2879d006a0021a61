"""The file that a living process touches."""

import os
from pathlib import Path

from workers.telemetry.liveness import touch_liveness_file


def test_a_sign_of_life_makes_the_file_young(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    touch_liveness_file(file)
    os.utime(file, (0, 0))
    touch_liveness_file(file)
    assert file.stat().st_mtime > 0


def test_what_cannot_be_touched_costs_nothing(tmp_path: Path) -> None:
    touch_liveness_file(tmp_path / "no folder" / "alive")
    touch_liveness_file(None)
    assert list(tmp_path.iterdir()) == []
