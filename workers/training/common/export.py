"""File permissions of exported weights."""

from pathlib import Path

READABLE = 0o644


def make_readable(folder: Path) -> None:
    """Make all files below a folder readable for all users; safetensors writes them private."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(READABLE)
