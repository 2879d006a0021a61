"""The environment of a process that meets the stand-in for torch."""

import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]


def stub_environment(**told: Any) -> dict[str, str]:
    """The variables that put the stand-in before torch, with its devices and faults."""
    path = os.pathsep.join([str(FOLDER), str(ROOT)])
    return {"PYTHONPATH": path, "STUB_TORCH": json.dumps(told), "PATH": os.environ["PATH"]}
