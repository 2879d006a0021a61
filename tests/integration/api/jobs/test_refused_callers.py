"""A revoked or expired key and a suspended tenant are refused before anything is done for them."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.outbound import Listener, listening
from tests.support.station import picture

Json = dict[str, Any]
JOBS = "/v1/jobs"
PAINT: Json = {"model": "flux.1-demo", "input": {"prompt": "a red circle"}}


@dataclass
class KnownTenant:
    """A tenant whose key this process has identified, and whose account is not usable any more."""

    client: TestClient
    store: Path
    remote: Listener
    url: str

    def look(self, image: str) -> Json:
        return {"model": "florence-2-demo", "input": {"image": image, "task": "<OD>"}}

    def stored(self) -> list[Path]:
        return [path for path in self.store.rglob("*") if path.is_file()]


@pytest.fixture(params=["revoked", "expired", "suspended"])
def known(
    request: pytest.FixtureRequest, make_api: MakeApi, database: Database, tmp_path: Path
) -> Iterator[KnownTenant]:
    tenant_id = jobs.add_tenant(database)
    with database.transaction() as session:
        row, key = api_keys.create(session, tenant_id=tenant_id, name="")
    app = make_api(
        BOTTEGA_OUTBOUND_ALLOW='["127.0.0.0/8"]',
        BOTTEGA_OUTBOUND_HTTP="true",
        BOTTEGA_OUTBOUND_PORTS="[]",
    )
    headers = {"Authorization": f"Bearer {key}"}
    with TestClient(app, headers=headers) as client, listening() as remote:
        first = client.post(JOBS, json=PAINT, headers={"Idempotency-Key": "k"})
        assert first.status_code == 202, first.text
        change = {
            "revoked": "UPDATE api_keys SET revoked_at = now() WHERE id = :id RETURNING id",
            "expired": "UPDATE api_keys SET expires_at = now() WHERE id = :id RETURNING id",
            "suspended": "UPDATE tenants SET suspended_at = now() WHERE id = :id RETURNING id",
        }[request.param]
        jobs.sql(database, change, id=tenant_id if request.param == "suspended" else row.id)
        url = f"http://127.0.0.1:{remote.port}/a.png"
        yield KnownTenant(client, tmp_path / "store", remote, url)


def data_uri() -> str:
    return "data:image/png;base64," + base64.b64encode(picture()).decode()


SUBMISSIONS: dict[str, Callable[[KnownTenant], dict[str, Any]]] = {
    "data URI": lambda known: {"json": known.look(data_uri())},
    "URL": lambda known: {"json": known.look(known.url)},
    "LoRA": lambda known: {
        "json": {
            "model": "flux.1-schnell",
            "input": {"prompt": "a", "loras": [{"source": known.url}]},
        }
    },
    "replay": lambda _: {"json": PAINT, "headers": {"Idempotency-Key": "k"}},
    "other body under the key": lambda known: {
        "json": known.look(data_uri()),
        "headers": {"Idempotency-Key": "k"},
    },
}


def test_a_submission_stores_fetches_quotes_and_replays_nothing(known: KnownTenant) -> None:
    for kind, request in SUBMISSIONS.items():
        for dry_run in (False, True):
            answer = known.client.post(JOBS, params={"dry_run": dry_run}, **request(known))
            assert answer.status_code in {401, 403}, (kind, dry_run, answer.text)
            assert known.stored() == []
            assert not known.remote.took_a_connection()


def test_every_other_call_of_a_tenant_is_refused(known: KnownTenant) -> None:
    answers = [
        known.client.post("/v1/files", files={"file": ("a.png", picture(), "image/png")}),
        *(
            known.client.request(method, path)
            for method, path in [
                ("GET", JOBS),
                ("GET", f"{JOBS}/job_x"),
                ("POST", f"{JOBS}/job_x/cancel"),
                ("GET", f"{JOBS}/job_x/events"),
                ("GET", "/v1/account"),
                ("GET", "/v1/usage"),
                ("GET", "/v1/webhooks/deliveries"),
                ("POST", "/v1/webhooks/deliveries/dlv_x/redeliver"),
                ("GET", "/v1/webhooks/secret"),
                ("POST", "/v1/webhooks/secret/rotate"),
            ]
        ),
    ]
    assert {answer.status_code for answer in answers} <= {401, 403}
    assert known.stored() == []
