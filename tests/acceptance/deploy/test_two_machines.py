"""Two machines on shared servers: jobs spread, one of everything is killed, nothing is lost.

It takes minutes: `make machines` prints the figures.
"""

import hashlib
import itertools
import json
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from sqlalchemy import ColumnElement, func, select

from db.billing import ledger
from db.core.invariants import violations
from db.tables import Attempt, Hold, Job, UsageEvent
from db.tenants import api_keys, tenants
from db.values.job_state import ACTIVE
from tests.acceptance.stack import Json, eventually
from tests.servers.swift import keeps_attributes
from tests.support.machines import MACHINES, START_SECONDS, VARIANT, Machines

pytestmark = [pytest.mark.machines, pytest.mark.timeout(1800)]

SUBMITTERS = 3
PACE_SECONDS = 0.5
MOST_WAITING = 30
MORE = 10
_LATER = {429, 500, 502, 503}
_KILLS = (
    ("north-api", signal.SIGKILL),
    ("south-courier", signal.SIGKILL),
    ("redis", signal.SIGKILL),
    ("swift-object", signal.SIGKILL),
    ("swift-proxy", signal.SIGKILL),
    ("postgres", signal.SIGQUIT),  # its immediate shutdown: as a crash
    ("south-api", signal.SIGKILL),
)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    """Both machines, running."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as on_disk:
        folder = tmp_path if keeps_attributes(tmp_path) else Path(on_disk)
        both = Machines(folder)
        with both.running():
            yield both


@dataclass
class Tenant:
    """One who submits to whichever machine answers, again and again under the same key."""

    machines: Machines
    key: str
    accepted: list[str] = field(default_factory=list)
    turned_away: int = 0

    def submit_on(self, number: int, stopping: threading.Event) -> None:
        """Submit at a steady pace until told to stop; nothing is given up."""
        with httpx.Client(headers={"Authorization": f"Bearer {self.key}"}, timeout=20) as http:
            for n in itertools.count():
                self._await_room(stopping)
                self.accepted.append(self._submit(http, f"{number}-{n}"))
                if stopping.wait(PACE_SECONDS):
                    return

    def _await_room(self, stopping: threading.Event) -> None:
        """As much is asked for as comes out: a backlog would only make the end come later."""
        while count(self.machines, Job.state.in_(ACTIVE)) > MOST_WAITING:
            if stopping.wait(PACE_SECONDS):
                return

    def _submit(self, http: httpx.Client, key: str) -> str:
        asked = {
            "model": VARIANT,
            "input": {"prompt": "a red circle", "width": 128, "height": 128, "steps": 12},
        }
        for url in itertools.cycle(self.machines.urls):
            try:
                answer = http.post(f"{url}/v1/jobs", json=asked, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                self.turned_away += 1
                threading.Event().wait(0.1)
                continue
            if answer.status_code == 202:
                return str(answer.json()["id"])
            assert answer.status_code in _LATER, answer.text
            self.turned_away += 1
            threading.Event().wait(0.1)
        raise AssertionError


def new_tenant(machines: Machines) -> Tenant:
    """A tenant who can pay for all that is submitted."""
    with machines.database.transaction() as session:
        row = tenants.create(session, name="Machines", tier="enterprise")
        ledger.credit(session, row.id, 10**9, reference="machines")
        _, key = api_keys.create(session, tenant_id=row.id, name="first")
    return Tenant(machines, key)


def count(machines: Machines, *conditions: ColumnElement[bool]) -> int:
    """The number of jobs that meet the conditions."""
    return int(machines.rows(select(func.count(Job.id)).where(*conditions))[0][0])


def await_more(machines: Machines) -> None:
    """Return when so many jobs more have succeeded."""

    done = [Job.state == "succeeded"]
    goal = count(machines, *done) + MORE
    eventually(lambda: count(machines, *done) >= goal, seconds=START_SECONDS)


@contextmanager
def timed(machines: Machines, name: str) -> Iterator[None]:
    """Record how long it took until all was well again."""
    began = time.monotonic()
    yield
    machines.pauses[name] = round(time.monotonic() - began, 1)


def strike_all(machines: Machines) -> None:
    """Kill one of everything, one after the other, with work coming out in between."""
    await_more(machines)
    for name, by in _KILLS:
        with timed(machines, name):
            machines.kill(name, by)
            await_more(machines)
    with timed(machines, "north-worker"):
        machines.kill_worker("north")
        await_more(machines)
    with timed(machines, "south-fleet"):
        machines.await_at_work("south")
        machines.kill("south-fleet")
        eventually(lambda: machines.learn_workers() == set(MACHINES), seconds=START_SECONDS)
        await_more(machines)


def load_and_strike(machines: Machines, tenant: Tenant) -> None:
    """Strike while three submit; return when whatever was accepted is over."""
    stopping = threading.Event()
    with ThreadPoolExecutor(SUBMITTERS) as pool:
        submitting = [pool.submit(tenant.submit_on, n, stopping) for n in range(SUBMITTERS)]
        try:
            strike_all(machines)
        finally:
            stopping.set()
        for ended in submitting:
            ended.result()
    eventually(lambda: not count(machines, Job.state.in_(ACTIVE)), seconds=START_SECONDS)


def picture_seen_by_both(machines: Machines, tenant: Tenant, job_id: str) -> None:
    """Each machine's API says the same of a job, and gives its picture's bytes."""
    for url in machines.urls:
        headers = {"Authorization": f"Bearer {tenant.key}"}
        job: Json = httpx.get(f"{url}/v1/jobs/{job_id}", headers=headers).raise_for_status().json()
        [image] = job["output"]["images"]
        content = httpx.get(image["url"]).raise_for_status().content
        assert hashlib.sha256(content).hexdigest() == image["sha256"]


def test_two_machines_lose_nothing_when_one_of_everything_is_killed(machines: Machines) -> None:
    tenant = new_tenant(machines)
    over, began = threading.Event(), time.monotonic()

    def work() -> None:
        try:
            load_and_strike(machines, tenant)
        finally:
            over.set()

    with ThreadPoolExecutor(1) as pool:  # this thread is the parent of what is restarted
        done = pool.submit(work)
        machines.watch(over)
        done.result()
    seconds = time.monotonic() - began

    with machines.database.transaction() as session:
        states = dict(session.execute(select(Job.id, Job.state)).all())
        ends = session.execute(select(Attempt.worker_id, Attempt.outcome)).all()
        holds = Counter(session.scalars(select(Hold.state)))
        used = session.scalars(select(UsageEvent.job_id)).all()
    with machines.database.transaction() as session:  # a view of one moment: its first statement
        broken = violations(session)
    assert len(set(tenant.accepted)) == len(tenant.accepted)
    assert set(states) == set(tenant.accepted)
    assert set(states.values()) == {"succeeded"}
    assert broken == []
    assert holds == {"settled": len(states)}
    assert sorted(used) == sorted(states)
    assert sum(end == "worker_lost" for _, end in ends) > 0, "nobody was killed at work"
    won = Counter(machines.workers_of[worker] for worker, end in ends if end == "succeeded")
    assert won.total() == len(states)
    assert min(won[name] for name in MACHINES) > len(states) / 5
    for job_id in tenant.accepted[:: max(1, len(states) // 20)]:
        picture_seen_by_both(machines, tenant, job_id)
    figures = {
        "jobs": len(states),
        "seconds": round(seconds, 1),
        "by_machine": dict(won),
        "settled": holds["settled"],
        "violations": len(broken),
        "attempts": dict(Counter(str(end) for _, end in ends)),
        "submissions_tried_again": tenant.turned_away,
        "seconds_to_ten_more": machines.pauses,
        "killed": len(_KILLS) + 2,
    }
    print(json.dumps(figures))  # noqa: T201 - the figures are what this run is for
