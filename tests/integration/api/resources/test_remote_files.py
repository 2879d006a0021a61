"""Files by URL: fetched before the job is accepted, then validated and stored as any other."""

import hashlib
import io
import json
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import trustme
from fastapi.testclient import TestClient
from PIL import Image

from api.core.domain_errors import TooManyFetchesError
from api.core.errors import problem_of
from api.resources.remote_files import RemoteFileError, remote_loras, remote_pictures
from db.core.session import Database
from db.storage.local import LocalStore
from db.tenants import api_keys
from tests.servers.scripted import Script, head, reply, scripted
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.outbound import (
    PUBLIC,
    QUICK,
    Wires,
    guarded,
    listening,
    local,
    names,
)
from tests.support.waiting import at_once, await_true
from workers.outbound import Outbound

Json = dict[str, Any]

MAX_BYTES = 10_000
UNREACHABLE = (
    "the picture could not be fetched: its host is not on the public internet, does not answer, "
    "or has no valid certificate"
)


def fetch(outbound: Outbound, url: str) -> bytes:
    return remote_pictures(outbound, timeouts=QUICK).fetch("ten_1", url, max_bytes=MAX_BYTES)


def message_for(outbound: Outbound, url: str) -> str:
    """The message for the sender of a URL that cannot be fetched."""
    with pytest.raises(RemoteFileError) as refused:
        fetch(outbound, url)
    return str(refused.value)


def message_after(script: Script) -> str:
    """The message after a fetch from this server."""
    with scripted(script) as server:
        return message_for(local(), f"http://127.0.0.1:{server.port}/a.png?token=s3cret")


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:{port}/", "http://[::1]:{port}/", "http://[::ffff:7f00:1]:{port}/"),
        *("http://0.0.0.0:{port}/", "http://inside.example:{port}/", "http://10.0.0.1/"),
        *("http://169.254.169.254/latest/meta-data", "http://unknown.example/"),
        *("http://outside.example:{port}/", "https://[64:ff9b::7f00:1]/"),
    ],
)
def test_a_host_that_is_refused_and_one_that_does_not_answer_read_the_same(url: str) -> None:
    with listening() as listener:
        outbound = guarded(names(inside="127.0.0.1", outside=PUBLIC), Wires())

        assert message_for(outbound, url.format(port=listener.port)) == UNREACHABLE
        assert not listener.took_a_connection()


def test_no_certificate_reads_the_same_too() -> None:
    with scripted(reply(), reads=False) as server:
        assert message_for(local(), f"https://127.0.0.1:{server.port}/") == UNREACHABLE


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.1/a.png", "four decimal numbers"),
        ("http://a:b@pictures.example/", "must not hold a user name"),
        ("http://pictures.example:99999/", "not a port"),
    ],
)
def test_a_url_that_is_never_fetched_is_told_why(url: str, why: str) -> None:
    assert why in message_for(local(), url)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (reply(404), "its host answered 404"),
        (reply(302, location="/a.png?token=s3cret"), "more than 3 redirects"),
        (reply(body=b"x" * (MAX_BYTES + 1)), "more bytes than the limit, 10000"),
        (lambda _request: [head(200, content_length="5"), b"x"], "broke off"),
        (lambda _request: [head(200), 60.0], "in time: 0.6 seconds in all"),
    ],
)
def test_what_a_host_did_wrong_is_told_without_the_url(script: Script, why: str) -> None:
    message = message_after(script)

    assert why in message
    assert "s3cret" not in message


def test_the_messages_about_a_lora_call_it_a_file() -> None:
    with scripted(reply(404)) as server, pytest.raises(RemoteFileError) as refused:
        remote_loras(local()).fetch("ten_1", f"http://127.0.0.1:{server.port}/", max_bytes=9)
    assert str(refused.value) == "the file could not be fetched: its host answered 404"


def test_a_file_is_written_as_it_arrives_and_hashed(tmp_path: Path) -> None:
    body = b"0123456789" * 100_000
    with scripted(reply(body=body)) as server:
        sha256 = remote_loras(local()).download(
            "ten_1", f"http://127.0.0.1:{server.port}/", tmp_path / "file", max_bytes=len(body)
        )
    assert (tmp_path / "file").read_bytes() == body
    assert sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (reply(body=b"x" * 11), "more bytes than the limit, 10"),
        (lambda _request: [head(200), b"x" * 11], "more bytes than the limit, 10"),
        (reply(body=b"x", content_encoding="gzip"), "encoded in a way that was not asked for"),
        (lambda _request: [head(200, content_length="5"), b"x"], "broke off"),
    ],
)
def test_a_file_that_is_not_written_whole_is_told_why(
    script: Script, why: str, tmp_path: Path
) -> None:
    files, path = remote_loras(local()), tmp_path / "file"
    with scripted(script) as server:
        url = f"http://127.0.0.1:{server.port}/"
        with pytest.raises(RemoteFileError, match=why):
            files.download("ten_1", url, path, max_bytes=10)


def test_a_tenant_holds_no_more_than_its_share_of_the_fetches() -> None:
    go_on = Event()

    def held(request: bytes) -> Iterator[bytes]:
        go_on.wait(10)
        yield from reply(body=b"x")(request)  # type: ignore[misc]

    with scripted(held) as server:
        urls = remote_pictures(local(), max_fetches=3, max_fetches_per_tenant=2)
        url = f"http://127.0.0.1:{server.port}/"

        def one(tenant_id: str) -> Callable[[], bytes]:
            return lambda: urls.fetch(tenant_id, url, max_bytes=MAX_BYTES)

        def others_while_held() -> bytes:
            assert await_true(lambda: len(server.requests) == 2)
            refused("ten_1")
            with_third = at_once([one("ten_2"), refuse_the_fourth])
            return with_third[0]

        def refuse_the_fourth() -> bytes:
            assert await_true(lambda: len(server.requests) == 3)
            refused("ten_3")
            go_on.set()
            return b""

        def refused(tenant_id: str) -> None:
            with pytest.raises(TooManyFetchesError) as full:
                urls.fetch(tenant_id, url, max_bytes=MAX_BYTES)
            problem = problem_of(full.value)
            assert (problem.status, problem.headers["Retry-After"]) == (503, "2")
            assert problem.detail == (
                "too many pictures are being fetched; try again in a moment, or upload them"
            )

        assert at_once([one("ten_1"), one("ten_1"), others_while_held]) == [b"x"] * 3
        assert urls.fetch("ten_1", url, max_bytes=MAX_BYTES) == b"x"


def png(size: tuple[int, int] = (32, 24)) -> bytes:
    """A picture."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The certificate authority that the service trusts."""
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def client(
    make_api: MakeApi,
    database: Database,
    authority: trustme.CA,
    tmp_path: Path,
) -> Iterator[TestClient]:
    """A tenant of a service whose operator allows pictures from 127.0.0.1."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    settings = {
        "BOTTEGA_OUTBOUND_ALLOW": '["127.0.0.1/32"]',
        "BOTTEGA_OUTBOUND_PORTS": "[]",
        "BOTTEGA_OUTBOUND_CA_FILE": str(tmp_path / "ca.pem"),
    }
    app = make_api(**settings)
    tenant_id = jobs.add_tenant(database)
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="")
    headers = {"Authorization": f"Bearer {key}"}
    with TestClient(app, base_url="http://bottega.test", headers=headers) as speaking:
        yield speaking


def look(client: TestClient, image: str) -> Any:
    given = {"image": image, "task": "<OD>"}
    return client.post("/v1/jobs", json={"model": "florence-2-demo", "input": given})


def refusal(client: TestClient, image: str) -> str:
    """The message of a refused submission; it made no job."""
    answer = look(client, image)
    assert answer.status_code == 422, answer.text
    problem: Json = answer.json()
    assert problem["errors"][0]["loc"] == ["body", "input", "image"]
    assert client.get("/v1/jobs").json()["jobs"] == []
    return str(problem["detail"])


def test_a_submission_by_url_stores_the_picture_as_an_upload_does(
    client: TestClient, store: LocalStore, database: Database, tls: ssl.SSLContext
) -> None:
    data = png()
    with scripted(reply(body=data, content_type="text/plain"), tls) as server:
        answer = look(client, f"https://127.0.0.1:{server.port}/a?token=s3cret")
    uploaded = client.post("/v1/files", files={"file": ("a.png", data, "image/png")}).json()

    assert answer.status_code == 202, answer.text
    row = jobs.found(database, answer.json()["id"])
    assert store.get(row.input["image"]).data == data
    assert row.input["image"].endswith(uploaded["sha256"])
    assert "s3cret" not in str(row.input)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "not a PNG, JPEG, WebP"),
        (png()[:-30], "damaged"),
        (b"", "not a PNG"),
        (png((5000, 5000)), "20000000 in all is the limit"),
    ],
)
def test_what_comes_is_checked_like_an_upload(
    body: bytes, why: str, client: TestClient, tls: ssl.SSLContext
) -> None:
    with scripted(reply(body=body, content_type="image/png"), tls) as server:
        assert why in refusal(client, f"https://127.0.0.1:{server.port}/a.png")


def test_a_picture_with_too_many_bytes_is_left_unread(
    client: TestClient, tls: ssl.SSLContext
) -> None:
    with scripted(lambda _request: [head(200, content_length="20000001"), 1.0], tls) as server:
        assert "20000000" in refusal(client, f"https://127.0.0.1:{server.port}/a.png")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "https://127.0.0.2:{port}/",
        "https://[::1]:{port}/",
        "HTTPS://0/",
    ],
)
def test_what_the_operator_did_not_allow_is_refused(url: str, client: TestClient) -> None:
    with listening() as listener:
        refusal(client, url.format(port=listener.port))
        assert not listener.took_a_connection()


def test_an_artifacts_url_is_known_before_it_is_taken_for_another_hosts(
    client: TestClient,
) -> None:
    with listening() as listener:
        refusal(client, f"https://127.0.0.1:{listener.port}/v1/artifacts/junk/0.png")
        assert not listener.took_a_connection()


def test_a_slow_host_delays_nobody_else(client: TestClient, tls: ssl.SSLContext) -> None:
    go_on = Event()

    def held(request: bytes) -> Iterator[bytes]:
        go_on.wait(10)
        yield from reply(body=png())(request)  # type: ignore[misc]

    with scripted(held, tls) as server:
        slow = [lambda: look(client, f"https://127.0.0.1:{server.port}/").status_code] * 12

        def another() -> int:
            assert await_true(lambda: len(server.requests) == 8)
            began = time.monotonic()
            status: int = client.get("/v1/account").status_code
            assert time.monotonic() - began < 2
            go_on.set()
            return status

        answers = at_once([*slow, another])

    assert answers[-1] == 200
    assert sorted(answers[:-1]) == [202] * 8 + [503] * 4


def lora(size: int = 2) -> bytes:
    """A safetensors file of one matrix of size x size."""
    name = "transformer.transformer_blocks.0.attn.to_q.lokr_w1"
    entry = {"dtype": "F32", "shape": [size, size], "data_offsets": [0, 4 * size**2]}
    header = json.dumps({name: entry}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(4 * size**2)


def submit_lora(client: TestClient, url: str) -> Any:
    given = {"prompt": "a circle", "loras": [{"source": url}]}
    return client.post("/v1/jobs", json={"model": "flux.1-demo", "input": given})


def test_a_lora_by_url_passes_through_a_file_into_the_store(
    client: TestClient,
    store: LocalStore,
    database: Database,
    tls: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = lora(700)
    with scripted(reply(body=data), tls) as server:
        answer = submit_lora(client, f"https://127.0.0.1:{server.port}/a?token=s3cret")
    assert answer.status_code == 202, answer.text
    (stored,) = jobs.found(database, answer.json()["id"]).input["loras"]
    assert stored["source"].endswith(hashlib.sha256(data).hexdigest())
    assert store.get(stored["source"]).data == data
    assert not [*tmp_path.glob("bottega-*")]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (reply(body=lora()[:-1]), "cut off"),
        (reply(body=b"<html>"), "no safetensors file"),
        (lambda _request: [head(200, content_length="2147483649"), 1.0], "the limit, 2147483648"),
    ],
)
def test_a_lora_by_url_that_is_none_leaves_nothing(
    script: Script,
    why: str,
    client: TestClient,
    tls: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scripted(script, tls) as server:
        answer = submit_lora(client, f"https://127.0.0.1:{server.port}/a")
    assert answer.status_code == 422
    assert why in answer.text
    assert not [*tmp_path.glob("bottega-*")]
