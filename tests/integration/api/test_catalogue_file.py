"""The API with an operator's catalogue file: names, disabled models, models that are gone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from db import worker_registry as workers
from db.core.session import Database
from db.storage.local import LocalStore
from db.tenants import api_keys
from db.values.worker_state import WorkerState
from db.worker_registry import WorkerReport
from deploy.cli.doctor import Environment, FindingError, _catalogue
from tests.support import jobs
from tests.support.apis import MakeApi
from workers import catalog
from workers.messaging.queue import QueueNotifier
from workers.moderation.filter_file import read_rules
from workers.settings import WorkerSettings

BASE = "http://127.0.0.1"
GONE = "flux.1-gone"
FILE = """
[models."flux.1-demo"]
aliases = ["demo"]
[models."flux.1-ours"]
base = "flux.1-demo"
title = "Ours"
aliases = ["ours", "owner/Ours.1"]
[models."flux.1-dev"]
enabled = false
aliases = ["dev"]
"""

Ask = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the environment names."""
    path = tmp_path / "models.toml"
    path.write_text(FILE)
    monkeypatch.setenv("BOTTEGA_CATALOG", str(path))
    return path


@pytest.fixture
def app(make_api: MakeApi, file: Path) -> Iterator[TestClient]:
    """An API process, which read the file."""
    assert file.exists()
    with TestClient(make_api(), base_url=BASE, headers={"Origin": BASE}) as client:
        yield client


def key_for(database: Database, tenant_id: str | None) -> str:
    """A new key of a tenant, or of an operator."""
    with database.transaction() as session:
        return api_keys.create(session, tenant_id=tenant_id, name="test")[1]


@pytest.fixture
def ask(app: TestClient, database: Database, tenant_id: str) -> Ask:
    """Call the process with a key: an operator's below `/v1/admin`, a tenant's elsewhere."""
    keys = {each: key_for(database, tenant_id if each == "tenant" else None) for each in OWNERS}

    def call(method: str, path: str, *, status: int = 200, **sent: Any) -> Any:
        owner = "operator" if path.startswith("/v1/admin") else "tenant"
        headers = {"Authorization": f"Bearer {keys[owner]}"}
        answer = app.request(method, path, headers=headers, **sent)
        assert answer.status_code == status, answer.text
        return answer.json()

    return call


OWNERS = ("tenant", "operator")


def test_lists_of_models_and_queues_take_aliases_and_keep_ids(ask: Ask) -> None:
    models = {"models": ["ours", "flux.1-ours", "demo", "dev"]}
    changed = ask("PATCH", "/v1/admin/tiers/standard", json=models)
    assert changed["models"] == ["flux.1-ours", "flux.1-demo", "flux.1-dev"]
    paused = ask("POST", "/v1/admin/queues/ours/pause")
    assert (paused["model"], paused["changed"]) == ("flux.1-ours", True)
    again = ask("POST", "/v1/admin/queues/flux.1-ours/pause")
    assert again["changed"] is False
    assert ask("POST", "/v1/admin/queues/owner/Ours.1/resume")["model"] == "flux.1-ours"
    # Jobs of a disabled model may still wait.
    assert ask("POST", "/v1/admin/queues/dev/pause")["model"] == "flux.1-dev"


def test_jobs_are_found_by_the_alias_of_their_model(
    ask: Ask, app: TestClient, database: Database, tenant_id: str
) -> None:
    job_id = jobs.submit(database, tenant_id, variant="flux.1-ours")
    jobs.submit(database, tenant_id, variant="flux.1-demo")
    for path in ("/v1/jobs", "/v1/admin/jobs"):
        found = ask("GET", path, params={"model": "ours"})["jobs"]
        assert [job["id"] for job in found] == [job_id]
    app.post("/dashboard/sign-in", data={"key": key_for(database, None)})
    shown = app.get("/dashboard/jobs", params={"model": "ours"}).text
    assert job_id in shown
    assert 'data-queue="flux.1-ours"' in app.get("/dashboard/queues", params={"model": "ours"}).text


def test_an_alias_with_a_slash_is_a_name_like_any_other(ask: Ask) -> None:
    name = "owner/Ours.1"
    assert ask("GET", f"/v1/models/{name}")["id"] == "flux.1-ours"
    changed = ask("PATCH", "/v1/admin/tiers/standard", json={"models": [name]})
    assert changed["models"] == ["flux.1-ours"]
    body = {"model": name, "input": {"prompt": "a red circle"}}
    assert ask("POST", "/v1/jobs", json=body, status=202)["model"] == "flux.1-ours"
    path = f"/replicate/v1/models/{name}/predictions"
    made = ask("POST", path, json={"input": {"prompt": "a red circle"}}, status=201)
    assert made["model"] == name
    assert ask("GET", f"/v1/jobs/{made['id']}")["model"] == "flux.1-ours"
    assert "owner/unknown" in str(ask("GET", "/v1/models/owner/unknown", status=404))


def test_a_disabled_model_is_neither_offered_nor_unknown(ask: Ask) -> None:
    offered = [model["id"] for model in ask("GET", "/v1/models")["models"]]
    assert "flux.1-dev" not in offered
    assert "flux.1-ours" in offered
    submission = {"model": "dev", "input": {"prompt": "x"}}
    refused = ask("POST", "/v1/jobs", status=422, json=submission)
    [error] = refused["errors"]
    assert error["loc"] == ["body", "model"]
    assert error["msg"] == "The model flux.1-dev is disabled by the operator."
    missing = ask("GET", "/v1/models/flux.1-dev", status=404)
    assert "disabled by the operator" in missing["detail"]


def test_jobs_of_a_model_that_is_gone_break_nothing(
    ask: Ask, app: TestClient, database: Database, tenant_id: str
) -> None:
    done = jobs.running(database, tenant_id, variant=GONE)
    jobs.complete(database, done, jobs.stored(done))
    failed = jobs.running(database, tenant_id, variant=GONE)
    jobs.fail(database, failed)
    waiting = jobs.submit(database, tenant_id, variant=GONE)
    assert {job["model"] for job in ask("GET", "/v1/jobs")["jobs"]} == {GONE}
    assert len(ask("GET", "/v1/jobs", params={"model": GONE})["jobs"]) == 3
    assert ask("GET", f"/v1/jobs/{done.job_id}")["state"] == "succeeded"
    assert ask("GET", f"/v1/jobs/{waiting}")["state"] == "queued"
    for path in ("usage", "account"):
        ask("GET", f"/v1/{path}")
    for path in ("overview", "queues", "jobs", f"jobs/{failed.job_id}"):
        assert GONE in str(ask("GET", f"/v1/admin/{path}"))
    ask("POST", "/v1/jobs", status=422, json={"model": GONE, "input": {"prompt": "x"}})
    app.post("/dashboard/sign-in", data={"key": key_for(database, None)})
    for path in ("", "jobs", f"jobs/{done.job_id}", f"jobs/{waiting}", "queues", "workers"):
        assert app.get(f"/dashboard/{path}").status_code == 200, path
    app.post("/playground/sign-in", data={"key": key_for(database, tenant_id)})
    for query in ({}, {"from": done.job_id}, {"from": waiting}, {"look": done.job_id}):
        assert app.get("/", params=query).status_code == 200, query
    assert ask("POST", f"/v1/jobs/{waiting}/cancel")["state"] == "canceled"


def report_worker(database: Database, name: str, digest: str) -> None:
    """Let a worker report that it read a file of this digest."""
    with database.transaction() as session:
        workers.report(
            session,
            WorkerReport(
                name, "host", 1, "cpu", ["flux.1-demo"], WorkerState.READY, catalogue_digest=digest
            ),
        )


def test_workers_with_another_file_are_told(
    ask: Ask,
    app: TestClient,
    database: Database,
    store: LocalStore,
    worker_settings: WorkerSettings,
    file: Path,
) -> None:
    digest = catalog.installed().digest
    environment = Environment(database, store, QueueNotifier(worker_settings))
    report_worker(database, "wrk_1", digest)
    app.post("/dashboard/sign-in", data={"key": key_for(database, None)})
    assert "another catalogue file" not in app.get("/dashboard/workers").text
    assert _catalogue(environment) == f"{file} ({digest}), like every live worker"

    report_worker(database, "wrk_2", "")
    shown = app.get("/dashboard/workers").text
    assert "1 of 2 workers read another catalogue file than the API" in shown
    assert digest in shown
    with pytest.raises(FindingError, match=r"wrk_2 on host \(none\); give every machine the same"):
        _catalogue(environment)
    listed = {row["id"]: row for row in ask("GET", "/v1/admin/workers")["workers"]}
    assert {name: row["catalogue_digest"] for name, row in listed.items()} == {
        "wrk_1": digest,
        "wrk_2": "",
    }


def test_a_content_filter_named_by_an_alias_judges_jobs_of_the_id(
    file: Path, tmp_path: Path
) -> None:
    assert file.exists()
    (tmp_path / "words.txt").write_text("gore\n")
    (tmp_path / "filters.toml").write_text(
        '[filters.words]\nkind = "words"\nfile = "words.txt"\n'
        '[[rules]]\nvariants = ["ours"]\nfilters = ["words"]\n'
    )
    rules = read_rules(tmp_path / "filters.toml")
    assert len(rules.filters_for("flux.1-ours", "standard")) == 1
    assert rules.filters_for("flux.1-demo", "standard") == ()


def test_a_playground_without_a_model_says_so(
    make_api: MakeApi, file: Path, database: Database, tenant_id: str
) -> None:
    assert file.exists()
    api = make_api(BOTTEGA_VARIANTS='["flux.1-dev"]')
    with TestClient(api, base_url=BASE, headers={"Origin": BASE}) as client:
        client.post(
            "/playground/sign-in",
            data={"key": key_for(database, tenant_id)},
            follow_redirects=False,
        )
        assert client.get("/").status_code == 404


def test_an_api_process_refuses_a_broken_file(make_api: MakeApi, file: Path) -> None:
    file.write_text("x = 1\n")
    with pytest.raises(catalog.CatalogueFileError, match="line 1: x: there is no such key"):
        make_api()
