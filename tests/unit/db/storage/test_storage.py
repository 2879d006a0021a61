"""Keys, settings, and what a local store does when the disk fails it."""

import errno
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from db.storage.keys import input_key, result_key
from db.storage.local import LocalStore
from db.storage.object_store import (
    StoredObject,
    StoreError,
    StoreMisconfiguredError,
    StoreUnavailableError,
    check_key,
)
from db.storage.s3 import S3Store
from db.storage.settings import StorageSettings, open_store


def test_a_result_s_key_contains_its_attempt() -> None:
    key = result_key("ten_1", date(2026, 3, 9), "job_7", attempt=2, n=0, ext="png")
    assert key == "results/ten_1/2026-03-09/job_7/2/0.png"
    check_key(key)


def test_an_input_s_key_is_its_content() -> None:
    key = input_key("ten_1", "ab" * 32)
    assert key == f"inputs/ten_1/{'ab' * 32}"
    check_key(key)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET", "pictures")
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("S3_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("BOTTEGA_PRESIGN", "true")
    settings = StorageSettings()
    assert settings.presign
    assert "hush" not in repr(settings)
    store = open_store(settings)
    assert isinstance(store, S3Store)
    url = store.presign("a/0.png", 60)
    assert url.startswith("http://127.0.0.1:9/pictures/a/0.png?")


def test_a_folder_in_the_environment_is_a_local_store(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BOTTEGA_STORE_DIR", str(tmp_path / "store"))
    store = open_store(StorageSettings())
    assert not (tmp_path / "store").exists()
    store.put("a/0", b"x", "text/plain")
    assert (tmp_path / "store" / "a" / "0").read_bytes().startswith(b"x")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "set BOTTEGA_STORE_DIR, or S3_BUCKET"),
        ({"store_dir": Path("/a"), "bucket": "b"}, "not both"),
        ({"store_dir": Path("/a"), "endpoint_url": "http://s3"}, "not both"),
        ({"endpoint_url": "http://s3"}, "not S3_BUCKET"),
        ({"bucket": "b", "access_key_id": "id"}, "both S3_ACCESS_KEY_ID and"),
        ({"bucket": "b", "secret_access_key": "hush"}, "both S3_ACCESS_KEY_ID and"),
    ],
)
def test_unclear_settings_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(StoreMisconfiguredError, match=said):
        open_store(StorageSettings(**given))


def test_a_local_store_does_not_import_the_aws_sdk() -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from db.storage.settings import StorageSettings, open_store\n"
        "open_store(StorageSettings(store_dir=Path('/nowhere')))\n"
        "sys.exit('boto3' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)  # noqa: S603 - our own script


def test_a_full_disk_keeps_the_old_object_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    store.put("a/0", b"old", "image/png")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreUnavailableError, match="No space left"):
            store.put("a/0", b"new", "image/png")
    assert store.get("a/0") == StoredObject(b"old", "image/png")
    assert list((tmp_path / ".partial").iterdir()) == []


def test_an_unknown_disk_error_is_raised_as_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(_descriptor: int) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "fsync", odd)
    with pytest.raises(OSError, match="cross-device"):
        LocalStore(tmp_path).put("a/0", b"new", "image/png")


def test_a_file_that_no_store_wrote_is_no_object(tmp_path: Path) -> None:
    (tmp_path / "stray.png").write_bytes(b"\x89PNG" * 100)
    with pytest.raises(StoreError, match=r"stray\.png"):
        LocalStore(tmp_path).get("stray.png")


def test_deleting_the_last_object_of_a_folder_removes_the_folder(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b/0", b"x", "text/plain")
    store.put("a/1", b"x", "text/plain")
    store.delete("a/b/0")
    assert sorted(entry.name for entry in (tmp_path / "a").iterdir()) == ["1"]
    store.delete("a/1")
    assert tmp_path.exists()
    assert not (tmp_path / "a").exists()


def test_neither_key_nor_media_type_leads_out_of_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (tmp_path / "outside").write_bytes(b"secret")
    with pytest.raises(ValueError, match="not a key"):
        LocalStore(root).get("../outside")


def test_what_a_killed_writer_left_goes_by_its_age(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    now = datetime.now(UTC)
    assert store.remove_unfinished(before=now) == 0
    store.put("a/0", b"x", "text/plain")
    left = tmp_path / "store" / ".partial" / "4f"
    left.write_bytes(b"half of a picture")
    assert store.remove_unfinished(before=now - timedelta(hours=2)) == 0
    assert left.exists()
    os.utime(left, (0, 0))
    assert store.remove_unfinished(before=now - timedelta(hours=2)) == 1
    assert (left.exists(), store.get("a/0").data) == (False, b"x")
