"""A local stack filled as one in use looks: tenants, jobs in every state, an hour and a month."""

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
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
_SEER = "florence-2-demo"
_ASK_SECONDS = 90
_FILLER = Actor("cli:demo", "demo")

# What has ended is put back in its order, most of it over the last hour and the first of it over
# the last weeks, so that curves have a shape; every time of a job moves by the same amount.
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
    """What the screens are shown of: a painted job, a looked-at one, a failed one, their tenant."""

    painted: str
    seen: str
    failed: str
    tenant: str
    key: str = field(repr=False)


def fill(stack: LocalStack, *, jobs: int = 40) -> SampleData:
    """Fill a running stack; it takes about a second a job.

    Raises:
        httpx.HTTPError: the stack refused something, or did not answer.
    """
    facts = stack.facts()
    database = Database(DatabaseSettings(url=SecretStr(facts["database_url"]), pool_size=2))
    try:
        _add_paying_tier(database)
        own = [_tenant(database, name, tier) for name, tier in _TENANTS]
        with _clients(facts["url"], [key for _, key in own]) as clients:
            _work(clients, jobs)
            failed = _fail_some(stack, database, clients[1])
            painted, seen = _show_pieces(clients[0])
            with database.transaction() as session:
                session.execute(_SPREAD)
            _leave_some_waiting(database, clients[0])
        return SampleData(painted, seen, failed[0], *own[0])
    finally:
        database.close()


def _add_paying_tier(database: Database) -> None:
    """A tier without an allowance, so that there is revenue to see."""
    with database.transaction() as session:
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


def _tenant(database: Database, name: str, tier: str) -> tuple[str, str]:
    with database.transaction() as session:
        row = operator_actions.create_tenant(session, _FILLER, name=name, tier=tier)
        operator_actions.credit(
            session,
            _FILLER,
            tenant_id=row.id,
            amount_micros=25_000_000,
            reference=f"first payment of {row.id}",
            reason="prepaid",
        )
        keys = [
            operator_actions.create_key(session, _FILLER, tenant_id=row.id, name=each)[1]
            for each in ("production", "staging")
        ]
        key = keys[0]
    return row.id, key


@contextmanager
def _clients(url: str, keys: list[str]) -> Iterator[list[httpx.Client]]:
    opened = [
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=_ASK_SECONDS)
        for key in keys
    ]
    try:
        yield opened
    finally:
        for client in opened:
            client.close()


def _submit(client: httpx.Client, model: str, given: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"model": model, "input": given, **more}
    answer = client.post("/v1/jobs", json=body, headers={"Prefer": "wait=60"})
    job: dict[str, Any] = answer.raise_for_status().json()
    return job


def _show_pieces(client: httpx.Client) -> tuple[str, str]:
    painted = _submit(client, "flux.1-demo", {"prompt": _PROMPTS[0], "seed": 7})
    picture = painted["output"]["images"][0]["url"]
    tasks = ["<CAPTION>", "<OD>"]
    seen = _submit(client, _SEER, {"image": picture, "tasks": tasks})
    return painted["id"], seen["id"]


def _work(clients: list[httpx.Client], jobs: int) -> None:
    weighted = [clients[0], clients[0], clients[1], clients[0], clients[2]]
    pairs = zip(cycle(weighted), cycle(_PROMPTS), range(jobs), strict=False)
    for client, prompt, n in pairs:
        _submit(client, "flux.1-demo", {"prompt": prompt, "num_images": 1 + (n % 4 == 0)})


def _fail_some(stack: LocalStack, database: Database, client: httpx.Client) -> list[str]:
    """Jobs whose picture is gone from the store when a worker looks for it."""
    ids = []
    with _paused(database, _SEER):
        for shade in range(3):
            asked = {"image": _data_uri(shade), "task": "<OD>"}
            body = {"model": _SEER, "input": asked}
            answer = client.post("/v1/jobs", json=body).raise_for_status()
            ids.append(str(answer.json()["id"]))
        store = LocalStore(stack.data_dir / "store")
        for key in _input_keys(database, ids):
            store.delete(key)
    for job_id in ids:
        client.get(f"/v1/jobs/{job_id}", params={"wait": 60}).raise_for_status()
    return ids


def _leave_some_waiting(database: Database, client: httpx.Client) -> None:
    _set_paused(database, _SEER, paused=True)
    for shade in range(40, 47):
        asked = {"image": _data_uri(shade), "task": "<CAPTION>"}
        client.post("/v1/jobs", json={"model": _SEER, "input": asked}).raise_for_status()


def _data_uri(shade: int) -> str:
    data = io.BytesIO()
    Image.new("RGB", (96, 64), (shade, 90, 120)).save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def _input_keys(database: Database, ids: list[str]) -> list[str]:
    with database.transaction() as session:
        return [
            str(given["image"])
            for given in session.scalars(select(Job.input).where(Job.id.in_(ids)))
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
        switch(session, _FILLER, variant)
