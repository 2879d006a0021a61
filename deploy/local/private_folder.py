"""The modes of a local stack's data folder: its owner reads and writes it, and nobody else."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

ENTRIES = frozenset(
    {
        *("demo", "logs", "postgres", "redis", "store", "tls"),
        *("address", "keys.json", "lock", "prometheus-key", "prometheus-targets.json"),
        "settings.json",
    }
)
"""The names that the stack makes in its data folder."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private(data_dir: Path) -> None:
    """Make the folder if it is missing, and take the modes of others off what the stack made in it.

    Earlier versions left their files readable. Files that are not the stack's keep their modes, and
    so does a folder that holds any; nothing is looked through in a folder that is private already.

    Raises:
        OSError: the folder cannot be made or changed.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not data_dir.stat().st_mode & _OTHERS:
        return
    for name in ENTRIES:
        for path in _tree(data_dir / name):
            _close(path)
    # Last: a folder that is closed was looked through to its end.
    if {path.name for path in data_dir.iterdir()} <= ENTRIES:
        _close(data_dir)


def _tree(path: Path) -> Iterator[Path]:
    """The path and everything below it that this user owns, without following links."""
    if path.is_symlink() or not path.exists() or path.stat().st_uid != os.geteuid():
        return
    if path.is_dir():
        for entry in path.iterdir():
            yield from _tree(entry)
    yield path


def _close(path: Path) -> None:
    mode = path.stat().st_mode
    if mode & _OTHERS:
        path.chmod(stat.S_IMODE(mode) & ~_OTHERS)
