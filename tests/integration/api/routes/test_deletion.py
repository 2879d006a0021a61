"""Deletion: nothing of a tenant, or of a job, is left anywhere; the books and all others stay."""

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import safetensors.numpy
from fastapi.testclient import TestClient
from numpy import zeros

from db.core.session import Database
from db.operators import erasure
from db.operators.deletion import DELETED_NAME
from db.storage.local import LocalStore
from db.storage.object_store import StoreUnavailableError
from db.tenants import api_keys
from tests.servers.http import answering
from tests.support import jobs
from tests.support.adapters import paint, paint_or_look
from tests.support.apis import MakeApi
from tests.support.jobs import add_tenant, sql
from tests.support.station import FLORENCE2, FLUX, Station, and_then
from tests.support.traces import in_database, in_folder, in_redis, needles_of, noise
from workers.courier.erasure import TenantEraser
from workers.messaging.events import Publisher
from workers.messaging.queue import redis_client
from workers.settings import WorkerSettings

TENANTS = "/v1/admin/tenants"
HOOK = "https://receiver.example/"


def new_word() -> str:
    """A word that no other test has said: they share one Redis."""
    return f"zyx{uuid.uuid4().hex}"


class Account:
    """A tenant that calls the API, and whose words nobody else says."""

    def __init__(self, app: TestClient, database: Database, seed: int) -> None:
        self.id, word = add_tenant(database), new_word()
        with database.transaction() as session:
            _, self.key = api_keys.create(session, tenant_id=self.id, name=f"{word}keyname")
        self.word = word
        self.pictures = [noise(seed), noise(seed + 1)]
        self._app = app

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return self._app.request(method, path, headers=headers, **more)

    def paint(self, **more: Any) -> str:
        """Submit a painting with everything that a person may write; return its id."""
        body = {
            "model": FLUX,
            "input": {"prompt": f"a {self.word}prompt on a table"},
            "metadata": {f"{self.word}metaname": f"{self.word}metavalue"},
            "webhook": {"url": f"{HOOK}{self.word}path?who={self.word}query"},
        }
        headers = {"Idempotency-Key": f"{self.word}idempotency{uuid.uuid4().hex}"}
        answer = self.call("POST", "/v1/jobs", json=body | more, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def upload(self, data: bytes) -> str:
        """Upload a picture by the native API; return its id."""
        answer = self.call("POST", "/v1/files", files={"file": ("a.png", data, "image/png")})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def upload_named(self, data: bytes) -> None:
        """Upload a picture by a compatible API that keeps its file's name and metadata."""
        sent = {"content": (f"{self.word}filename.png", data, "image/png")}
        about = {"metadata": json.dumps({f"{self.word}about": "x"})}
        answer = self.call("POST", "/replicate/v1/files", files=sent, data=about)
        assert answer.status_code == 201, answer.text

    def predict(self) -> str:
        """Submit a painting by a compatible API; return its id."""
        body = {
            "input": {"prompt": f"a {self.word}prediction", "unknown": f"{self.word}ignored"},
            "webhook": f"{HOOK}{self.word}foreign",
        }
        path = f"/replicate/v1/models/bottega/{FLUX}/predictions"
        answer = self.call("POST", path, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    @property
    def needles(self) -> dict[str, bytes]:
        """All that would betray it."""
        return needles_of(words=[self.word], pictures=self.pictures)


@pytest.fixture
def app(make_api: MakeApi) -> Iterator[TestClient]:
    api = make_api(
        BOTTEGA_OUTBOUND_ALLOW='["127.0.0.1/32"]',
        BOTTEGA_OUTBOUND_HTTP="true",
        BOTTEGA_OUTBOUND_PORTS="[]",
    )
    with TestClient(api, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture
def make(app: TestClient, database: Database) -> Callable[[int], Account]:
    return lambda seed: Account(app, database, seed)


@pytest.fixture
def operator(app: TestClient, database: Database) -> Callable[..., httpx.Response]:
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=None, name="ann")
    headers = {"Authorization": f"Bearer {key}"}
    return lambda method, path, **more: app.request(method, path, headers=headers, **more)


@pytest.fixture
def traces(
    database: Database, store: LocalStore, worker_settings: WorkerSettings
) -> Callable[[dict[str, bytes]], list[str]]:
    """All places that have one of the needles."""

    def search(needles: dict[str, bytes]) -> list[str]:
        found = in_folder(store._root, needles)
        with database.transaction(durable=False) as session:
            found += in_database(session, needles)
        with redis_client(worker_settings, decode_responses=False) as redis:
            return found + in_redis(redis, needles)

    return search


@pytest.fixture
def eraser(database: Database, store: LocalStore, publisher: Publisher) -> TenantEraser:
    return TenantEraser(database, store, publisher)


def live(account: Account, station: Station) -> None:
    """Leave jobs in every state, and files by every way."""
    for picture in account.pictures:
        account.upload(picture)
    account.upload_named(account.pictures[0])
    account.paint()
    account.predict()
    station.run_batch()
    station.run_batch()
    failed = account.paint()
    [row] = jobs.claim(station.database, FLUX)
    assert (row.id, jobs.fail(station.database, jobs.fence_of(row))) == (failed, True)
    canceled = account.paint()
    account.call("POST", f"/v1/jobs/{canceled}/cancel")
    account.paint()


def test_nothing_of_a_deleted_tenant_is_left_and_all_of_others_is(
    make: Callable[[int], Account],
    operator: Callable[..., httpx.Response],
    station: Station,
    traces: Callable[[dict[str, bytes]], list[str]],
) -> None:
    gone, stays = make(1), make(3)
    live(gone, station)
    station.run_batch()
    live(stays, station)
    queued = gone.paint()
    held = traces(stays.needles)
    assert {each.partition(" in ")[2].split()[0] for each in traces(gone.needles)} >= {
        "table",
        "file",
    }
    answer = operator("DELETE", f"{TENANTS}/{gone.id}")
    report = answer.json()
    assert answer.status_code == 200, answer.text
    assert (report["complete"], report["removed"]["jobs_canceled"]) == (True, 1)
    assert (report["removed"]["jobs"], report["removed"]["inputs"]) == (6, 2)
    assert report["kept"]["usage_events"] == 3
    assert traces(gone.needles) == []
    assert sorted(traces(stays.needles)) == sorted(held)
    assert gone.call("GET", f"/v1/jobs/{queued}").status_code == 401
    refused = gone.call("POST", "/v1/jobs", json={"model": FLUX, "input": {"prompt": "x"}})
    assert refused.status_code == 401
    assert stays.call("GET", "/v1/account").status_code == 200
    assert [info.key for info in station.store.list("") if gone.id in info.key] == []
    again = operator("DELETE", f"{TENANTS}/{gone.id}").json()
    assert again["removed"] == dict.fromkeys(again["removed"], 0)
    now = operator("GET", f"{TENANTS}/{gone.id}").json()
    assert (now["name"], now["stored_bytes"]) == (DELETED_NAME, 0)
    assert now["deleted_at"] == report["deleted_at"]


def test_nothing_of_a_deleted_job_is_left_and_all_of_another_one_is(
    make: Callable[[int], Account],
    station: Station,
    publisher: Publisher,
    traces: Callable[[dict[str, bytes]], list[str]],
) -> None:
    account, other = make(5), new_word()
    others = needles_of(words=[other], pictures=[])
    stays = account.paint(
        input={"prompt": f"a {other}"}, metadata={}, webhook={"url": HOOK + "other"}
    )
    job_id = account.paint(model=FLORENCE2, input=_look_at(account.pictures[0]))
    station.run_batch()
    station.run_batch(paint_or_look, variant=FLORENCE2)
    publisher.publish_preview(job_id, {"step": 1, "steps": 2, "image": f"data:,{account.word}"})
    sql(station.database, "UPDATE deliveries SET state = 'delivered'")
    held = traces(others)
    report = account.call("DELETE", f"/v1/jobs/{job_id}").json()
    assert (report["removed"], report["inputs"]) == (["input", "metadata", "output"], 1)
    assert (report["idempotency_keys"], len(report["kept"])) == (1, 2)
    # The receiver's own address stays, without its query; so does the name of the key.
    left = {each.rpartition(" ")[2] for each in traces(account.needles)}
    assert left <= {"api_keys", "idempotency_keys", "deliveries", "jobs", "webhook_endpoints"}
    urls = sql(station.database, "SELECT url FROM deliveries WHERE job_id = :id", id=job_id)
    assert urls == [(f"{HOOK}{account.word}path",)]
    row = str(vars(jobs.found(station.database, job_id)))
    assert re.findall(rf"{account.word}\w*", row) == [f"{account.word}path"]
    assert sorted(traces(others)) == sorted(held)
    assert account.call("GET", f"/v1/jobs/{stays}").json()["output"]["images"]
    assert account.call("DELETE", f"/v1/jobs/{job_id}").json()["removed"] == []


def _look_at(picture: bytes) -> dict[str, str]:
    encoded = base64.b64encode(picture).decode()
    return {"image": f"data:image/png;base64,{encoded}", "task": "<CAPTION>"}


def test_an_attempt_that_runs_meanwhile_leaves_nothing(
    make: Callable[[int], Account],
    operator: Callable[..., httpx.Response],
    station: Station,
    traces: Callable[[dict[str, bytes]], list[str]],
) -> None:
    account = make(7)
    account.paint()
    done: list[httpx.Response] = []
    delete = lambda: done.append(operator("DELETE", f"{TENANTS}/{account.id}"))  # noqa: E731
    station.run_batch(and_then(paint, delete))
    assert done[0].json()["removed"]["jobs_canceled"] == 1
    assert station.stored_keys() == []
    assert traces(account.needles) == []
    assert sql(station.database, "SELECT count(*) FROM usage_events") == [(0,)]


def test_a_lora_that_was_sent_goes_with_its_tenant(
    make: Callable[[int], Account],
    operator: Callable[..., httpx.Response],
    traces: Callable[[dict[str, bytes]], list[str]],
) -> None:
    account = make(17)
    lora = {"x.lora_A.weight": zeros((1, 4), "float32")}
    with answering(200, safetensors.numpy.save(lora, {"trainer": account.word})) as url:
        account.paint(input={"prompt": "x", "loras": [{"source": f"{url}/a.safetensors"}]})
    assert any(each.startswith("word") and "in file" in each for each in traces(account.needles))
    assert operator("DELETE", f"{TENANTS}/{account.id}").json()["removed"]["inputs"] == 1
    assert traces(account.needles) == []


def test_thousands_of_jobs_go_in_batches(
    make: Callable[[int], Account],
    operator: Callable[..., httpx.Response],
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(erasure, "_BATCH", 3)
    account = make(9)
    jobs.submit_many(database, account.id, 7)
    for number in range(4):
        account.upload(noise(20 + number))
        account.upload_named(noise(20 + number))
    report = operator("DELETE", f"{TENANTS}/{account.id}").json()["removed"]
    assert (report["jobs_canceled"], report["jobs"], report["inputs"]) == (7, 7, 4)
    assert jobs.counts(database, "jobs", "files", "file_names", "stored_inputs") == [0, 0, 0, 0]


def test_money_that_is_left_must_be_forfeited_or_paid_back(
    make: Callable[[int], Account],
    operator: Callable[..., httpx.Response],
    database: Database,
) -> None:
    account = make(11)
    path = f"{TENANTS}/{account.id}"
    credit = {"amount_micros": 5_000, "reason": "prepaid", "reference": "a"}
    operator("POST", f"{path}/credit", json=credit)
    refused = operator("DELETE", path)
    assert (refused.status_code, refused.json()["code"]) == (409, "balance_left")
    assert account.call("GET", "/v1/account").status_code == 200
    report = operator("DELETE", path, params={"forfeit_balance": "true"}).json()
    assert (report["forfeited_micros"], report["balance_micros"]) == (5_000, 0)
    entries = sql(database, "SELECT amount_micros FROM ledger_entries ORDER BY id")
    assert entries == [(5_000,), (-5_000,)]
    for call, body in (("credit", credit | {"reference": "b"}), ("keys", {}), ("resume", None)):
        answer = operator("POST", f"{path}/{call}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "tenant_deleted"), call
    assert operator("DELETE", f"{TENANTS}/ten_none").status_code == 404


def test_a_browser_of_a_deleted_tenant_is_signed_out_and_operators_see_its_row(
    app: TestClient,
    database: Database,
    make: Callable[[int], Account],
    operator: Callable[..., httpx.Response],
) -> None:
    account = make(13)
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=None, name="bob")
    app.headers["Origin"] = "http://127.0.0.1:8000"
    app.post("/playground/sign-in", data={"key": account.key})
    app.post("/dashboard/sign-in", data={"key": key})
    assert app.get("/playground/gallery", follow_redirects=False).status_code == 200
    assert f"Type {account.id}" in app.get(f"/dashboard/tenants/{account.id}").text
    operator("DELETE", f"{TENANTS}/{account.id}")
    assert app.get("/playground/gallery", follow_redirects=False).status_code != 200
    shown = app.get(f"/dashboard/tenants/{account.id}")
    assert (shown.status_code, f"Type {account.id}" in shown.text) == (200, False)
    for page in ("tenants", "jobs"):
        assert app.get(f"/dashboard/{page}").status_code == 200
    assert DELETED_NAME in app.get("/dashboard/tenants").text


def test_the_courier_finishes_what_a_fault_has_left(
    make: Callable[[int], Account],
    operator: Callable[..., httpx.Response],
    station: Station,
    eraser: TenantEraser,
    owner_database: Database,
    traces: Callable[[dict[str, bytes]], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = make(15)
    live(account, station)
    with monkeypatch.context() as patch:

        def fail(_store: LocalStore, key: str) -> None:
            raise StoreUnavailableError(key)

        patch.setattr(LocalStore, "delete", fail)
        assert operator("DELETE", f"{TENANTS}/{account.id}").status_code == 503
    assert traces(account.needles) != []
    assert account.call("GET", "/v1/account").status_code == 401
    eraser.run_once()
    assert traces(account.needles) == []
    # A request that began before the deletion stores its picture now.
    station.store.put(f"inputs/{account.id}/{'a' * 64}", account.pictures[0], "image/png")
    aged = "UPDATE tenants SET deleted_at = deleted_at - interval '3 hours'"
    assert eraser.run_once() == 0
    assert traces(account.needles) == []
    assert eraser.run_once() == 0
    sql(owner_database, aged)
    assert (eraser.run_once(), eraser.run_once()) == (1, 0)
    [(erased_at,)] = sql(
        owner_database, "SELECT erased_at FROM tenants WHERE id = :id", id=account.id
    )
    assert erased_at is not None
