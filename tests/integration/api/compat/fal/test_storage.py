"""Uploads as fal's JavaScript client makes them: announced, sent without a key, named in a job."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.compat.fal import storage
from db.artifacts import file_names
from db.core.session import Database
from db.operators.actions import suspend_tenant
from db.operators.audit import Actor
from db.tenants import api_keys
from tests.support import jobs
from tests.support.pictures import encoded

PNG = encoded(Image.new("RGB", (80, 64), "teal"))
TARGET = "https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3"


@pytest.fixture
def bare(client: TestClient) -> TestClient:
    """A client without a key."""
    return TestClient(client.app)


def announce(client: TestClient, **body: Any) -> Any:
    fields = {"content_type": "image/png", "file_name": "a b.png", **body}
    return client.post("/fal/proxy", json=fields, headers={"x-fal-target-url": TARGET})


def test_a_picture_is_uploaded_read_and_named_in_jobs(
    client: TestClient, bare: TestClient, database: Database
) -> None:
    urls = announce(client).json()
    assert bare.get(urls["file_url"]).status_code == 404
    assert bare.put(urls["upload_url"], content=PNG).status_code == 200
    assert bare.put(urls["upload_url"], content=PNG).status_code == 200  # a client's retry
    read = bare.get(urls["file_url"])
    assert (read.status_code, read.content) == (200, PNG)
    assert read.headers["content-type"] == "image/png"
    assert urls["file_url"].endswith("/a_b.png")
    for url in (urls["file_url"], urls["file_url"].replace("http://testserver", "https://x.org/p")):
        body = {"prompt": "x", "image_url": url}
        answer = client.post("/fal/queue/bottega/flux.1-demo/image-to-image", json=body)
        assert answer.status_code == 200, answer.text
        row = jobs.found(database, answer.json()["request_id"])
        assert row.input["image"].startswith("inputs/")
    native = {"model": "florence-2-demo", "input": {"image": urls["file_url"], "task": "caption"}}
    assert client.post("/v1/jobs", json=native).status_code == 202


def test_the_same_picture_twice_is_one_file_of_two_names(
    client: TestClient, bare: TestClient, database: Database
) -> None:
    for _ in range(2):
        urls = announce(client).json()
        assert bare.put(urls["upload_url"], content=PNG).status_code == 200
        assert bare.get(urls["file_url"]).content == PNG
    assert jobs.counts(database, "files", "file_names") == [1, 2]


def test_an_address_takes_one_picture(
    client: TestClient, bare: TestClient, database: Database
) -> None:
    urls = announce(client).json()
    assert bare.put(urls["upload_url"], content=PNG).status_code == 200
    other = encoded(Image.new("RGB", (80, 64), "red"))
    assert bare.put(urls["upload_url"], content=other).status_code == 409
    assert jobs.counts(database, "files") == [1], "what is refused is not stored"
    assert bare.get(urls["file_url"]).content == PNG


def test_refused_uploads(client: TestClient, bare: TestClient) -> None:
    refused = announce(client, content_type="video/mp4")
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["body", "content_type"]
    assert announce(bare).status_code == 401
    urls = announce(client).json()
    broken = bare.put(urls["upload_url"], content=b"no picture")
    assert (broken.status_code, broken.json()["detail"][0]["type"]) == (422, "invalid_image")
    assert bare.put(f"{urls['upload_url']}x", content=PNG).status_code == 404
    token = urls["file_url"].split("/")[-2]
    assert bare.put(f"/fal/storage/upload/{token}", content=PNG).status_code == 404
    upload_token = urls["upload_url"].rpartition("/")[2]
    assert bare.put(urls["upload_url"], content=PNG).status_code == 200
    assert bare.get(urls["file_url"].replace(token, upload_token)).status_code == 404
    large = client.post("/fal/rest/storage/upload/initiate-multipart", json={})
    assert large.status_code == 413
    assert large.json()["error_type"] == "file_too_large"


def test_an_upload_that_is_too_large(client: TestClient, bare: TestClient) -> None:
    urls = announce(client).json()
    refused = bare.put(urls["upload_url"], content=PNG + bytes(21_000_000))
    assert refused.status_code in (413, 422)


def test_a_revoked_key_uploads_nothing(
    client: TestClient, bare: TestClient, database: Database, tenant_id: str
) -> None:
    urls = announce(client).json()
    with database.transaction() as session:
        [(row, _)] = api_keys.list_keys(session, tenant_id=tenant_id)
        assert api_keys.revoke(session, row.id)
    assert bare.put(urls["upload_url"], content=PNG).status_code == 401
    assert jobs.counts(database, "files") == [0]


def test_a_tenant_who_is_suspended_during_an_upload_stores_nothing(
    client: TestClient,
    bare: TestClient,
    database: Database,
    tenant_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls = announce(client).json()

    async def suspend(*_arguments: object) -> bytes:
        with database.transaction() as session:
            assert suspend_tenant(session, Actor("key_0", "test"), tenant_id)
        return PNG

    monkeypatch.setattr(storage, "_received", suspend)
    assert bare.put(urls["upload_url"], content=PNG).status_code == 403
    assert jobs.counts(database, "files") == [0]


def test_uploads_that_are_begun_are_limited(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_names, "MAX_OPEN", 2)
    assert [announce(client).status_code for _ in range(3)] == [200, 200, 429]
    jobs.sql(database, "UPDATE file_names SET created_at = now() - interval '2 hours'")
    assert announce(client).status_code == 200
    assert jobs.counts(database, "file_names") == [1]


def test_another_tenants_upload_is_no_picture(
    client: TestClient, bare: TestClient, database: Database
) -> None:
    urls = announce(client).json()
    bare.put(urls["upload_url"], content=PNG)
    other = jobs.add_tenant(database)
    with database.transaction() as session:
        key = api_keys.create(session, tenant_id=other, name="")[1]
    answer = bare.post(
        "/fal/queue/bottega/flux.1-demo",
        json={"prompt": "x", "image_url": urls["file_url"]},
        headers={"x-api-key": key},
    )
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "image_url"])


def test_a_removed_file_has_no_names(
    client: TestClient, bare: TestClient, database: Database
) -> None:
    urls = announce(client).json()
    bare.put(urls["upload_url"], content=PNG)
    name = urls["file_url"].split("/files/")[1].partition("/")[0]
    assert client.delete(f"/v1/files/{name}").status_code == 200
    assert bare.get(urls["file_url"]).status_code == 404
    assert jobs.counts(database, "files", "file_names") == [0, 0]


def test_the_key_set_needs_no_key(bare: TestClient) -> None:
    [key] = bare.get("/fal/rest/.well-known/jwks.json").json()["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
