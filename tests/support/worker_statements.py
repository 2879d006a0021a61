"""The statements of one release's worker, recorded as SQL text.

`python -m tests.support.worker_statements` runs each operation of a worker on an empty database
and writes the statements to `tests/data/worker-statements-NNNN.sql`. `tests.support.old_worker`
replays them on a database that later migrations have changed, as a worker of that release would.

The text is the text that the driver sends. Statements that are written as SQL keep the names of
their parameters. In generated ones, an argument of the operation becomes a named parameter, and
every other value a literal.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from psycopg import sql as psycopg_sql
from psycopg.types.json import Jsonb
from sqlalchemy import Engine, Table, TextClause, event

from db import worker_registry
from db.core.session import Database
from db.jobs import claim, complete, finish, queries, resume_points, traces
from db.jobs.types import Claim, Failure, NewArtifact, Result
from db.tenants import tenants
from db.values.worker_state import WorkerState
from db.webhooks.types import Webhook
from db.worker_registry import WorkerReport
from tests.support.jobs import PRICE, VARIANT, add_tenant, sql, submit
from tests.support.kept_dump import FOLDER, migrated_server, revision_of

_NAME, _READS = "-- name: ", "-- reads: "
_PARAMETER = re.compile(r"%\((\w+)\)s")
_ATTEMPT, _MAX_ATTEMPTS = 41, 99
_KEEP, _DELAY, _LEASE = 3601, 7, 61
_WORKER = "wrk_recorded"
_HOOK, _PLAIN_HOOK, _HOST = "http://hook.test/a?b=c", "http://hook.test/a", "hook.test"
_ARTIFACT = NewArtifact("key/0.png", "image/png", 123, "ab" * 32, 128, 64, 17, about={"label": "a"})
_FAILURE = Failure("a_code", "a message", retryable=True)
_READY = WorkerReport(
    _WORKER, "a host", 4711, "cpu:9", ["v1"], WorkerState.READY, 1001, 1002, ["v2"], "v3", 0.25
)

_ARGUMENTS: list[tuple[str, Any]] = [
    ("attempt", _ATTEMPT),
    ("keep", timedelta(seconds=_KEEP)),
    ("delay", timedelta(seconds=_DELAY)),
    ("worker_id", _WORKER),
    *[("url", _HOOK), ("plain_url", _PLAIN_HOOK), ("host", _HOST)],
    *[("key", "key/0.png"), ("media_type", "image/png"), ("bytes", 123), ("sha256", "ab" * 32)],
    *[("width", 128), ("height", 64), ("seed", "17"), ("about", {"label": "a"})],
    *[("error_code", "a_code"), ("error_message", "a message"), ("error_retryable", True)],
    *[("worker_host", "a host"), ("pid", 4711), ("device", "cpu:9"), ("variants", ["v1"])],
    *[
        ("memory_used", 1001),
        ("memory_total", 1002),
        ("resident", ["v2"]),
        ("state", WorkerState.READY),
    ],
    *[("loading", "v3"), ("loading_fraction", 0.25), ("note", "a note")],
    *[("amount_micros", PRICE), ("max_attempts", _MAX_ATTEMPTS + 1)],
]
_PREFIXES = {
    "job_": "job_id",
    "ten_": "tenant_id",
    "msg_": "delivery_id",
    "whe_": "endpoint_id",
    "{": "body",
    "job.": "event",
}
"""The arguments that are generated, by the beginning of their values."""

_DELIVERY = ("delivery.find_endpoint", "delivery.add_endpoint", "delivery.enqueue")


@dataclass(frozen=True)
class Statement:
    """A recorded statement, and the columns of its rows that the worker reads; () if unknown."""

    text: str
    reads: tuple[str, ...] = ()


class Recorder:
    """Records the statements of a worker's operations on a migrated database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._free = add_tenant(database)
        self._paying = add_tenant(database, credit_micros=9_000_000, images_per_month=0)
        self.found: dict[str, Statement] = {}

    def record(self) -> Mapping[str, Statement]:
        """Every statement by its name."""
        self._record_heartbeats()
        self._record_claim()
        self._record_success()
        self._record_failures()
        return self.found

    def _take(
        self, names: Sequence[str], act: Callable[..., Any], *values: Any, **named: Any
    ) -> Any:
        """Record one call; its statements get these names, in order."""
        log: list[Statement] = []
        with self._database.transaction() as session, _recording(log):
            result = act(session, *values, **named)
            session.flush()
        assert len(log) == len(names), "\n\n".join(each.text for each in log)
        # The first recording of a name stays: its arguments are those that become parameters.
        self.found = {**dict(zip(names, log, strict=True)), **self.found}
        return result

    def _claimed(self, tenant_id: str, url: str = _HOOK) -> Claim:
        """A running job whose attempt has the number that the recording looks for."""
        job_id = submit(self._database, tenant_id, webhook=Webhook(url), max_attempts=_MAX_ATTEMPTS)
        before = "UPDATE jobs SET attempt = :n - 1 WHERE id = :id"
        sql(self._database, before, n=_ATTEMPT, id=job_id)
        with self._database.transaction() as session:
            claim.claim_jobs(session, variant=VARIANT, worker_id=_WORKER, lease_seconds=_LEASE)
        return Claim(job_id, _ATTEMPT)

    def _record_heartbeats(self) -> None:
        report, values = worker_registry.report, vars(_READY)
        self._take(["heartbeat.ready"], report, _READY)
        for state in (WorkerState.STARTING, WorkerState.FAILED):
            self._take([f"heartbeat.{state}"], report, WorkerReport(**{**values, "state": state}))
        self._take(["heartbeat.leave"], worker_registry.remove, _WORKER)

    def _record_claim(self) -> None:
        submit(self._database, self._free)
        asked = {"variant": VARIANT, "worker_id": _WORKER, "lease_seconds": _LEASE}
        self._take(["claim"], claim.claim_jobs, **asked)
        held = self._claimed(self._free)
        self._take(["claim.traces"], traces.of_jobs, [held.job_id])
        self._take(["claim.tier"], tenants.tier_of, self._free)
        self._take(["renew"], claim.renew_leases, {held: (1, 4)}, lease_seconds=_LEASE)
        self._take(["resume_point.write"], resume_points.write, held, "a note")
        self._take(["resume_point.read"], resume_points.read, held.job_id)
        names = ["hand_back.requeue", "hand_back.attempt", "hand_back.allow_another"]
        self._take(names, finish.hand_back_job, held)
        sql(self._database, "UPDATE jobs SET available_at = 'infinity'")

    def _record_success(self) -> None:
        held = self._claimed(self._free)
        names = ["end", "in_flight", "allowances", "artifact"]
        result = Result({"answer": 42}, (_ARTIFACT,), 4, 1.5, 0.25)
        self._take(
            [*(f"complete.{name}" for name in names), *_DELIVERY],
            complete.complete_job,
            held,
            result,
            keep_seconds=_KEEP,
        )
        self._take(["complete.was_completed"], queries.was_completed, held)

    def _record_failures(self) -> None:
        ended = ["fail.end", "fail.attempt", "fail.in_flight"]
        for tenant_id, returned in ((self._free, "allowance"), (self._paying, "balance")):
            names = [*ended, *_DELIVERY, "fail.hold", f"fail.{returned}"]
            url = _HOOK.replace("/a", f"/{returned}")
            self._take(names, finish.fail_job, self._claimed(tenant_id, url), _FAILURE)
        names = ["retry.is_last", "retry.requeue", "retry.attempt"]
        retry, held = finish.retry_job, self._claimed(self._free)
        self._take(names, retry, held, _FAILURE, delay_seconds=_DELAY)


@contextmanager
def _recording(log: list[Statement]) -> Iterator[None]:
    def remember(
        _connection: Any, _cursor: Any, text: str, values: Any, context: Any, *_: Any
    ) -> None:
        source = context.compiled.statement
        if isinstance(getattr(source, "element", source), TextClause):
            log.append(Statement(text.strip(), _columns_read(source)))
        else:
            log.append(Statement(_with_arguments(text, values)))

    event.listen(Engine, "before_cursor_execute", remember)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", remember)


def _columns_read(source: Any) -> tuple[str, ...]:
    columns = getattr(source, "_raw_columns", ())
    return tuple(
        name
        for each in columns
        for name in ([c.name for c in each.columns] if isinstance(each, Table) else [each.name])
    )


def _with_arguments(text: str, values: Mapping[str, Any]) -> str:
    return _PARAMETER.sub(lambda found: _rendered(values[found[1]]), text)


def _rendered(value: Any) -> str:
    value = value.obj if isinstance(value, Jsonb) else value
    for name, known in _ARGUMENTS:
        if type(known) is type(value) and known == value:
            return f"%({name})s"
    for prefix, name in _PREFIXES.items():
        if isinstance(value, str) and value.startswith(prefix):
            return f"%({name})s"
    return psycopg_sql.Literal(value).as_string(None)


def write(statements: Mapping[str, Statement], out: Path) -> None:
    """Write statements as a file that `read` reads."""
    parts = []
    for name, statement in sorted(statements.items()):
        reads = [_READS + ", ".join(statement.reads)] if statement.reads else []
        lines = [line.rstrip() for line in statement.text.splitlines()]
        parts.append("\n".join([_NAME + name, *reads, *lines]))
    out.write_text("\n\n".join(parts) + "\n")


def read(path: Path) -> dict[str, Statement]:
    """The statements of a file by their names."""
    found = {}
    for part in path.read_text().split(_NAME)[1:]:
        name, _, rest = part.partition("\n")
        reads: tuple[str, ...] = ()
        if rest.startswith(_READS):
            line, _, rest = rest.partition("\n")
            reads = tuple(line.removeprefix(_READS).split(", "))
        found[name] = Statement(rest.strip(), reads)
    return found


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="default: below tests/data")
def main(out: Path | None) -> None:
    """Write the statements of today's worker."""
    with migrated_server() as (_, database):
        number = revision_of(database).split("_")[0]
        statements = Recorder(database).record()
        write(statements, out or FOLDER / f"worker-statements-{number}.sql")
    click.echo(f"{len(statements)} statements")


if __name__ == "__main__":
    main()
