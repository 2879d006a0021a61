"""A data folder of an earlier version is closed to others; what is not the stack's is kept."""

from pathlib import Path

from deploy.local.private_folder import make_private


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def old_folder(root: Path) -> Path:
    """A folder as earlier versions left it."""
    picture = root / "store" / "results" / "picture"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")
    (root / "keys.json").write_text("{}")
    for path in (root, root / "store", picture.parent):
        path.chmod(0o755)
    for path in (picture, root / "keys.json"):
        path.chmod(0o644)
    return picture


def test_a_folder_of_an_earlier_version_is_closed_to_its_last_file(tmp_path: Path) -> None:
    root = tmp_path / "data"
    old_folder(root)
    make_private(root)
    found = {path: mode(path) for path in [root, *root.rglob("*")]}
    assert len(found) == 5
    assert {path for path, bits in found.items() if bits & 0o077} == set()
    assert {bits for path, bits in found.items() if path.is_dir()} == {0o700}
    assert {bits for path, bits in found.items() if path.is_file()} == {0o600}


def test_a_new_folder_is_private(tmp_path: Path) -> None:
    make_private(tmp_path / "data")
    assert mode(tmp_path / "data") == 0o700


def test_what_is_not_the_stacks_keeps_its_modes(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("a program")
    outside.chmod(0o755)
    root = tmp_path / "home"
    picture = old_folder(root)
    own = root / "program"
    own.write_text("a program")
    own.chmod(0o755)
    (root / "store" / "link").symlink_to(outside)
    make_private(root)
    assert (mode(root), mode(own), mode(outside)) == (0o755, 0o755, 0o755)
    assert (mode(picture), mode(root / "store")) == (0o600, 0o700)
