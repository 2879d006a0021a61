"""The export of a tenant: opened, read, and equal to the database and the store."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from api.accounts import export as exports
from api.accounts.archive import Archive
from api.accounts.export import TenantExport
from api.core.domain_errors import TooManyExportsError
from api.resources.export_limit import ExportLimit
from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.jobs import add_tenant, sql
from tests.support.station import FLUX, Station, picture

EXPORT = "/v1/account/export"


@pytest.fixture
def app(make_api: MakeApi) -> Iterator[TestClient]:
    with TestClient(make_api()) as client:
        yield client


@pytest.fixture
def tenant_id(database: Database) -> str:
    return add_tenant(database, credit_micros=7_000)


@pytest.fixture
def key(database: Database, tenant_id: str) -> str:
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="mine")[1]


@pytest.fixture
def call(app: TestClient, key: str) -> Callable[..., httpx.Response]:
    headers = {"Authorization": f"Bearer {key}"}
    return lambda method, path, **more: app.request(method, path, headers=headers, **more)


def opened(data: bytes) -> dict[str, bytes]:
    """The files of an archive, whose own checks hold."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def lines(data: bytes) -> list[dict[str, Any]]:
    """The objects of a .jsonl file."""
    return [json.loads(line) for line in data.splitlines()]


def live(call: Callable[..., httpx.Response], station: Station) -> str:
    """Leave a finished job, a queued one, and a file with a name; return the first job's id."""
    hook = {"url": "https://receiver.example/?a=b"}
    body = {"model": FLUX, "input": {"prompt": "ein blauer Kreis"}, "metadata": {"order": "17"}}
    done = call("POST", "/v1/jobs", json=body | {"webhook": hook}).json()["id"]
    station.run_batch()
    call("POST", "/v1/jobs", json=body)
    sent = {"content": ("käse.png", picture(), "image/png")}
    assert call("POST", "/replicate/v1/files", files=sent).status_code == 201
    prediction = {"input": {"prompt": "x"}, "webhook": "https://receiver.example/r"}
    call("POST", f"/replicate/v1/models/bottega/{FLUX}/predictions", json=prediction)
    return str(done)


def test_an_export_is_equal_to_the_database_and_the_store(
    call: Callable[..., httpx.Response], station: Station, tenant_id: str, key: str
) -> None:
    done = live(call, station)
    jobs.submit(station.database, add_tenant(station.database))
    answer = call("GET", EXPORT)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    files = opened(answer.content)
    account = json.loads(files["account.json"])
    assert (account["id"], account["balance_micros"]) == (tenant_id, 7_000)
    own = "SELECT id, input, metadata, output, state FROM jobs WHERE tenant_id = :id ORDER BY id"
    names = ("id", "input", "metadata", "output", "state")
    found = [tuple(job[name] for name in names) for job in lines(files["jobs.jsonl"])]
    assert found == sql(station.database, own, id=tenant_id)
    assert found[0][1]["prompt"] == "ein blauer Kreis"
    [row] = sql(station.database, "SELECT key, sha256 FROM artifacts WHERE job_id = :id", id=done)
    result = files[f"results/{done}/0.png"]
    assert (result, hashlib.sha256(result).hexdigest()) == (station.store.get(row[0]).data, row[1])
    [sent] = lines(files["files.jsonl"])
    assert files[f"files/{sent['sha256']}.png"] == picture()
    assert [each["filename"] for each in lines(files["uploads.jsonl"])] == ["käse.png"]
    assert [each["job_id"] for each in lines(files["usage.jsonl"])] == [done]
    assert [each["amount_micros"] for each in lines(files["ledger.jsonl"])] == [7_000]
    assert [each["name"] for each in lines(files["keys.jsonl"])] == ["mine"]
    assert len(lines(files["deliveries.jsonl"])) == 1
    assert key.rpartition("_")[2].encode() not in answer.content
    assert b"whsec_" not in b"".join(files.values())


def test_the_manifest_lists_every_file_with_its_digest(
    call: Callable[..., httpx.Response], station: Station
) -> None:
    live(call, station)
    files = opened(call("GET", EXPORT).content)
    manifest = json.loads(files.pop("manifest.json"))
    listed = {each["name"]: (each["bytes"], each["sha256"]) for each in manifest["files"]}
    digests = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()}
    assert listed == digests
    assert manifest["rows"]["jobs"] == 3
    for name in (each for each in files if each.endswith(".jsonl")):
        assert f"{name} " in files["README.txt"].decode()
        assert manifest["rows"][name.removesuffix(".jsonl")] == len(lines(files[name]))


def test_pages_join_without_a_gap_and_gone_objects_are_listed(
    station: Station, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_PAGE", 2)
    ids = [station.submit(tenant_id, seed=n) for n in range(5)]
    station.run_batch()
    for key in station.stored_keys():
        station.store.delete(key)
    files = opened(b"".join(TenantExport(station, tenant_id).pieces()))
    assert [job["id"] for job in lines(files["jobs.jsonl"])] == ids
    missing = json.loads(files["manifest.json"])["missing"]
    assert missing
    assert not any(name.startswith("results/") for name in files)


def test_an_export_ends_when_its_key_is_revoked(
    database: Database, tenant_id: str, station: Station
) -> None:
    with database.transaction() as session:
        row, _ = api_keys.create(session, tenant_id=tenant_id, name="")
    pieces = TenantExport(
        station, tenant_id, lambda session: api_keys.check(session, row.id)
    ).pieces()
    next(pieces)
    with database.transaction() as session:
        api_keys.revoke(session, row.id)
    with pytest.raises(api_keys.InvalidKeyError):
        list(pieces)


def test_a_large_file_is_sent_in_pieces_as_it_is_read() -> None:
    archive, largest, whole = Archive(), 0, bytearray()
    source = (bytes([n]) * 2**16 for n in range(200))
    for piece in archive.add("large", source, compressed=False):
        largest = max(largest, len(piece))
        whole += piece
    whole += b"".join(archive.close())
    assert largest < 2**17
    assert len(opened(bytes(whole))["large"]) == 200 * 2**16


def test_one_export_of_a_tenant_is_sent_at_a_time_and_two_in_all() -> None:
    limit = ExportLimit(most=2)
    with limit.exporting("a"), limit.exporting("b"):
        for tenant_id in ("a", "c"):
            with pytest.raises(TooManyExportsError), limit.exporting(tenant_id):
                pass
    with limit.exporting("a"), limit.exporting("c"):
        pass


def test_a_second_export_is_refused_and_a_later_one_is_not(
    call: Callable[..., httpx.Response], app: TestClient, tenant_id: str
) -> None:
    services = app.app.state.services  # type: ignore[attr-defined]
    with services.exports.exporting(tenant_id):
        answer = call("GET", EXPORT)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_exports")
        assert answer.headers["retry-after"]
    for _ in range(2):
        assert call("GET", EXPORT).status_code == 200
