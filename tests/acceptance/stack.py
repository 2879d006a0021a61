"""A local stack as its user runs it: the `bottega` command in a process of its own, and HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import httpx
import psutil
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import func, make_url
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.core.invariants import Violation, violations
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.storage.local import LocalStore
from db.tables import Queue
from db.tenants import api_keys, tenants

ROOT = Path(__file__).parents[2]
BOTTEGA = (sys.executable, "-m", "deploy.cli.main")
START_SECONDS = 90
STOP_SECONDS = 40
ASK_SECONDS = 90

Json = dict[str, Any]
T = TypeVar("T")


def eventually(ask: Callable[[], T], *, seconds: float = 40) -> T:
    """Call until the answer is truthy and return it; fail when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds} s; last seen: {answer!r}"
        time.sleep(0.05)
    return answer


def run_bottega(
    *arguments: str, environment: Mapping[str, str] | None = None, seconds: float = ASK_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run one `bottega` command to its end."""
    return subprocess.run(  # noqa: S603 - our own command
        [*BOTTEGA, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


class ServerSentEvent(NamedTuple):
    """One Server-Sent Event."""

    id: str | None
    type: str
    data: Json


def events_of(response: httpx.Response) -> Iterator[ServerSentEvent]:
    """Yield the events of an open stream as they arrive."""
    fields: dict[str, str] = {}
    for line in response.raise_for_status().iter_lines():
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        elif "data" in fields:
            yield ServerSentEvent(fields.get("id"), fields["event"], json.loads(fields["data"]))
            fields = {}


@dataclass
class Client:
    """A tenant's HTTP client."""

    http: httpx.Client
    tenant_id: str = ""

    def submit(self, model: str, given: Json, **more: Any) -> Json:
        """Submit a job; fail unless it is accepted."""
        answer = self.http.post("/v1/jobs", json={"model": model, "input": given, **more})
        assert answer.status_code == 202, answer.text
        job: Json = answer.json()
        return job

    def paint(self, prompt: str = "a red circle on a white background", **given: Any) -> Json:
        """Submit a job of flux.1-demo."""
        return self.submit("flux.1-demo", {"prompt": prompt, **given})

    def look(self, image: str, **given: Any) -> Json:
        """Submit a job of florence-2-demo; it detects objects, unless `given` names a task."""
        return self.submit("florence-2-demo", {"image": image, "task": "<OD>", **given})

    def job(self, job_id: str, *, wait: float = 0) -> Json:
        """The job now, or after its end within `wait` seconds."""
        answer = self.http.get(f"/v1/jobs/{job_id}", params={"wait": wait})
        job: Json = answer.raise_for_status().json()
        return job

    def await_end(self, job: Json) -> Json:
        """Wait until the job is over; return it."""
        self.job(job["id"], wait=60)
        job = self.job(job["id"], wait=60)  # two test files share the processor
        assert job["finished_at"] is not None, job
        return job

    def cancel(self, job: Json) -> Json:
        """Cancel a job."""
        canceled: Json = self.http.post(f"/v1/jobs/{job['id']}/cancel").raise_for_status().json()
        return canceled

    def account(self) -> Json:
        """The tenant's account."""
        account: Json = self.http.get("/v1/account").raise_for_status().json()
        return account

    @contextmanager
    def follow(self, job: Json, *, after: str | None = None) -> Iterator[Iterator[ServerSentEvent]]:
        """Open a job's event stream; yield the iterator of its events."""
        headers = {} if after is None else {"Last-Event-ID": after}
        with self.http.stream("GET", job["urls"]["events"], headers=headers) as response:
            yield events_of(response)

    def wait_for_step(self, job: Json, step: int) -> None:
        """Wait until the model has reached a step of the job."""
        with self.follow(job) as events:
            assert any(e.type == "progress" and e.data["step"] >= step for e in events), job


@dataclass
class Stack:
    """`bottega up` in a process of its own.

    Attributes:
        data_dir: the folder of its data.
        settings: variables that are added to the environment.
        port: the port of the API; 0 for a free one.
        variants: the variants that it serves; the default ones when empty.
        tls: also answer by https, at `facts["tls_url"]`.
    """

    data_dir: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    variants: Sequence[str] = ()
    tls: bool = False
    facts: Json = field(default_factory=dict)
    start_seconds: float = 0.0
    _process: subprocess.Popen[bytes] | None = None
    _clients: list[httpx.Client] = field(default_factory=list)
    _database: Database | None = None

    def start(self) -> None:
        """Start it; return once it has written its ready file."""
        ready_file = self.data_dir.with_name(f"{self.data_dir.name}.ready.json")
        ready_file.unlink(missing_ok=True)
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [
                    *(*BOTTEGA, "up", "--data-dir", str(self.data_dir)),
                    *("--port", str(self.port), "--ready-file", str(ready_file)),
                    *(word for name in self.variants for word in ("--variant", name)),
                    *(("--tls", "0") if self.tls else ()),
                ],
                cwd=ROOT,
                env={**os.environ, **self.settings},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        eventually(lambda: ready_file.exists() or self._ended(), seconds=START_SECONDS)
        assert ready_file.exists(), self.output.read_text()
        self.start_seconds = time.monotonic() - began
        self.facts = json.loads(ready_file.read_text())
        self._database = Database(DatabaseSettings(url=SecretStr(self.facts["database_url"])))

    def _ended(self) -> bool:
        return self._running.poll() is not None

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was never started"
        return self._process

    @property
    def output(self) -> Path:
        """The file with the command's output."""
        return self.data_dir.with_name(f"{self.data_dir.name}.output.txt")

    @property
    def url(self) -> str:
        """The URL of the API."""
        return str(self.facts["url"])

    @property
    def database(self) -> Database:
        """The stack's own database."""
        assert self._database is not None, "it was never started"
        return self._database

    @property
    def owner_url(self) -> str:
        """The URL of the embedded server, as superuser."""
        url = make_url(self.facts["database_url"])
        password = (self.data_dir / "postgres" / "password").read_text()
        superuser = url.set(username="bottega", password=password)
        return superuser.render_as_string(hide_password=False)

    @property
    def redis_admin_url(self) -> str:
        """The URL of the embedded Redis, with the user who may do everything."""
        password = (self.data_dir / "redis" / "password").read_text()
        url = make_url(self.facts["redis_url"]).set(username="bottega_admin", password=password)
        return url.render_as_string(hide_password=False)

    @contextmanager
    def redis_as_admin(self) -> Iterator[Redis]:
        """The embedded Redis, with the user who may do everything."""
        with Redis.from_url(self.redis_admin_url, decode_responses=True) as client:
            yield client

    @contextmanager
    def as_owner(self) -> Iterator[Session]:
        """A transaction as superuser: for what the service may not do."""
        database = Database(DatabaseSettings(url=SecretStr(self.owner_url), pool_size=1))
        try:
            with database.transaction() as session:
                yield session
        finally:
            database.close()

    @property
    def store(self) -> LocalStore:
        """The stack's own store."""
        return LocalStore(self.data_dir / "store")

    def client(self, key: str | None = None, *, tenant_id: str = "") -> Client:
        """A client with the stack's own key, or another one."""
        headers = {"Authorization": f"Bearer {key or self.facts['api_key']}"}
        http = httpx.Client(base_url=self.url, headers=headers, timeout=ASK_SECONDS)
        self._clients.append(http)
        return Client(http, tenant_id)

    def metrics(self) -> dict[str, str]:
        """The metrics of each process, as Prometheus reads them."""
        headers = {"Authorization": f"Bearer {self.facts['viewer_key']}"}
        return {
            name: httpx.get(url, headers=headers).raise_for_status().text
            for name, url in self.facts["metrics_urls"].items()
        }

    def tenant(self, tier: str = "standard") -> Client:
        """Create a tenant; return its client."""
        with self.database.transaction() as session:
            row = tenants.create(session, name="Acceptance", tier=tier)
            _, key = api_keys.create(session, tenant_id=row.id, name="first")
        return self.client(key, tenant_id=row.id)

    @contextmanager
    def paused(self, variant: str) -> Iterator[None]:
        """Pause a queue meanwhile: nothing of it is claimed."""
        self._set_paused(variant, paused=True)
        try:
            yield
        finally:
            self._set_paused(variant, paused=False)

    def _set_paused(self, variant: str, *, paused: bool) -> None:
        when = func.now() if paused else None
        row = insert(Queue).values(variant=variant, virtual_time=0.0, paused_at=when)
        with self.database.transaction() as session:
            session.execute(
                row.on_conflict_do_update(index_elements=[Queue.variant], set_={"paused_at": when})
            )

    def violations(self) -> list[Violation]:
        """The broken invariants of the books."""
        with self.database.transaction() as session:
            return violations(session)

    def children(self) -> dict[str, int]:
        """The process ids of its running children, by name."""
        running = psutil.Process(self._running.pid).children()
        return {name: child.pid for child in running if (name := _name_of(child))}

    def log(self, name: str) -> str:
        """The log of one of its processes."""
        return (self.data_dir / "logs" / f"{name}.log").read_text()

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop it as its user does; fail unless it exits with 0 and leaves no process."""
        processes = self._processes()
        self.close_connections()
        self._running.send_signal(by)
        status = self._running.wait(STOP_SECONDS)
        assert status == 0, self.output.read_text()
        assert [process for process in processes if process.is_running()] == []
        assert processes_in(self.data_dir) == []

    def kill(self) -> None:
        """Kill the command itself with SIGKILL."""
        self.close_connections()
        self._running.kill()
        self._running.wait()

    def abandon(self) -> None:
        """End it in whatever state it is, without checks."""
        self.close_connections()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(STOP_SECONDS)

    def close_connections(self) -> None:
        """Close the connections of this test process."""
        for http in self._clients:
            http.close()
        self._clients = []
        if self._database is not None:
            self._database.close()

    def _processes(self) -> list[psutil.Process]:
        children = psutil.Process(self._running.pid).children(recursive=True)
        return [*children, *map(psutil.Process, _alive(self.facts["pids"].values()))]


def _alive(pids: Any) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid)]


def _name_of(process: psutil.Process) -> str:
    """The name of a child; empty once it has ended."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    if "deploy.cli.main" in words:
        return words[words.index("deploy.cli.main") + 1]
    return Path(words[0]).name.split("-")[0] if words else ""


def processes_in(data_dir: Path) -> list[str]:
    """The command lines of the running processes that were started for a data folder."""
    found = []
    for process in psutil.process_iter():
        try:
            traces = [process.cwd(), *process.cmdline(), *process.environ().values()]
        except psutil.Error:  # it ended meanwhile
            continue
        if any(str(data_dir) in trace for trace in traces):
            found.append(" ".join(process.cmdline()))
    return found
