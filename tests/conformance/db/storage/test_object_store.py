"""The promises of every object store, checked on a disk and a real S3 server; then S3's own."""

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from boto3.session import Session
from botocore.config import Config

from db.storage.local import LocalStore
from db.storage.object_store import (
    MAX_KEY_CHARACTERS,
    InvalidObjectError,
    ObjectNotFoundError,
    ObjectStore,
    StoredObject,
    StoreMisconfiguredError,
)
from db.storage.s3 import S3Account, S3Store
from db.storage.settings import StorageSettings, open_store
from tests.servers.swift import S3Server

MAKERS = {"local": "local_store", "s3": "s3_store"}


@pytest.fixture(scope="module")
def account(s3_server: S3Server) -> S3Account:
    bucket = f"bottega-{uuid4().hex}"
    account = S3Account(
        bucket=bucket,
        region=s3_server.region,
        endpoint_url=s3_server.endpoint_url,
        access_key_id=s3_server.access_key_id,
        secret_access_key=s3_server.secret_access_key,
    )
    client = Session().client(
        "s3",
        endpoint_url=account.endpoint_url,
        region_name=account.region,
        aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket=bucket)
    return account


@pytest.fixture(scope="module")
def s3_store(account: S3Account) -> ObjectStore:
    settings = StorageSettings(
        bucket=account.bucket,
        region=account.region,
        endpoint_url=account.endpoint_url,
        access_key_id=account.access_key_id,
        secret_access_key=account.secret_access_key,
    )
    return open_store(settings)


@pytest.fixture(scope="module")
def local_store(tmp_path_factory: pytest.TempPathFactory) -> ObjectStore:
    return open_store(StorageSettings(store_dir=tmp_path_factory.mktemp("store") / "made-later"))


@pytest.fixture(params=list(MAKERS))
def store(request: pytest.FixtureRequest) -> ObjectStore:
    made: ObjectStore = request.getfixturevalue(MAKERS[request.param])
    return made


@pytest.fixture
def top() -> str:
    """A prefix of the test's own."""
    return f"t{uuid4().hex}"


def keys_under(store: ObjectStore, prefix: str) -> list[str]:
    return [info.key for info in store.list(prefix)]


def test_what_was_put_is_got_with_its_media_type(store: ObjectStore, top: str) -> None:
    store.put(f"{top}/0.png", b"\x89PNG\r\n\x1a\n\x00\xff", "image/png")
    assert store.get(f"{top}/0.png") == StoredObject(b"\x89PNG\r\n\x1a\n\x00\xff", "image/png")


def test_the_media_type_is_the_one_given_whatever_the_suffix(store: ObjectStore, top: str) -> None:
    store.put(f"{top}/0.png", b"{}", "application/json; charset=utf-8")
    store.put(f"{top}/bare", b"x", "image/webp")
    assert store.get(f"{top}/0.png").media_type == "application/json; charset=utf-8"
    assert store.get(f"{top}/bare").media_type == "image/webp"


def test_an_empty_object_is_an_object(store: ObjectStore, top: str) -> None:
    store.put(f"{top}/empty", b"", "text/plain")
    assert store.get(f"{top}/empty").data == b""
    assert store.head(f"{top}/empty").size_bytes == 0


def test_a_second_put_replaces_bytes_and_media_type(store: ObjectStore, top: str) -> None:
    store.put(f"{top}/0", b"a longer first version", "image/png")
    store.put(f"{top}/0", b"second", "image/jpeg")
    assert store.get(f"{top}/0") == StoredObject(b"second", "image/jpeg")
    assert store.head(f"{top}/0").size_bytes == len(b"second")


def test_a_file_is_put_and_got_as_bytes_are(store: ObjectStore, top: str, tmp_path: Path) -> None:
    data = bytes(range(256)) * 8193  # more than a chunk, and no whole number of them
    (tmp_path / "from").write_bytes(data)
    store.put_file(f"{top}/0", tmp_path / "from", "application/octet-stream")
    assert store.get(f"{top}/0") == StoredObject(data, "application/octet-stream")
    assert store.head(f"{top}/0").size_bytes == len(data)
    store.put(f"{top}/1", b"short", "text/plain")
    for key, expected in ((f"{top}/0", data), (f"{top}/1", b"short")):
        store.get_file(key, tmp_path / "to")
        assert (tmp_path / "to").read_bytes() == expected
    with pytest.raises(ObjectNotFoundError):
        store.get_file(f"{top}/absent", tmp_path / "to")
    with pytest.raises(InvalidObjectError):
        store.put_file("../up", tmp_path / "from", "text/plain")


def test_head_tells_size_and_age(store: ObjectStore, top: str) -> None:
    store.put(f"{top}/0", b"12345", "text/plain")
    info = store.head(f"{top}/0")
    assert (info.key, info.size_bytes) == (f"{top}/0", 5)
    assert abs(datetime.now(UTC) - info.modified_at) < timedelta(seconds=10)


def test_what_is_not_there_is_not_found(store: ObjectStore, top: str) -> None:
    store.put(f"{top}/folder/object", b"x", "text/plain")
    for key in (f"{top}/absent", f"{top}/folder", f"{top}/folder/object/below"):
        with pytest.raises(ObjectNotFoundError):
            store.get(key)
        with pytest.raises(ObjectNotFoundError):
            store.head(key)


def test_deleting_removes_and_may_be_repeated(store: ObjectStore, top: str) -> None:
    store.put(f"{top}/0", b"x", "text/plain")
    store.put(f"{top}/1", b"y", "text/plain")
    store.delete(f"{top}/0")
    store.delete(f"{top}/0")
    with pytest.raises(ObjectNotFoundError):
        store.get(f"{top}/0")
    assert keys_under(store, f"{top}/") == [f"{top}/1"]


def test_deleting_a_folder_s_name_removes_nothing(store: ObjectStore, top: str) -> None:
    store.put(f"{top}/folder/0", b"x", "text/plain")
    store.delete(f"{top}/folder")
    assert store.get(f"{top}/folder/0").data == b"x"


def test_a_key_is_free_again_after_its_delete(store: ObjectStore, top: str) -> None:
    store.put(f"{top}/a/b/c", b"x", "text/plain")
    store.delete(f"{top}/a/b/c")
    store.put(f"{top}/a", b"y", "text/plain")
    assert keys_under(store, top) == [f"{top}/a"]


def test_a_list_is_in_the_order_of_the_keys_with_sizes(store: ObjectStore, top: str) -> None:
    names = ["a/b", "a-b", "a.b", "B/c", "a/b2/c", "z", "a0"]
    for name in names:
        store.put(f"{top}/{name}", name.encode(), "text/plain")
    listed = list(store.list(f"{top}/"))
    assert [info.key for info in listed] == sorted(f"{top}/{name}" for name in names)
    assert all(info.size_bytes == len(info.key) - len(top) - 1 for info in listed)
    assert all(info.modified_at.utcoffset() == timedelta(0) for info in listed)


def test_a_list_takes_a_prefix_that_ends_within_a_name(store: ObjectStore, top: str) -> None:
    for name in ("t1/x", "t10/x", "t2/x", "t"):
        store.put(f"{top}/{name}", b"x", "text/plain")
    assert keys_under(store, f"{top}/t1") == [f"{top}/t1/x", f"{top}/t10/x"]
    assert keys_under(store, f"{top}/t1/") == [f"{top}/t1/x"]
    assert keys_under(store, f"{top}/absent/") == []
    assert set(keys_under(store, top)) < set(keys_under(store, ""))


def test_eight_megabytes_come_back_whole(store: ObjectStore, top: str) -> None:
    data = hashlib.shake_256(b"seed").digest(8 * 1024 * 1024)
    store.put(f"{top}/large", data, "application/octet-stream")
    assert store.get(f"{top}/large").data == data
    assert store.head(f"{top}/large").size_bytes == len(data)


def test_concurrent_puts_of_one_key_leave_one_of_them_whole(store: ObjectStore, top: str) -> None:
    versions = [StoredObject(bytes([n]) * (1000 * (n + 1)), f"image/x-{n}") for n in range(8)]

    def put(version: StoredObject) -> StoredObject:
        store.put(f"{top}/contended", version.data, version.media_type)
        return store.get(f"{top}/contended")

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(put, versions))
    assert all(each in versions for each in seen)
    assert store.get(f"{top}/contended") in versions


def test_puts_and_deletes_side_by_side_in_one_folder_lose_nothing(
    store: ObjectStore, top: str
) -> None:
    def come_and_go(n: int) -> None:
        for _ in range(5):
            store.put(f"{top}/deep/er/passing-{n}", b"x", "text/plain")
            store.delete(f"{top}/deep/er/passing-{n}")
        store.put(f"{top}/deep/er/kept-{n}", b"x", "text/plain")
        store.delete(f"{top}/deep/er/kept-{n}")
        store.put(f"{top}/deep/er/kept-{n}", b"y", "text/plain")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come_and_go, range(8)))
    assert keys_under(store, top) == [f"{top}/deep/er/kept-{n}" for n in range(8)]


@pytest.mark.parametrize(
    "name",
    ["a+b=c~d", "a..b", "-", "~", "x" * 200, "d/" * 60 + "leaf", "COM1", "a.png."],
)
def test_an_odd_key_is_kept(store: ObjectStore, top: str, name: str) -> None:
    key = f"{top}/{name}"
    store.put(key, b"odd", "text/plain")
    assert store.get(key).data == b"odd"
    assert keys_under(store, key) == [key]
    store.delete(key)
    assert keys_under(store, key) == []


BAD_KEYS = [
    *("", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", ".partial/x"),
    *("a b", "a\\b", "a\x00b", "a\nb", "a\n", "é", "a?b", "a#b", "a%2e", "a:b", "a&b"),
    *("x" * 201, "a/" * (MAX_KEY_CHARACTERS // 2) + "a"),
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_a_bad_key_is_refused_by_every_call(store: ObjectStore, key: str) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: store.put(key, b"x", "text/plain"),
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: store.delete(key),
        lambda: store.presign(key, 60),
    ]
    for call in calls:
        with pytest.raises(InvalidObjectError):
            call()


@pytest.mark.parametrize("prefix", ["/", "../", "a//", ".p", "a/../", "é", "x" * 201])
def test_a_bad_prefix_is_refused_before_the_first_object(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(InvalidObjectError):
        store.list(prefix)


@pytest.mark.parametrize(
    "media_type", ["", "png", "image/png\r\nX: y", "image/é", "a/" + "b" * 126, "a/b "]
)
def test_a_bad_media_type_is_refused(store: ObjectStore, top: str, media_type: str) -> None:
    with pytest.raises(InvalidObjectError):
        store.put(f"{top}/0", b"x", media_type)
    assert keys_under(store, top) == []


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1])
def test_a_bad_lifetime_is_refused(store: ObjectStore, top: str, seconds: int) -> None:
    with pytest.raises(InvalidObjectError):
        store.presign(f"{top}/0", seconds)


def test_a_disk_presigns_nothing(local_store: ObjectStore, top: str) -> None:
    assert local_store.presign(f"{top}/0", 60) is None


# S3's own.


def fetch(url: str) -> tuple[int, str, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a URL of the store
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


@pytest.fixture
def presigned(s3_store: ObjectStore, top: str) -> Callable[[int], str]:
    s3_store.put(f"{top}/0.png", b"picture", "image/png")

    def presign(seconds: int) -> str:
        url = s3_store.presign(f"{top}/0.png", seconds)
        assert url is not None
        return url

    return presign


def test_a_presigned_url_serves_the_object_to_anyone(presigned: Callable[[int], str]) -> None:
    assert fetch(presigned(60)) == (200, "image/png", b"picture")


def test_a_presigned_url_ends_when_it_should(presigned: Callable[[int], str]) -> None:
    url = presigned(2)
    assert fetch(url)[0] == 200
    deadline = time.monotonic() + 10
    while (answer := fetch(url))[0] == 200 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert answer[0] == 403
    assert b"expired" in answer[2]


def test_an_altered_presigned_url_serves_nothing(
    presigned: Callable[[int], str], s3_store: ObjectStore, top: str
) -> None:
    s3_store.put(f"{top}/1.png", b"another's", "image/png")
    url = presigned(60)
    longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")
    elsewhere = url.replace("/0.png?", "/1.png?")
    assert len({url, longer, elsewhere}) == 3
    assert [fetch(altered)[0] for altered in (longer, elsewhere)] == [403, 403]


def test_presigned_urls_name_the_public_endpoint_where_there_is_one(account: S3Account) -> None:
    public = S3Account(
        bucket=account.bucket,
        endpoint_url=account.endpoint_url,
        public_endpoint_url="https://pictures.example",
        access_key_id="id",
        secret_access_key="secret",
    )
    url = S3Store(public).presign("a/0.png", 60)
    assert url.startswith(f"https://pictures.example/{account.bucket}/a/0.png?")


@pytest.mark.parametrize(
    "wrong",
    [{"secret_access_key": "wrong"}, {"access_key_id": "no:one"}, {"bucket": "no-such-bucket"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_credentials_or_bucket_ask_for_an_operator(
    account: S3Account, wrong: dict[str, str]
) -> None:
    store = S3Store(S3Account(**{**account.__dict__, **wrong}))
    calls: list[Callable[[], Any]] = [
        lambda: store.put("a/0", b"x", "text/plain"),
        lambda: store.get("a/0"),
        lambda: list(store.list("a/")),
    ]
    for call in calls:
        with pytest.raises(StoreMisconfiguredError) as caught:
            call()
        assert not caught.value.retryable


def test_a_key_that_continues_another_is_refused_on_a_disk(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a/b", b"x", "text/plain")
    for key in ("a", "a/b/c", "a/b/c/d"):
        with pytest.raises(InvalidObjectError):
            store.put(key, b"x", "text/plain")
    assert keys_under(store, "") == ["a/b"]
    assert list((tmp_path / ".partial").iterdir()) == []
