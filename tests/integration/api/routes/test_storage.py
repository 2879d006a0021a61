"""Stored bytes over HTTP: the limit, the account, deletion, and quotes that store nothing."""

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from api.jobs import submit as submissions
from api.jobs.prepare import prepare
from db.core.session import Database
from db.operators import jobs as operator_jobs
from db.operators.audit import Actor
from db.storage.local import LocalStore
from db.tenants import api_keys
from db.tenants.api_keys import OperatorRole
from tests.servers.http import answering
from tests.support.apis import MakeApi
from tests.support.jobs import add_tenant, claim, fail, fence_of, found, sql, state
from tests.support.station import FLORENCE2, FLUX, Station

JOBS, FILES = "/v1/jobs", "/v1/files"
PAINT = {"model": FLUX, "input": {"prompt": "a red circle"}}


def picture(shade: int = 0, side: int = 64) -> bytes:
    """A PNG that differs by its shade."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


class Tenant:
    """A tenant that calls the API."""

    def __init__(self, app: TestClient, database: Database, **tier: Any) -> None:
        self.id = add_tenant(database, **tier)
        with database.transaction() as session:
            _, key = api_keys.create(session, tenant_id=self.id, name="")
        self.key = key
        self._headers = {"Authorization": f"Bearer {key}"}
        self._app = app

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._app.request(method, path, headers=self._headers, **more)

    def upload(self, data: bytes) -> httpx.Response:
        return self.call("POST", FILES, files={"file": ("a.png", data, "image/png")})

    def look(self, image: str, **query: str) -> httpx.Response:
        body = {"model": FLORENCE2, "input": {"image": image, "task": "<CAPTION>"}}
        return self.call("POST", JOBS, json=body, params=query)

    def stored_bytes(self) -> int:
        return int(self.call("GET", "/v1/account").json()["stored_bytes"])


@pytest.fixture
def app(make_api: MakeApi) -> Iterator[TestClient]:
    """A client of an API process that may fetch from this machine, without a key."""
    api = make_api(
        BOTTEGA_OUTBOUND_ALLOW='["127.0.0.1/32"]',
        BOTTEGA_OUTBOUND_HTTP="true",
        BOTTEGA_OUTBOUND_PORTS="[]",
    )
    with TestClient(api) as client:
        yield client


@pytest.fixture
def make(app: TestClient, database: Database) -> Callable[..., Tenant]:
    return lambda **tier: Tenant(app, database, **tier)


@pytest.fixture
def tenant(make: Callable[..., Tenant]) -> Tenant:
    return make()


def refusal(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem that a response is."""
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code), response.text
    return problem


def created(response: httpx.Response, status: int = 201) -> str:
    """The id of what a response created."""
    assert response.status_code == status, response.text
    return str(response.json()["id"])


def test_uploads_end_at_the_limit_and_go_on_after_a_deletion(
    make: Callable[..., Tenant], store: LocalStore
) -> None:
    sizes = [make().upload(picture(shade)).json()["bytes"] for shade in (1, 2)]
    tenant = make(max_stored_bytes=sum(sizes) + 1)
    first, _ = (created(tenant.upload(picture(shade))) for shade in (1, 2))
    problem = refusal(tenant.upload(picture(3)), 403, "storage_full")
    assert problem["stored_bytes"] == sum(sizes)
    assert problem["max_stored_bytes"] == sum(sizes) + 1
    assert "delete files" in problem["detail"]
    refusal(tenant.look(data_uri(picture(4))), 403, "storage_full")
    assert len(list(store.list(f"inputs/{tenant.id}/"))) == 2
    assert created(tenant.upload(picture(1))) == first
    assert tenant.stored_bytes() == sum(sizes)
    assert tenant.call("DELETE", f"{FILES}/{first}").json()["freed_bytes"] == sizes[0]
    assert tenant.stored_bytes() == sizes[1]
    created(tenant.upload(picture(1)))


def test_the_account_shows_the_limit(make: Callable[..., Tenant]) -> None:
    account = make(max_stored_bytes=7).call("GET", "/v1/account").json()
    assert (account["stored_bytes"], account["limits"]["max_stored_bytes"]) == (0, 7)
    assert make().call("GET", "/v1/account").json()["limits"]["max_stored_bytes"] is None


def test_a_job_is_refused_while_the_store_is_full_and_a_quote_is_not(
    make: Callable[..., Tenant],
) -> None:
    tenant = make(max_stored_bytes=make().upload(picture()).json()["bytes"])
    file_id = created(tenant.upload(picture()))
    refusal(tenant.look(file_id), 403, "storage_full")
    refusal(tenant.call("POST", JOBS, json=PAINT), 403, "storage_full")
    assert tenant.look(file_id, dry_run="true").status_code == 200
    tenant.call("DELETE", f"{FILES}/{file_id}")
    created(tenant.call("POST", JOBS, json=PAINT), 202)


def test_a_deleted_file_is_gone_for_its_owner_alone(
    make: Callable[..., Tenant], tenant: Tenant, store: LocalStore
) -> None:
    file_id = created(tenant.upload(picture()))
    refusal(make().call("DELETE", f"{FILES}/{file_id}"), 404, "not_found")
    assert tenant.call("DELETE", f"{FILES}/{file_id}").json()["pictures"] == 1
    assert list(store.list("")) == []
    refusal(tenant.call("DELETE", f"{FILES}/{file_id}"), 404, "not_found")
    refusal(tenant.look(file_id), 422, "invalid_input")


def test_a_file_that_an_unfinished_job_uses_stays(tenant: Tenant, store: LocalStore) -> None:
    file_id = created(tenant.upload(picture()))
    # The same picture under another name is the same object.
    job_id = created(tenant.look(data_uri(picture())), 202)
    refusal(tenant.call("DELETE", f"{FILES}/{file_id}"), 409, "file_in_use")
    assert len(list(store.list(""))) == 1
    tenant.call("POST", f"{JOBS}/{job_id}/cancel")
    assert tenant.call("DELETE", f"{FILES}/{file_id}").status_code == 200


def test_the_contents_of_a_finished_job_go_and_its_charge_stays(
    tenant: Tenant, station: Station, store: LocalStore
) -> None:
    secret = "a very red circle"
    body = {
        "model": FLUX,
        "input": {"prompt": secret},
        "metadata": {"order": "17"},
        "webhook": {"url": "https://receiver.example/"},
    }
    job_id = created(tenant.call("POST", JOBS, json=body), 202)
    refusal(tenant.call("DELETE", f"{JOBS}/{job_id}"), 409, "job_not_over")
    station.run_batch()
    assert state(station.database, job_id) == "succeeded"
    assert tenant.stored_bytes() > 0
    assert tenant.call("DELETE", f"{JOBS}/{job_id}").status_code == 200
    assert list(store.list("")) == []
    assert tenant.stored_bytes() == 0
    view = tenant.call("GET", f"{JOBS}/{job_id}").json()
    assert (view["state"], view["output"], view["metadata"]) == ("succeeded", {}, {})
    assert [event["job_id"] for event in tenant.call("GET", "/v1/usage").json()["events"]] == [
        job_id
    ]
    [(body_sent,)] = sql(station.database, "SELECT body FROM deliveries")
    assert "17" not in body_sent.partition('"metadata"')[2]
    assert secret not in str(vars(found(station.database, job_id)))
    assert tenant.call("DELETE", f"{JOBS}/{job_id}").status_code == 200


def test_the_contents_of_another_tenant_s_job_stay(
    make: Callable[..., Tenant], tenant: Tenant
) -> None:
    job_id = created(tenant.look(data_uri(picture())), 202)
    refusal(make().call("DELETE", f"{JOBS}/{job_id}"), 404, "not_found")


def test_pictures_go_with_the_last_job_that_needs_them_and_uploads_stay(
    tenant: Tenant, station: Station, store: LocalStore
) -> None:
    uploaded = created(tenant.upload(picture(1)))
    names = [data_uri(picture(1)), data_uri(picture(2)), data_uri(picture(2))]
    first, second, third = (created(tenant.look(name), 202) for name in names)
    for job_id in (first, second):
        tenant.call("POST", f"{JOBS}/{job_id}/cancel")
        assert tenant.call("DELETE", f"{JOBS}/{job_id}").status_code == 200
    assert len(list(store.list(""))) == 2
    tenant.call("POST", f"{JOBS}/{third}/cancel")
    assert tenant.call("DELETE", f"{JOBS}/{third}").status_code == 200
    (left,) = store.list("")
    assert left.key == sql(station.database, "SELECT key FROM files")[0][0]
    assert created(tenant.upload(picture(1))) == uploaded


def test_a_failed_job_without_contents_is_not_retried(tenant: Tenant, database: Database) -> None:
    job_id = created(tenant.look(data_uri(picture())), 202)
    assert fail(database, fence_of(claim(database, FLORENCE2)[0]))
    assert tenant.call("DELETE", f"{JOBS}/{job_id}").status_code == 200
    with database.transaction() as session:
        assert operator_jobs.retry(session, Actor("key_me", "me"), job_id) is None


def test_pages_show_jobs_without_contents(
    app: TestClient, tenant: Tenant, station: Station, database: Database
) -> None:
    painted = created(tenant.call("POST", JOBS, json=PAINT), 202)
    station.run_batch()
    canceled, failed = (created(tenant.look(data_uri(picture(n))), 202) for n in (1, 2))
    tenant.call("POST", f"{JOBS}/{canceled}/cancel")
    assert fail(database, fence_of(claim(database, FLORENCE2)[0]))
    for job_id in (painted, canceled, failed):
        assert tenant.call("DELETE", f"{JOBS}/{job_id}").status_code == 200
    with database.transaction() as session:
        _, operator = api_keys.create(session, tenant_id=None, name="", role=OperatorRole.VIEWER)
    app.base_url = "http://localhost"
    origin = {"Origin": "http://localhost"}
    for place, key in (("playground", tenant.key), ("dashboard", operator)):
        app.post(f"/{place}/sign-in", data={"key": key}, headers=origin)
    pages = ["/playground/gallery", "/dashboard/tenants", f"/dashboard/tenants/{tenant.id}"]
    for job_id in (painted, canceled, failed):
        pages += [f"/?from={job_id}", f"/dashboard/jobs/{job_id}"]
    answers = {path: app.get(path, follow_redirects=False).status_code for path in pages}
    assert answers == dict.fromkeys(pages, 200)


def test_a_quote_stores_nothing(tenant: Tenant, database: Database, store: LocalStore) -> None:
    with answering(200, picture(5)) as url:
        for name in (data_uri(picture()), f"{url}/a.png"):
            quote = tenant.look(name, dry_run="true")
            assert quote.status_code == 200, quote.text
    assert list(store.list("")) == []
    assert sql(database, "SELECT key FROM stored_inputs") == []


def test_a_quote_validates_pictures(tenant: Tenant) -> None:
    refusal(tenant.look(data_uri(b"no picture"), dry_run="true"), 422, "invalid_input")


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("https://loras.example/of-nobody.safetensors", 200),
        ("https://", 422),
        ("a name of none", 422),
        ("unknown", 422),
    ],
)
def test_a_quote_fetches_no_lora(tenant: Tenant, source: str, status: int) -> None:
    body = {"model": FLUX, "input": {"prompt": "a circle", "loras": [{"source": source}]}}
    response = tenant.call("POST", JOBS, json=body, params={"dry_run": "true"})
    assert response.status_code == status, response.text


def test_metadata_has_a_limit_in_bytes(tenant: Tenant) -> None:
    body: dict[str, Any] = dict(PAINT)
    # Thirty-two entries, each as long as its own limit allows.
    body["metadata"] = {f"{n:0499}€": "€" * 500 for n in range(32)}
    problem = refusal(tenant.call("POST", JOBS, json=body), 422, "invalid_input")
    (error,) = problem["errors"]
    assert error["loc"] == ["body", "metadata"]
    assert "16384" in error["msg"]
    body["metadata"] = {f"{n:02}": "x" * 500 for n in range(32)}
    created(tenant.call("POST", JOBS, json=body), 202)


def test_a_file_that_is_deleted_during_a_submission_takes_no_job_with_it(
    tenant: Tenant, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = created(tenant.upload(picture()))

    def prepare_and_delete(*arguments: Any, **more: Any) -> Any:
        prepared = prepare(*arguments, **more)
        assert tenant.call("DELETE", f"{FILES}/{file_id}").status_code == 200
        return prepared

    monkeypatch.setattr(submissions, "prepare", prepare_and_delete)
    refusal(tenant.look(file_id), 422, "invalid_input")
    assert sql(database, "SELECT count(*) FROM jobs") == [(0,)]
