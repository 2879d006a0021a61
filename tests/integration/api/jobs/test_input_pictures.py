"""Pictures that a client sends: kept as they were sent, and decoded at a bounded cost."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.jobs.input_pictures import is_artifact_url
from db.core.session import Database
from db.storage.keys import input_key
from db.storage.local import LocalStore
from db.tenants import api_keys
from db.values.decode_budget import DecodeBudget, DecodeLimits
from tests.support.apis import MakeApi
from tests.support.pictures import LARGE, encoded, many_scans
from tests.support.waiting import await_true

FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


@pytest.fixture
def client(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[TestClient]:
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="test")
    with TestClient(make_api(), headers={"Authorization": f"Bearer {key}"}) as opened:
        yield opened


def upload(client: TestClient, data: bytes) -> int:
    """The status of an upload."""
    status: int = client.post("/v1/files", files={"file": ("a", data)}).status_code
    return status


def look(client: TestClient, data: bytes) -> int:
    """The status of a submission with the picture as a data URI."""
    uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    body = {"model": "florence-2-demo", "input": {"image": uri, "task": "caption"}}
    status: int = client.post("/v1/jobs", json=body).status_code
    return status


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("trailer", [b"", b"<script>alert(1)</script>PK\x05\x06"])
def test_the_bytes_that_were_sent_are_kept(
    client: TestClient, store: LocalStore, tenant_id: str, kind: str, trailer: bytes
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.new("RGB", (40, 30), "teal"), kind, exif=exif) + trailer
    sha256 = hashlib.sha256(data).hexdigest()
    view = client.post("/v1/files", files={"file": ("a", data)}).json()
    assert (view["sha256"], view["bytes"]) == (sha256, len(data))
    assert (view["width"], view["height"]) == (30, 40)
    stored = store.get(input_key(tenant_id, sha256))
    assert (stored.data, stored.media_type) == (data, FORMATS[kind])


def test_a_picture_that_would_be_decoded_for_minutes_is_refused_and_not_stored(
    client: TestClient, store: LocalStore
) -> None:
    data = many_scans(3_000, LARGE)
    answer = client.post("/v1/files", files={"file": ("a", data)})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert "scans; save it again" in answer.json()["detail"]
    assert look(client, data) == 422
    assert not [path for path in store._root.rglob("*") if path.is_file()]


def with_budget(client: TestClient, limits: DecodeLimits) -> DecodeBudget:
    """Give the process another budget."""
    state = client.app.state  # type: ignore[attr-defined]
    budget = DecodeBudget(limits)
    state.services = replace(state.services, decode_budget=budget)
    return budget


def test_a_tenant_whose_pictures_wait_gets_503_and_others_go_on(
    client: TestClient, tenant_id: str
) -> None:
    budget = with_budget(client, DecodeLimits(max_pixels=40_000, wait_seconds=0.05))
    data = encoded(Image.new("RGB", (100, 100)))
    with budget.reserve(tenant_id, 20_000):
        answer = client.post("/v1/files", files={"file": ("a", data)})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert "try again" in answer.json()["detail"]
        assert look(client, data) == 503
        assert client.get("/v1/account").status_code == 200
    with budget.reserve("another", 20_000):
        assert upload(client, data) == 201
        assert look(client, data) == 202


def test_pictures_that_wait_leave_threads_to_every_other_call(
    client: TestClient, tenant_id: str
) -> None:
    limits = DecodeLimits(wait_seconds=30)
    budget = with_budget(client, limits)
    data = encoded(Image.new("RGB", (100, 100)))
    waiting = limits.max_pictures_per_tenant - 1
    with ThreadPoolExecutor(60) as pool:
        with budget.reserve(tenant_id, limits.max_pixels):
            uploads = [pool.submit(upload, client, data) for _ in range(60)]
            refused = 60 - waiting
            assert await_true(lambda: sum(each.done() for each in uploads) == refused)
            # Sixty uploads and forty threads: this call needs one of those that are left.
            assert client.get("/v1/account").status_code == 200
        statuses = Counter(each.result() for each in uploads)
    assert statuses == {503: refused, 201: waiting}


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("http://127.0.0.1:8000/v1/artifacts/a.b.c/0.png", True),
        ("https://pictures.example.org/bottega/v1/artifacts/a.b.c/12.webp", True),
        ("https://pictures.example.org/?x=/v1/artifacts/a/0.png", False),
        ("https://pictures.example.org/v1/artifacts/a/b/0.png", False),
        ("https://pictures.example.org" + "/a" * 100_000, False),
    ],
)
def test_an_artifacts_url_is_known_also_below_the_path_of_a_public_url(
    name: str,
    is_one: bool,  # noqa: FBT001
) -> None:
    assert is_artifact_url(name) is is_one
