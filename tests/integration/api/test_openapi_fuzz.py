"""Every operation of the OpenAPI document, called with generated requests.

Schemathesis generates them: the document's examples, values at and beyond the limits of each
schema, random ones, and sequences in which an answer's ids are sent on. No answer may be a server
error, or differ from the document in status, headers, media type or schema. The seed is fixed;
`FUZZ_SEED` and `FUZZ_EXAMPLES` set those of the long run, which is marked slow.
"""

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import httpx
import pytest
import schemathesis
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    SimpleCheckConfig,
)
from schemathesis.engine import Status, events, from_schema
from schemathesis.hooks import HookContext
from schemathesis.schemas import BaseSchema

from db import worker_registry
from db.core.session import Database
from db.tenants import api_keys
from db.tenants.api_keys import OperatorRole
from db.values.worker_state import WorkerState
from db.worker_registry import WorkerReport
from tests.servers.uvicorn_thread import serving
from tests.support.apis import MakeApi
from tests.support.jobs import sql
from tests.support.station import FLORENCE2, FLUX, Station
from tests.support.webhooks import failed_job

SEED = 20261130
EXAMPLES = 10
LONG_SEED = int(os.environ.get("FUZZ_SEED", "1"))
LONG_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
ADMIN = "^/v1/admin"

Json = dict[str, Any]


@dataclass
class Outcome:
    """The outcome of a run: the calls of each operation, and every failed check or error."""

    calls: Counter[str] = field(default_factory=Counter)
    failures: set[str] = field(default_factory=set)

    def add(self, event: events.EngineEvent) -> None:
        """Add what an event of the run reports."""
        if isinstance(event, events.ScenarioFinished):
            self._add_scenario(event)
        elif isinstance(event, events.NonFatalError):
            self.failures.add(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            self.failures.add(repr(event.exception))

    def _add_scenario(self, event: events.ScenarioFinished) -> None:
        cases = (node.value for node in event.recorder.cases.values())
        self.calls.update(case.operation.label for case in cases)
        for checks in event.recorder.checks.values():
            failed = (each for each in checks if each.status is Status.FAILURE)
            self.failures |= {
                f"{check.name}: {check.failure_info.failure}\n{check.failure_info.code_sample}"
                for check in failed
                if check.failure_info is not None
            }


def configured(key: str, seed: int, examples: int) -> SchemathesisConfig:
    """A run with a key; `examples` are the random requests for each operation."""
    checks = ChecksConfig(
        # The service knows more than the schema: a model that is unknown, a picture that is none.
        positive_data_acceptance=PositiveDataAcceptanceConfig(enabled=False),
        # A DELETE of a job removes its contents: the job stays, for the bill.
        use_after_free=SimpleCheckConfig(enabled=False),
    )
    project = ProjectConfig(
        headers={"Authorization": f"Bearer {key}"},
        checks=checks,
        generation=GenerationConfig(max_examples=examples, no_shrink=True),
        request_timeout=90,
        continue_on_failure=True,
    )
    return SchemathesisConfig(seed=seed, projects=ProjectsConfig(default=project))


def name_known_ids(schema: BaseSchema, known: Mapping[str, str]) -> None:
    """Send existing ids in about half of the paths, chosen by the path: a run is repeatable."""

    def map_path_parameters(_context: HookContext, path_parameters: Json) -> Json:
        if crc32(repr(path_parameters).encode()) % 2:
            return path_parameters
        return {name: known.get(name, value) for name, value in path_parameters.items()}

    schema.hook(map_path_parameters)


def outcome_of(schema: BaseSchema) -> Outcome:
    """Call every operation of a document."""
    outcome = Outcome()
    for event in from_schema(schema).execute():
        outcome.add(event)
    return outcome


@contextmanager
def working(station: Station) -> Iterator[None]:
    """Run the jobs that are submitted meanwhile, so that streams and long polls end."""
    stopping = threading.Event()

    def work() -> None:
        executor = station.executor()
        while not stopping.wait(0.05):
            for variant in (FLUX, FLORENCE2):
                executor.run_batch(variant)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


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
    app = make_api(BOTTEGA_VARIANTS=f'["{FLUX}", "{FLORENCE2}"]')
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
