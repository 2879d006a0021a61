"""Uploads of one picture by several programs: each has an id of its own, and removes that alone."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.jobs import removal
from db.core.session import Database
from db.storage.local import LocalStore
from db.tenants import api_keys
from tests.support.apis import MakeApi
from tests.support.jobs import counts, sql
from tests.support.pictures import encoded

PNG = encoded(Image.new("RGB", (80, 64), "teal"))
OPENAI, REPLICATE, NATIVE = "/openai/v1/files", "/replicate/v1/files", "/v1/files"


@pytest.fixture
def client(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[TestClient]:
    """The programs of one tenant."""
    with database.transaction() as session:
        key = api_keys.create(session, tenant_id=tenant_id, name="")[1]
    with TestClient(make_api(), headers={"Authorization": f"Bearer {key}"}) as opened:
        yield opened


def upload(client: TestClient, path: str, name: str = "a.png", data: bytes = PNG) -> str:
    """Upload a picture; return its id."""
    part = "content" if path == REPLICATE else "file"
    answer = client.post(path, files={part: (name, data)})
    assert answer.is_success, answer.text
    made: str = answer.json()["id"]
    return made


def delete(client: TestClient, path: str, file_id: str) -> int:
    return client.delete(f"{path}/{file_id}").status_code


def submit(client: TestClient, image: str) -> httpx.Response:
    body = {"model": "florence-2-demo", "input": {"image": image, "task": "<CAPTION>"}}
    return client.post("/v1/jobs", json=body)


def stored_bytes(database: Database, tenant_id: str) -> int:
    [[count]] = sql(database, "SELECT stored_bytes FROM tenants WHERE id = :id", id=tenant_id)
    return int(count)


def test_each_upload_has_an_id_of_its_own(
    client: TestClient, database: Database, tenant_id: str
) -> None:
    ids = [upload(client, path) for path in (OPENAI, OPENAI, REPLICATE, NATIVE, REPLICATE)]
    assert len(set(ids)) == len(ids)
    assert upload(client, NATIVE) == ids[3]
    assert counts(database, "files", "file_names") == [1, 4]
    assert stored_bytes(database, tenant_id) == len(PNG)
    assert [each["id"] for each in client.get(OPENAI).json()["data"]] == ids[1::-1]
    listed = client.get(REPLICATE).json()["results"]
    assert [each["id"] for each in listed] == [ids[4], ids[2]]
    for each in ids:
        assert client.get(f"{OPENAI}/{each}/content").content == PNG
        assert submit(client, each).status_code == 202


def test_a_program_deletes_its_own_upload_alone(
    client: TestClient, database: Database, tenant_id: str
) -> None:
    first, second = upload(client, OPENAI), upload(client, OPENAI)
    third, native = upload(client, REPLICATE), upload(client, NATIVE)
    job = submit(client, second).json()
    # Another program's job is no reason to keep a name; the file's own id is kept for it.
    assert delete(client, OPENAI, first) == 200
    assert delete(client, OPENAI, first) == 404
    assert submit(client, first).status_code == 422
    assert delete(client, NATIVE, native) == 409
    assert client.post(f"/v1/jobs/{job['id']}/cancel").is_success
    assert delete(client, NATIVE, native) == 200
    assert delete(client, NATIVE, native) == 404
    # The contents of a job do not take the picture of an upload with them.
    assert client.delete(f"/v1/jobs/{job['id']}").is_success
    assert client.get(f"{OPENAI}/{second}/content").content == PNG
    assert delete(client, REPLICATE, third) == 204
    assert client.get(f"{OPENAI}/{second}/content").content == PNG
    assert delete(client, OPENAI, second) == 200
    assert counts(database, "files", "file_names", "stored_inputs") == [0, 0, 0]
    assert stored_bytes(database, tenant_id) == 0


def test_a_job_keeps_the_picture_of_a_deleted_upload(
    client: TestClient, database: Database
) -> None:
    only = upload(client, OPENAI)
    job = submit(client, only).json()
    assert delete(client, OPENAI, only) == 200
    assert counts(database, "files", "stored_inputs") == [1, 1]
    assert client.post(f"/v1/jobs/{job['id']}/cancel").is_success
    assert client.delete(f"/v1/jobs/{job['id']}").is_success
    assert counts(database, "files", "stored_inputs") == [0, 0]


def test_retention_removes_names_with_their_file(client: TestClient, database: Database) -> None:
    only = upload(client, OPENAI)
    sql(database, "DELETE FROM files")
    assert client.get(f"{OPENAI}/{only}").status_code == 404
    assert counts(database, "file_names") == [0]


def test_what_a_client_says_of_a_file_is_kept(client: TestClient) -> None:
    made = client.post(OPENAI, files={"file": ("\u00e9.png", PNG)}, data={"purpose": "user_data"})
    assert (made.json()["filename"], made.json()["purpose"]) == ("\u00e9.png", "user_data")
    assert client.get(f"{OPENAI}/{made.json()['id']}").json() == made.json()
    parts: Any = {"content": ("b.png", PNG)}
    metadata = ("blob", b'{"a": [1]}', "application/json")
    sent = client.post(REPLICATE, files={**parts, "metadata": metadata}).json()
    shown = client.get(f"{REPLICATE}/{sent['id']}").json()
    assert (shown["name"], shown["metadata"]) == ("b.png", {"a": [1]})
    assert shown["expires_at"] > shown["created_at"]
    as_text = client.post(REPLICATE, files=parts, data={"metadata": '{"b": "\\u0000"}'}).json()
    assert as_text["metadata"] == {"b": "\N{REPLACEMENT CHARACTER}"}
    refused = client.post(REPLICATE, files=parts, data={"metadata": "[1"})
    assert refused.status_code == 422
    assert refused.json()["invalid_fields"][0]["field"] == "metadata"


def test_an_upload_is_whole_although_the_picture_is_removed_meanwhile(
    client: TestClient, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, put = [upload(client, OPENAI)], LocalStore.put

    def put_and_lose(store: LocalStore, *args: Any) -> None:
        put(store, *args)
        if first:
            services = client.app.state.services  # type: ignore[attr-defined]
            removal.remove_file(services, tenant_id=tenant_id, file_id=first.pop())

    monkeypatch.setattr(LocalStore, "put", put_and_lose)
    second = upload(client, OPENAI)
    assert not first
    assert client.get(f"{OPENAI}/{second}/content").content == PNG
    assert submit(client, second).status_code == 202
