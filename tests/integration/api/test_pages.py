"""Pages of the sites: a GET fetches, decodes and stores no picture, and counts against a limit."""

import base64
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import replace

import pillow_heif
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.services import Services
from api.web.dashboard import session as dashboard_session
from db.core.session import Database
from db.jobs.types import NewArtifact
from db.storage.keys import input_key
from db.storage.local import LocalStore
from db.storage.object_store import StoredObject
from db.tenants import api_keys
from db.tenants.api_keys import OperatorRole
from db.values.decode_budget import DecodeBudget, DecodeLimits
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.pictures import encoded

BASE = "http://127.0.0.1"
ORIGIN = {"Origin": BASE}


class RecordingStore(LocalStore):
    """A real store that records what is read and written."""

    def __init__(self, store: LocalStore) -> None:
        super().__init__(store._root)
        self.calls: list[str] = []

    def get(self, key: str) -> StoredObject:
        self.calls.append(f"get {key}")
        return super().get(key)

    def put(self, key: str, data: bytes, media_type: str) -> None:
        self.calls.append(f"put {key}")
        super().put(key, data, media_type)


class Site:
    """A signed-in browser at a process whose store records and whose budget is used up."""

    def __init__(self, client: TestClient, store: LocalStore) -> None:
        self.client = client
        self.store = RecordingStore(store)
        services: Services = client.app.state.services  # type: ignore[attr-defined]
        busy = DecodeBudget(DecodeLimits(max_pictures=0))
        self._idle, self._busy = services, replace(services, store=self.store, decode_budget=busy)

    def get(self, path: str) -> str:
        """A page, rendered while nothing can be decoded."""
        self.client.app.state.services = self._busy  # type: ignore[attr-defined]
        answer = self.client.get(path)
        self.client.app.state.services = self._idle  # type: ignore[attr-defined]
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture
def key(database: Database, tenant_id: str) -> str:
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="test")[1]


@pytest.fixture
def client(make_api: MakeApi, key: str) -> Iterator[TestClient]:
    """A browser that is signed in at the playground."""
    with TestClient(make_api(), base_url=BASE) as opened:
        signed_in = opened.post("/playground/sign-in", data={"key": key}, headers=ORIGIN)
        assert signed_in.status_code == 200
        yield opened


def submit(client: TestClient, key: str, **given: object) -> str:
    """A job of the API; its id."""
    body = {"model": "florence-2-demo", "input": {"task": "caption", **given}}
    answer = client.post("/v1/jobs", json=body, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def data_uri(data: bytes) -> str:
    """A PNG as the name of a picture."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def hidden_pictures(page: str) -> list[tuple[str, str, str, str]]:
    """Value, source, width and height of each picture in the form."""
    size = r'data-width="(\d+)" data-height="(\d+)"'
    return re.findall(rf'name="image" value="([^"]+)" data-src="([^"]+)" {size}', page)


@pytest.mark.parametrize("by_upload", [True, False])
def test_a_former_jobs_picture_is_found_by_its_key(
    client: TestClient,
    store: LocalStore,
    key: str,
    by_upload: bool,  # noqa: FBT001
) -> None:
    data = encoded(Image.new("RGB", (57, 43), "teal"))
    bearer = {"Authorization": f"Bearer {key}"}
    upload = client.post("/v1/files", files={"file": ("a", data)}, headers=bearer).json()
    if not by_upload:  # a data URI of another picture, which was never uploaded
        data = encoded(Image.new("RGB", (57, 43), "navy"))
    name = upload["id"] if by_upload else data_uri(data)
    job_id = submit(client, key, image=name)
    site = Site(client, store)
    [(value, source, width, height)] = hidden_pictures(site.get(f"/?from={job_id}"))
    assert (width, height) == ("57", "43")
    assert source == f"/playground/files/{value}"
    assert site.store.calls == []
    assert client.get(source).content == data
    assert submit(client, key, image=value)


def test_a_picture_that_was_removed_is_left_out_of_the_form(
    client: TestClient, store: LocalStore, key: str, tenant_id: str
) -> None:
    data = encoded(Image.new("RGB", (57, 43), "teal"))
    job_id = submit(client, key, image=data_uri(data))
    [stored] = [info.key for info in store.list(f"inputs/{tenant_id}/")]
    store.delete(stored)
    assert hidden_pictures(Site(client, store).get(f"/?from={job_id}")) == []


def test_a_painted_picture_is_named_by_its_url_and_fetched_when_the_form_is_sent(
    client: TestClient, store: LocalStore, database: Database, key: str, tenant_id: str
) -> None:
    data = encoded(Image.new("RGB", (64, 32), "teal"))
    sha256 = hashlib.sha256(data).hexdigest()
    held = jobs.running(database, tenant_id)
    store.put("results/x", data, "image/png")
    painted = NewArtifact("results/x", "image/png", len(data), sha256, 64, 32, 7)
    assert jobs.complete(database, held, painted)
    job_id = held.job_id
    site = Site(client, store)
    [(value, source, width, height)] = hidden_pictures(site.get(f"/?look={job_id}&n=0"))
    assert (source, width, height) == (f"/playground/jobs/{job_id}/results/0", "64", "32")
    assert value.startswith(f"{BASE}/v1/artifacts/")
    assert site.store.calls == []
    submit(client, key, image=value)
    assert store.get(input_key(tenant_id, sha256)).data == data
    store.delete("results/x")
    assert submit(client, key, image=value)  # its bytes are known by now


def test_a_dashboards_requests_have_a_limit(
    make_api: MakeApi, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard_session, "REQUESTS_PER_MINUTE", 3)
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=None, name="test", role=OperatorRole.VIEWER)
    with TestClient(make_api(), base_url=BASE) as client:
        client.post("/dashboard/sign-in", data={"key": key}, headers=ORIGIN)
        answers = [client.get("/dashboard/tenants") for _ in range(4)]
        assert 429 in {answer.status_code for answer in answers}
        refused = answers[-1]
        assert "wait" in refused.text
        assert int(refused.headers["Retry-After"]) >= 1


def test_a_heic_is_shown_as_a_jpeg_and_kept_as_it_was_sent(client: TestClient, key: str) -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (128, 64), "teal")).save(buffer)
    bearer = {"Authorization": f"Bearer {key}"}
    files = {"file": ("IMG_1.HEIC", buffer.getvalue())}
    upload = client.post("/v1/files", files=files, headers=bearer).json()
    assert (upload["media_type"], upload["bytes"]) == ("image/heic", len(buffer.getvalue()))
    shown = client.get(f"/playground/files/{upload['id']}")
    assert shown.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(shown.content)).size == (128, 64)
