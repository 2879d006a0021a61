"""Every operation of the OpenAPI document, called with generated requests.

Schemathesis generates them: the document's examples, values at and beyond the limits of each
schema, random ones, and sequences in which an answer's ids are sent on. No answer may be a server
error, or differ from the document in status, headers, media type or schema. The seed is fixed;
`FUZZ_SEED` and `FUZZ_EXAMPLES` set those of the long run, which is marked slow.
"""

import os
from collections.abc import Iterator, Mapping

import httpx
import pytest
import schemathesis

from db import worker_registry
from db.core.session import Database
from db.tenants import api_keys
from db.tenants.api_keys import OperatorRole
from db.values.worker_state import WorkerState
from db.worker_registry import WorkerReport
from tests.servers.uvicorn_thread import serving
from tests.support.apis import MakeApi
from tests.support.document_calls import configured, name_known_ids, outcome_of, working
from tests.support.jobs import sql
from tests.support.station import FLORENCE2, FLUX, Station
from tests.support.webhooks import failed_job

SEED = 20261130
EXAMPLES = 10
LONG_SEED = int(os.environ.get("FUZZ_SEED", "1"))
LONG_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
ADMIN = "^/v1/admin"


@pytest.fixture
def known_ids(database: Database, tenant_id: str) -> Mapping[str, str]:
    """The ids of a tenant's failed job, of its webhook, and of an operator's key to revoke."""
    delivery_id = failed_job(database, tenant_id, "https://receiver.example.org/hook")
    report = WorkerReport("wrk_1", "gpu-1", 1, "cpu", [FLUX, FLORENCE2], WorkerState.READY)
    with database.transaction() as session:
        worker_registry.report(session, report)
        row, _ = api_keys.create(session, tenant_id=None, name="", role=OperatorRole.OPERATOR)
        key_id = row.id
    [[job_id]] = sql(database, "SELECT id FROM jobs")
    return {"job_id": job_id, "delivery_id": delivery_id, "key_id": key_id}


@pytest.fixture
def url(make_api: MakeApi, station: Station, known_ids: Mapping[str, str]) -> Iterator[str]:
    """The URL of a service that has rows with known ids, offers two models and runs their jobs."""
    assert known_ids
    # Calls with wrong keys are counted by address, and all of them have one.
    limits = {"BOTTEGA_WRONG_KEYS_PER_MINUTE": "100000"}
    app = make_api(BOTTEGA_VARIANTS=f'["{FLUX}", "{FLORENCE2}"]', **limits)
    with serving(app) as url, working(station):
        yield url


@pytest.fixture(params=["tenant", "operator"])
def role(request: pytest.FixtureRequest) -> str:
    """The role whose operations are called, in a database of its own."""
    return str(request.param)


@pytest.fixture
def key(database: Database, role: str, tenant_id: str) -> str:
    """A key of the role."""
    with database.transaction() as session:
        if role == "operator":
            created = api_keys.create(session, tenant_id=None, name="", role=OperatorRole.OPERATOR)
        else:
            created = api_keys.create(session, tenant_id=tenant_id, name="")
    return created[1]


@pytest.mark.parametrize(
    ("seed", "examples"),
    [
        pytest.param(SEED, EXAMPLES, marks=pytest.mark.timeout(600)),
        pytest.param(LONG_SEED, LONG_EXAMPLES, marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
)
def test_no_answer_is_undocumented(
    url: str, key: str, role: str, known_ids: Mapping[str, str], seed: int, examples: int
) -> None:
    config = configured(key, seed, examples)
    whole = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
    own = whole.include(path_regex=ADMIN) if role == "operator" else whole.exclude(path_regex=ADMIN)
    name_known_ids(own, known_ids)
    outcome = outcome_of(own)
    assert outcome.failures == set()
    assert outcome.calls.keys() == {found.ok().label for found in own.get_all_operations()}


@pytest.mark.parametrize("role", ["tenant"], indirect=True)
def test_an_undocumented_status_is_found(url: str, key: str) -> None:
    described = httpx.get(f"{url}/openapi.json").json()
    del described["paths"]["/v1/jobs"]["get"]["responses"]["422"]
    config = configured(key, SEED, 1)
    config.projects.default.base_url = url
    schema = schemathesis.openapi.from_dict(described, config=config)
    outcome = outcome_of(schema.include(path="/v1/jobs", method="GET"))
    assert {failure.partition(":")[0] for failure in outcome.failures} == {
        "status_code_conformance"
    }
