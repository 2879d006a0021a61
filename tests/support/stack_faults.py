"""Faults of a running stack, and the conditions that must hold afterwards."""

import json
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx
from sqlalchemy import text

from db.jobs.waiting import ready_workers
from tests.acceptance.stack import Client, Json, Stack, eventually, run_bottega

QUICK: Json = {"prompt": "a red circle", "steps": 2}
PAUSE_SECONDS = 0.1

_UNFINISHED = "SELECT count(*) FROM jobs WHERE tenant_id = :tenant AND finished_at IS NULL"
_CAME_OUT = """
    SELECT j.metadata ->> 'key', j.id, j.state,
        (SELECT count(*) FROM usage_events u WHERE u.job_id = j.id),
        (SELECT count(*) FROM artifacts a WHERE a.job_id = j.id)
    FROM jobs j WHERE j.tenant_id = :tenant"""


def strike(stack: Stack, name: str, by: signal.Signals = signal.SIGKILL) -> int:
    """Send a signal to one of a stack's processes; return its process id."""
    pid = stack.children()[name]
    os.kill(pid, by)
    return pid


def await_restart(stack: Stack, name: str, old_pid: int) -> None:
    """Wait until the supervisor has started another process in its place."""
    eventually(lambda: stack.children().get(name, old_pid) != old_pid)


@contextmanager
def frozen(stack: Stack, name: str) -> Iterator[None]:
    """Freeze one of a stack's processes meanwhile, with its connections open."""
    pid = strike(stack, name, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def assert_well(stack: Stack) -> None:
    """Assert that the stack answers, has a ready worker, and its books agree."""
    eventually(lambda: _answers(stack) and _served(stack), seconds=80)
    assert stack.violations() == []


def assert_sound(stack: Stack) -> None:
    """Assert that the stack's doctor finds nothing."""
    done = run_bottega("--stack", str(stack.data_dir), "doctor", "--json")
    found = {row["check"]: row for row in json.loads(done.stdout)}
    assert done.returncode == 0, found
    assert {row["ok"] for row in found.values()} == {"ok"}


def _answers(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _served(stack: Stack) -> bool:
    with stack.database.transaction() as session:
        return bool(ready_workers(session))


class Books(NamedTuple):
    """The records of one job.

    Attributes:
        outcomes: of its attempts, in order.
        holds: the states of its holds.
        used: the units of its usage events.
        keys: of its artifacts, sorted.
        stored: the keys of its objects in the store, sorted.
    """

    outcomes: list[str]
    holds: list[str]
    used: list[int]
    keys: list[str]
    stored: list[str]


def books_of(stack: Stack, job: Json) -> Books:
    """Read the records of a job."""

    def column(query: str) -> list[str]:
        with stack.database.transaction() as session:
            return list(session.scalars(text(query), {"id": job["id"]}))

    return Books(
        outcomes=column("SELECT outcome FROM attempts WHERE job_id = :id ORDER BY number"),
        holds=column("SELECT state FROM holds WHERE job_id = :id"),
        used=[int(n) for n in column("SELECT units FROM usage_events WHERE job_id = :id")],
        keys=sorted(column("SELECT key FROM artifacts WHERE job_id = :id")),
        stored=sorted(i.key for i in stack.store.list("results/") if f"/{job['id']}/" in i.key),
    )


def assert_paid_once(books: Books, attempt: int, pictures: int = 1) -> None:
    """Assert one settlement, and that the pictures of one attempt are stored and nothing else."""
    assert books.holds == ["settled"]
    assert books.used == [pictures]
    assert len(books.keys) == pictures
    assert books.stored == books.keys
    assert {key.split("/")[-2] for key in books.keys} == {str(attempt)}


@dataclass
class Load:
    """Submitters that send each submission, under its key, until it is accepted.

    Attributes:
        acknowledged: the job id of each 202, by key.
        broken: the number of tries whose connection broke: they may be accepted or not.
        refused: the number of tries that were answered 503.
    """

    client: Client
    acknowledged: dict[str, str] = field(default_factory=dict)
    broken: int = 0
    refused: int = 0

    @contextmanager
    def running(self, submitters: int = 3) -> Iterator[None]:
        """Submit from several threads until the block ends."""
        stopping = threading.Event()
        with ThreadPoolExecutor(submitters) as pool:
            try:
                tasks = [pool.submit(self._submit_on, stopping) for _ in range(submitters)]
                yield
            finally:
                stopping.set()
        for task in tasks:
            task.result()

    def _submit_on(self, stopping: threading.Event) -> None:
        while not stopping.wait(PAUSE_SECONDS):
            key = uuid.uuid4().hex
            eventually(lambda: self._submit(key))  # noqa: B023 - called before the next turn

    def _submit(self, key: str) -> bool:
        asked = {"model": "flux.1-demo", "input": QUICK, "metadata": {"key": key}}
        headers = {"Idempotency-Key": key}
        try:
            answer = self.client.http.post("/v1/jobs", json=asked, headers=headers)
        except httpx.TransportError:
            self.broken += 1
            return False
        if answer.status_code == 202:
            self.acknowledged[key] = answer.json()["id"]
            return True
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) > 0
        self.refused += 1
        return False

    def await_more(self, count: int = 10) -> None:
        """Wait until this many more submissions are accepted."""
        enough = len(self.acknowledged) + count
        eventually(lambda: len(self.acknowledged) >= enough)

    def assert_all_came_out(self, stack: Stack) -> None:
        """Assert that each accepted job succeeded once, and that there is no other."""

        def unfinished() -> int:
            with stack.database.transaction() as session:
                return session.scalar(text(_UNFINISHED), {"tenant": self.client.tenant_id}) or 0

        eventually(lambda: not unfinished(), seconds=60)
        with stack.database.transaction() as session:
            rows = session.execute(text(_CAME_OUT), {"tenant": self.client.tenant_id}).all()
        assert sorted((key, job_id) for key, job_id, *_ in rows) == sorted(
            self.acknowledged.items()
        )
        assert Counter(tuple(ends) for _, _, *ends in rows) == {("succeeded", 1, 1): len(rows)}


def timed(http: httpx.Client, asked: Json) -> tuple[int, float]:
    """A submission's status, and its seconds."""
    began = time.monotonic()
    answer = http.post("/v1/jobs", json=asked)
    return answer.status_code, time.monotonic() - began
