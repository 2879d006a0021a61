"""What every export of weights has to see to."""

from pathlib import Path

READABLE = 0o644


def readable(folder: Path) -> None:
    """Let everybody read the files below a folder: safetensors are written for the owner alone."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(READABLE)
