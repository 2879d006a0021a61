"""Sample data for a local stack: tenants, jobs in every state, history of an hour and a month."""

import base64
import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import httpx
from PIL import Image
from pydantic import SecretStr
from sqlalchemy import select, text

from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.operators import actions as operator_actions
from db.operators.audit import Actor
from db.storage.local import LocalStore
from db.tables import Job, Tier
from deploy.local.stack import LocalStack

_PROMPTS = (
    "a red circle to the left of a blue square on a white background",
    "a green triangle above a yellow circle on a black background",
    "a large orange star on a purple background",
    "a white square below a blue circle on a yellow background",
)
_PAYING = "studio"
_TENANTS = (("Atelier Nord", _PAYING), ("Paper & Pixel", "standard"), ("Tryout", "free"))
_FLUX_VARIANT, _FLORENCE2_VARIANT = "flux.1-demo", "florence-2-demo"
_TIMEOUT_SECONDS = 90
_ACTOR = Actor("cli:demo", "demo")

# Moves finished jobs into the past in their order, most of them over the last hour and the first
# ones over the last weeks, so that charts have a shape. All times of a job move by the same amount.
_SPREAD = text("""
WITH ranked AS (
    SELECT id, (row_number() OVER (ORDER BY id DESC) - 1)::float / count(*) OVER () AS age
    FROM jobs WHERE finished_at IS NOT NULL
), moved AS (
    SELECT id, CASE WHEN age < 0.8
        THEN make_interval(secs => 3500 * pow(age / 0.8, 1.3))
        ELSE make_interval(hours => (1 + 3000 * (age - 0.8))::int) END AS back
    FROM ranked
), attempts_moved AS (
    UPDATE attempts a SET started_at = a.started_at - back, ended_at = a.ended_at - back
    FROM moved WHERE a.job_id = moved.id
)
UPDATE jobs SET created_at = created_at - back, started_at = started_at - back,
    finished_at = finished_at - back
FROM moved WHERE jobs.id = moved.id
""")


@dataclass(frozen=True)
class SampleData:
    """Ids of examples for screenshots, and the key of their tenant.

    Attributes:
        generation_id: a job that generated a picture.
        analysis_id: a job that analyzed it.
        failed_id: a job that failed.
        tenant_id: the tenant of the first two jobs.
        api_key: a key of this tenant.
    """

    generation_id: str
    analysis_id: str
    failed_id: str
    tenant_id: str
    api_key: str = field(repr=False)


def fill_stack(stack: LocalStack, *, jobs: int = 40) -> SampleData:
    """Fill a running stack; takes about a second per job.

    Raises:
        httpx.HTTPError: the stack rejected a request, or did not respond.
    """
    facts = stack.facts()
    database = Database(DatabaseSettings(url=SecretStr(facts["database_url"]), pool_size=2))
    try:
        _add_paying_tier(stack.migration_url)
        tenants = [_create_tenant(database, name, tier) for name, tier in _TENANTS]
        with _clients(facts["url"], [key for _, key in tenants]) as clients:
            _run_jobs(clients, jobs)
            failed = _fail_jobs(stack, database, clients[1])
            generation_id, analysis_id = _run_example(clients[0])
            with database.transaction() as session:
                session.execute(_SPREAD)
            _leave_jobs_queued(database, clients[0])
        return SampleData(generation_id, analysis_id, failed[0], *tenants[0])
    finally:
        database.close()


def _add_paying_tier(migration_url: str) -> None:
    """Add a tier without an allowance, so that there is revenue to show."""
    database = Database(DatabaseSettings(url=SecretStr(migration_url), pool_size=1))
    with closing(database), database.transaction() as session:
        session.add(
            Tier(
                name=_PAYING,
                weight=4.0,
                max_in_flight=500,
                max_priority="high",
                images_per_month=0,
                analyses_per_month=0,
            )
        )


def _create_tenant(database: Database, name: str, tier: str) -> tuple[str, str]:
    with database.transaction() as session:
        row = operator_actions.create_tenant(session, _ACTOR, name=name, tier=tier)
        operator_actions.credit(
            session,
            _ACTOR,
            tenant_id=row.id,
            amount_micros=25_000_000,
            reference=f"first payment of {row.id}",
            reason="prepaid",
        )
        keys = [
            operator_actions.create_key(session, _ACTOR, tenant_id=row.id, name=each)[1]
            for each in ("production", "staging")
        ]
        key = keys[0]
    return row.id, key


@contextmanager
def _clients(url: str, keys: list[str]) -> Iterator[list[httpx.Client]]:
    clients = [
        httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=_TIMEOUT_SECONDS
        )
        for key in keys
    ]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


def _submit(client: httpx.Client, model: str, inputs: dict[str, Any]) -> dict[str, Any]:
    body = {"model": model, "input": inputs}
    response = client.post("/v1/jobs", json=body, headers={"Prefer": "wait=60"})
    job: dict[str, Any] = response.raise_for_status().json()
    return job


def _run_example(client: httpx.Client) -> tuple[str, str]:
    generation = _submit(client, _FLUX_VARIANT, {"prompt": _PROMPTS[0], "seed": 7})
    url = generation["output"]["images"][0]["url"]
    tasks = ["<CAPTION>", "<OD>"]
    analysis = _submit(client, _FLORENCE2_VARIANT, {"image": url, "tasks": tasks})
    return generation["id"], analysis["id"]


def _run_jobs(clients: list[httpx.Client], jobs: int) -> None:
    weighted = [clients[0], clients[0], clients[1], clients[0], clients[2]]
    pairs = zip(cycle(weighted), cycle(_PROMPTS), range(jobs), strict=False)
    for client, prompt, n in pairs:
        _submit(client, _FLUX_VARIANT, {"prompt": prompt, "num_images": 1 + (n % 4 == 0)})


def _fail_jobs(stack: LocalStack, database: Database, client: httpx.Client) -> list[str]:
    """Submit jobs whose picture is deleted from the store before a worker loads it."""
    ids = []
    with _paused(database, _FLORENCE2_VARIANT):
        for shade in range(3):
            inputs = {"image": _data_uri(shade), "task": "<OD>"}
            body = {"model": _FLORENCE2_VARIANT, "input": inputs}
            response = client.post("/v1/jobs", json=body).raise_for_status()
            ids.append(str(response.json()["id"]))
        store = LocalStore(stack.data_dir / "store")
        for key in _input_keys(database, ids):
            store.delete(key)
    for job_id in ids:
        client.get(f"/v1/jobs/{job_id}", params={"wait": 60}).raise_for_status()
    return ids


def _leave_jobs_queued(database: Database, client: httpx.Client) -> None:
    _set_paused(database, _FLORENCE2_VARIANT, paused=True)
    for shade in range(40, 47):
        inputs = {"image": _data_uri(shade), "task": "<CAPTION>"}
        body = {"model": _FLORENCE2_VARIANT, "input": inputs}
        client.post("/v1/jobs", json=body).raise_for_status()


def _data_uri(shade: int) -> str:
    data = io.BytesIO()
    Image.new("RGB", (96, 64), (shade, 90, 120)).save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def _input_keys(database: Database, ids: list[str]) -> list[str]:
    with database.transaction() as session:
        return [
            str(inputs["image"])
            for inputs in session.scalars(select(Job.input).where(Job.id.in_(ids)))
        ]


@contextmanager
def _paused(database: Database, variant: str) -> Iterator[None]:
    _set_paused(database, variant, paused=True)
    try:
        yield
    finally:
        _set_paused(database, variant, paused=False)


def _set_paused(database: Database, variant: str, *, paused: bool) -> None:
    switch = operator_actions.pause_queue if paused else operator_actions.resume_queue
    with database.transaction() as session:
        switch(session, _ACTOR, variant)
