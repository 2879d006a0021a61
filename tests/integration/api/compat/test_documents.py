"""Every operation of every compatible API's document, called with generated requests.

As `tests.integration.api.test_openapi_fuzz` does with the service's own document.
"""

import os
from collections.abc import Iterator, Mapping

import httpx
import pytest
import schemathesis
from openapi_spec_validator import validate

from api.compat.mounting import SURFACES
from db.core.session import Database
from db.tenants import api_keys
from tests.servers.uvicorn_thread import serving
from tests.support.apis import MakeApi
from tests.support.document_calls import configured, name_known_ids, outcome_of, working
from tests.support.jobs import sql
from tests.support.station import FLORENCE2, FLUX, Station, picture
from tests.support.surfaces import DOORS, Door, by_name

SEED = 20261130
EXAMPLES = 2
LONG_SEED = int(os.environ.get("FUZZ_SEED", "1"))
LONG_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "50"))


@pytest.fixture
def key(database: Database, tenant_id: str) -> str:
    """The key of a tenant."""
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="")[1]


@pytest.fixture
def url(make_api: MakeApi, station: Station) -> Iterator[str]:
    """The URL of a service that offers two models and runs their jobs."""
    app = make_api(BOTTEGA_VARIANTS=f'["{FLUX}", "{FLORENCE2}"]')
    with serving(app) as url, working(station):
        yield url


@pytest.fixture
def known_names(url: str, key: str, database: Database, door: Door) -> Mapping[str, str]:
    """Values of path parameters that stand for something: models, a job, and a file."""
    headers = {"x-key": key}
    job = {"model": FLUX, "input": {"prompt": "a red circle"}}
    wait = {"Prefer": "wait=30"}
    httpx.post(f"{url}/v1/jobs", json=job, headers=headers | wait).raise_for_status()
    files = {"file": ("a.png", picture(), "image/png")}
    file = httpx.post(f"{url}/v1/files", files=files, headers=headers).raise_for_status()
    [[job_id]] = sql(database, "SELECT id FROM jobs")
    is_hub = door.prefix == "/hf"
    return {
        **dict.fromkeys(("prediction_id", "request_id", "job_id"), job_id),
        "file_id": file.json()["id"],
        "owner": "bottega",
        "name": FLUX,
        "app": f"bottega/{FLUX}",
        "endpoint": FLUX,
        "model": FLORENCE2 if is_hub else FLUX,
        "task": "image-to-text",
    }


def test_every_surface_is_among_the_doors() -> None:
    assert {each.surface.name for each in SURFACES} == {door.name for door in DOORS}


@pytest.mark.parametrize(**by_name())
def test_a_document_is_valid_and_names_its_address(make_api: MakeApi, door: Door) -> None:
    app = make_api()
    with serving(app) as url:
        document = httpx.get(f"{url}{door.document}").raise_for_status().json()
    validate(document)
    assert document["servers"] == [{"url": door.prefix}]
    operations = [call for calls in document["paths"].values() for call in calls.values()]
    assert len({each["operationId"] for each in operations}) == len(operations)
    for each in operations:
        assert each["summary"] or each["description"]
        assert any(status.startswith("2") for status in each["responses"])
    # Every submission needs a key, and says so.
    assert any(each.get("security") for each in operations)


@pytest.mark.parametrize(
    ("seed", "examples"),
    [
        pytest.param(SEED, EXAMPLES, marks=pytest.mark.timeout(600)),
        pytest.param(LONG_SEED, LONG_EXAMPLES, marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
)
@pytest.mark.parametrize(**by_name())
def test_no_answer_is_undocumented(
    url: str, key: str, door: Door, known_names: Mapping[str, str], seed: int, examples: int
) -> None:
    config = configured(key, seed, examples, is_foreign=True, is_short=examples == EXAMPLES)
    schema = schemathesis.openapi.from_url(f"{url}{door.document}", config=config)
    name_known_ids(schema, known_names)
    outcome = outcome_of(schema)
    assert not outcome.failures, "\n\n".join(sorted(outcome.failures))
    assert outcome.calls.keys() == {found.ok().label for found in schema.get_all_operations()}
