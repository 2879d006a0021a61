"""A kept dump: a small database of one release with rows of every kind, as SQL text.

`python -m tests.support.kept_dump` starts a PostgreSQL server, migrates a database, fills it by
the functions that production uses, and writes `tests/data/database-NNNN.sql`; NNNN is the newest
revision. Later releases restore the file and migrate it. migrations/README.md says when to write
the next one.

No row depends on the time of a test: its moments are three years before the file was written, or
a century later.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import click
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from api.jobs.fingerprint import fingerprint
from api.schemas.jobs import Submission
from db import worker_registry
from db.artifacts import file_names, inputs, retention, uploads
from db.artifacts.file_names import NewName
from db.artifacts.uploads import NewUpload
from db.core import migrate
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.jobs import idempotency, resume_points, traces
from db.jobs.claim import claim_jobs
from db.jobs.complete import complete_job
from db.jobs.finish import cancel_job, expire_job, fail_job, hand_back_job, rescue_job, retry_job
from db.jobs.idempotency import KeyedSubmission
from db.jobs.submit import submit_job
from db.jobs.types import Claim, ClaimedJobs, Failure, NewArtifact, NewJob, Result
from db.operators import actions, tiers
from db.operators import jobs as operator_jobs
from db.operators import keys as operator_keys
from db.operators.audit import Actor
from db.storage.keys import input_key, result_key
from db.tables import ApiKey
from db.tenants import api_keys, sessions
from db.tenants.api_keys import OperatorRole
from db.values.artifact_kinds import ArtifactKind
from db.values.job_state import Priority
from db.values.surfaces import SurfaceName
from db.values.worker_state import WorkerState
from db.webhooks import deliveries
from db.webhooks import secrets as webhook_secrets
from db.webhooks.types import Outcome, Webhook
from db.worker_registry import WorkerReport
from deploy.local.servers.postgres import EmbeddedPostgres
from deploy.local.servers.postgres_binaries import postgres_programs
from deploy.local.servers.process import Child
from tests.support.jobs import assert_everything_holds, sql
from workers import catalog

FOLDER = Path(__file__).parents[1] / "data"
PAINTER, PAUSED, SEER, HOSTED = "flux.1-demo", "flux.2-demo", "florence-2-demo", "flux.1-pro"
HOOK = "http://127.0.0.1:9/hook"
WORKER = "wrk_old"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_SUBMISSION: dict[str, Any] = {
    "model": PAINTER,
    "input": {"prompt": "a red circle", "seed": 7},
    "metadata": {"order": "17"},
}
A_CENTURY = timedelta(days=36_500).total_seconds()
AT_ONCE = 0.001

_FACTS = "-- facts: "
_PRICE = 1_000
_BROKEN = Failure("invalid_input", "the picture is broken", retryable=False)
_BROKEN_FOR_NOW = Failure("internal_error", "something went wrong", retryable=True)


@dataclass
class Facts:
    """Facts about a dump that its rows do not show, such as keys in plain text.

    Attributes:
        revision: the migration that its schema has.
        tenants: ids by name.
        keys: API keys in plain text by name.
        jobs: ids by name.
        inputs: keys of the input objects that queued jobs need.
        submission: the submission of the job "idempotent", as its client sent it.
        idempotency_key: the key that it was sent with.
        session: the token of an operator's browser session.
    """

    revision: str = ""
    tenants: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    submission: dict[str, Any] = field(default_factory=dict)
    idempotency_key: str = "order-17"
    session: str = ""

    @classmethod
    def of(cls, dump: Path) -> Self:
        """Read the first line of a dump."""
        with dump.open() as file:
            return cls(**json.loads(file.readline().removeprefix(_FACTS)))


def _name_again(session: Session, tenant_id: str, file_id: str) -> None:
    """Give a file a second id, as an upload of fal's clients does."""
    of_tenant = select(ApiKey.id).where(ApiKey.tenant_id == tenant_id)
    key_id = session.scalars(of_tenant.limit(1)).one()
    new = NewName(SurfaceName.FAL, "a.png")
    name = file_names.reserve(session, tenant_id=tenant_id, api_key_id=key_id, new=new)
    file_names.fulfil(session, name, file_id)


def kept_dumps() -> list[Path]:
    """Every kept dump, the oldest first."""
    return sorted(FOLDER.glob("database-*.sql"))


def restore(dump: Path, url: str) -> None:
    """Restore a dump into an empty database."""
    options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    _run("psql", url, *options, "--output=/dev/null", f"--file={dump}")


def write(url: str, facts: Facts, out: Path) -> None:
    """Dump a database as SQL text, with its facts in the first line."""
    plain = ["--no-owner", "--no-privileges", "--no-comments", "--restrict-key=kept"]
    whole = _run("pg_dump", url, *plain)
    # Empty lines and comments name objects that the statements name, too.
    lines = [line for line in whole.splitlines() if line and not re.match(r"--( |$)", line)]
    out.write_text("\n".join([_FACTS + json.dumps(asdict(facts)), *lines]) + "\n")


def _run(program: str, url: str, *options: str) -> str:
    command = [str(postgres_programs(None) / program), url.replace("+psycopg", ""), *options]
    done = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603
    assert done.returncode == 0, done.stderr
    return done.stdout


class Filler:
    """Fills a migrated database; what it makes is in `facts`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.facts = Facts()

    def fill(self) -> None:
        """Make rows of every kind, the finished jobs first."""
        self._add_operators()
        self._add_tenants()
        self._add_workers()
        self._add_succeeded()
        self._add_failed()
        self._add_given_up()
        self._add_running()
        self._add_attempted()
        self._add_queued()
        self._move_back()

    def _in_transaction(self, function: Callable[..., Any], *values: Any, **named: Any) -> Any:
        with self._database.transaction() as session:
            return function(session, *values, **named)

    def _add_operators(self) -> None:
        row, key = self._in_transaction(api_keys.create, tenant_id=None, name="operator")
        self.facts.keys["operator"] = key
        self._actor = Actor(row.id, row.name, "req_kept")
        create, writer = operator_keys.create, OperatorRole.OPERATOR
        for name, role in (("viewer", OperatorRole.VIEWER), ("former operator", writer)):
            row, key = self._in_transaction(create, self._actor, name=name, role=role)
            self.facts.keys[name] = key
        self._in_transaction(operator_keys.revoke, self._actor, row.id)
        self.facts.session = self._in_transaction(sessions.start, self._actor.id, seconds=A_CENTURY)

    def _add_tenants(self) -> None:
        change = self._in_transaction
        change(tiers.change, self._actor, "enterprise", {"images_per_month": 1})
        for name, tier in {
            "free": "free",
            "standard": "free",
            "paying": "enterprise",
            "suspended": "standard",
        }.items():
            tenant = change(actions.create_tenant, self._actor, name=name, tier=tier)
            self.facts.tenants[name] = tenant.id
            self._add_key(name, name)
        self._add_key("standard", "revoked")
        revoked = "key_" + self.facts.keys["revoked"].split("_")[1]
        standard, paying = self.facts.tenants["standard"], self.facts.tenants["paying"]
        change(actions.revoke_key, self._actor, tenant_id=standard, key_id=revoked)
        change(tiers.move_tenant, self._actor, standard, "standard")
        for amount, reference in ((1_000_000, "payment-1"), (-100_000, "correction-1")):
            change(
                actions.credit,
                self._actor,
                tenant_id=paying,
                amount_micros=amount,
                reference=reference,
                reason="kept",
            )

    def _add_key(self, tenant: str, name: str) -> None:
        tenant_id = self.facts.tenants[tenant]
        _, self.facts.keys[name] = self._in_transaction(
            actions.create_key, self._actor, tenant_id=tenant_id, name=name
        )

    def _add_workers(self) -> None:
        for worker_id, state in (
            (WORKER, WorkerState.BUSY),
            ("wrk_drained", WorkerState.READY),
            ("wrk_failed", WorkerState.FAILED),
        ):
            report = WorkerReport(
                worker_id, "host", 17, "cpu", [PAINTER, SEER], state, resident=[PAINTER]
            )
            self._in_transaction(worker_registry.report, report)
        self._in_transaction(actions.drain_worker, self._actor, "wrk_drained")

    def _submit(
        self,
        name: str,
        tenant: str = "standard",
        variant: str = PAINTER,
        given: dict[str, Any] | None = None,
        **changes: Any,
    ) -> NewJob:
        """Submit a job as the API does."""
        row = catalog.find(variant)
        prompt = {"task": "<OD>"} if variant == SEER else {"prompt": name}
        seed = {} if variant == SEER else {"seed": 7}
        parameters = row.parameters.model_validate({**prompt, **seed, **(given or {})})
        values: dict[str, Any] = {
            "tenant_id": self.facts.tenants[tenant],
            "variant": variant,
            "input": parameters.model_dump(mode="json"),
            "priority": Priority.NORMAL,
            "batch_key": row.batch_key(parameters),
            "batch_limit": row.batch_limit(parameters),
            "cost_seconds": row.cost_seconds(parameters),
            "deadline_seconds": row.deadline_seconds,
            "unit_kind": row.unit_kind,
            "units": 1,
            "price_micros": _PRICE,
            "expires_in_seconds": None,
            "metadata": {},
        }
        new = NewJob(**{**values, **changes})
        self._in_transaction(submit_job, new)
        self.facts.jobs[name] = new.id
        return new

    def _claim(self, new: NewJob, *, lease_seconds: float = 60) -> Claim:
        """Claim the one job that its queue has."""
        claimed = self._in_transaction(
            claim_jobs, variant=new.variant, worker_id=WORKER, lease_seconds=lease_seconds
        )
        assert isinstance(claimed, ClaimedJobs)
        [job] = claimed.jobs
        assert job.id == new.id
        return Claim(job.id, job.attempt)

    def _complete(self, new: NewJob, *artifacts: tuple[ArtifactKind, str], **output: Any) -> None:
        claim = self._claim(new)
        stored = tuple(
            self._artifact(claim, n, kind, media_type)
            for n, (kind, media_type) in enumerate(artifacts)
        )
        result = Result(output or None, stored, steps=4, run_seconds=1.5, store_seconds=0.25)
        assert self._in_transaction(complete_job, claim, result, keep_seconds=A_CENTURY)

    def _artifact(self, claim: Claim, n: int, kind: ArtifactKind, media_type: str) -> NewArtifact:
        created = self._row(claim.job_id, "created_at").date()
        suffix = media_type.split("/")[1]
        key = result_key("ten_x", created, claim.job_id, claim.attempt, n, suffix)
        seed, about = (2**64 - 1, {}) if kind == ArtifactKind.IMAGE else (None, {"label": "a"})
        return NewArtifact(key, media_type, 123, "ab" * 32, 128, 64, seed, kind, about)

    def _row(self, job_id: str, column: str) -> Any:
        query = f"SELECT {column} FROM jobs WHERE id = :id"  # noqa: S608 - our own names
        return sql(self._database, query, id=job_id)[0][0]

    def _add_succeeded(self) -> None:
        image = (ArtifactKind.IMAGE, "image/png")
        self._complete(self._submit("succeeded", request_id="req_kept"), image, image)
        self._in_transaction(traces.record, self.facts.jobs["succeeded"], TRACEPARENT)
        self._complete(self._submit("paid by allowance", "paying"), image)
        self._complete(self._submit("paid by balance", "paying"), image)
        self._complete(self._submit("removed", "free"), image)
        self._in_transaction(retention.mark_removed, (self.facts.jobs["removed"], 0))
        files = [(ArtifactKind.MASK, "image/png"), (ArtifactKind.OVERLAY, "image/png")]
        files.append((ArtifactKind.COCO, "application/json"))
        analysed = self._submit("analysed", variant=SEER, given={"image": self._upload()})
        self._complete(analysed, *files, objects=[{"label": "circle", "box": [1, 2, 3, 4]}])
        hook = Webhook(HOOK + "?n=1", base_url="https://bottega.test")
        self._complete(self._submit("announced", webhook=hook), image)
        self._deliver(Outcome(200, None, 0.1))
        self._complete(self._submit("announced in vain", webhook=hook), image)
        self._deliver(Outcome(500, None, 0.1))
        self._in_transaction(webhook_secrets.rotate, self.facts.tenants["standard"])
        again = self._submit("succeeded at the second attempt")
        self._in_transaction(retry_job, self._claim(again), _BROKEN_FOR_NOW, delay_seconds=0)
        self._complete(again, image)
        self._submit_idempotent()

    def _upload(self) -> str:
        """Upload a picture; its key in the store, which jobs name."""
        sha256, tenant_id = "cd" * 32, self.facts.tenants["standard"]
        key = input_key(tenant_id, sha256)
        if key not in self.facts.inputs:
            self._in_transaction(inputs.record_use, key, size_bytes=200)
            upload = NewUpload(key, "image/png", 40, 30, 200, sha256)
            file = self._in_transaction(uploads.add, tenant_id, upload)
            self._in_transaction(_name_again, tenant_id, file.id)
            self.facts.inputs.append(key)
        return key

    def _deliver(self, outcome: Outcome) -> None:
        """Claim the one delivery that is due, and record its outcome."""
        [attempt] = self._in_transaction(deliveries.claim, room=9, lease_seconds=60)
        self._in_transaction(deliveries.record, attempt, outcome)

    def _submit_idempotent(self) -> None:
        new = self._submit("idempotent", given=_SUBMISSION["input"], metadata={"order": "17"})
        self.facts.submission = _SUBMISSION
        submission = Submission.model_validate(_SUBMISSION)
        keyed = KeyedSubmission(new.tenant_id, self.facts.idempotency_key, fingerprint(submission))
        self._in_transaction(idempotency.claim, keyed, new.id)
        # A key is forgotten after a day; the kept one is for tests of any day.
        sql(self._database, "UPDATE idempotency_keys SET expires_at = now() + interval '100 years'")
        self._complete(new, (ArtifactKind.IMAGE, "image/png"))

    def _add_failed(self) -> None:
        gone = Webhook("http://127.0.0.1:9/gone")
        for name in ("failed", "failed and retried"):
            webhook = gone if name == "failed" else None
            claim = self._claim(self._submit(name, webhook=webhook))
            assert self._in_transaction(fail_job, claim, _BROKEN)
        self._deliver(Outcome(410, None, 0.1))
        lost = self._submit("lost", max_attempts=1)
        self._claim(lost, lease_seconds=AT_ONCE)
        assert self._in_transaction(rescue_job, lost.id).state == "failed"

    def _add_given_up(self) -> None:
        hook = Webhook(HOOK)
        self._claim(self._submit("canceled while running", "paying"))
        self._submit("canceled while queued", webhook=hook)
        for name, tenant in (("running", "paying"), ("queued", "standard")):
            job_id = self.facts.jobs[f"canceled while {name}"]
            owner = self.facts.tenants[tenant]
            assert self._in_transaction(cancel_job, tenant_id=owner, job_id=job_id)
        new = self._submit("canceled by an operator", "free")
        assert self._in_transaction(operator_jobs.cancel, self._actor, new.id)
        new = self._submit("expired", expires_in_seconds=AT_ONCE)
        assert self._in_transaction(expire_job, new.id)

    def _add_running(self) -> None:
        self._claim(self._submit("running"), lease_seconds=A_CENTURY)
        held = self._submit("running, paid by balance", "paying")
        self._claim(held, lease_seconds=A_CENTURY)
        self._claim(self._submit("running without a worker"), lease_seconds=AT_ONCE)
        paid = self._submit("running without a worker, paid by balance", "paying")
        self._claim(paid, lease_seconds=AT_ONCE)

    def _add_attempted(self) -> None:
        """Jobs that are queued again; each waits a moment, so that the next claim skips it."""
        retried = self._claim(self._submit("retried"))
        self._in_transaction(retry_job, retried, _BROKEN_FOR_NOW, delay_seconds=1)
        resumed = self._claim(self._submit("to be resumed", variant=HOSTED))
        self._in_transaction(resume_points.write, resumed, "task-17")
        self._in_transaction(retry_job, resumed, _BROKEN_FOR_NOW, delay_seconds=1)
        suspect = self._submit("suspect", variant=SEER, given={"image": self._upload()})
        self._claim(suspect, lease_seconds=AT_ONCE)
        assert self._in_transaction(rescue_job, suspect.id).state == "queued"
        self._in_transaction(hand_back_job, self._claim(self._submit("handed back")))

    def _add_queued(self) -> None:
        for priority in Priority:
            tenant = "free" if priority == Priority.LOW else "standard"
            self._submit(f"queued, {priority}", tenant, priority=priority)
        self._submit("queued, paid by balance", "paying")
        self._submit("queued, of a suspended tenant", "suspended")
        self._submit("queued, with a webhook", webhook=Webhook(HOOK))
        self._submit("queued, expires late", expires_in_seconds=A_CENTURY)
        self._submit("queued, past its expiry", expires_in_seconds=AT_ONCE)
        self._submit("queued, an analysis", variant=SEER, given={"image": self._upload()})
        self._submit("queued, paused", variant=PAUSED)
        self._in_transaction(actions.pause_queue, self._actor, PAUSED)
        failed = self.facts.jobs["failed and retried"]
        accepted = self._in_transaction(operator_jobs.retry, self._actor, failed)
        self.facts.jobs["queued, retry of a failed job"] = accepted.job.id
        suspended = self.facts.tenants["suspended"]
        self._in_transaction(actions.suspend_tenant, self._actor, suspended)

    def _move_back(self) -> None:
        """Make every row three years older, so that its moments are past by any test's clock."""
        kinds = "'timestamp with time zone', 'date'"
        found = f"""
            SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND data_type IN ({kinds})"""  # noqa: S608
        columns: dict[str, list[str]] = {}
        for table, column in sql(self._database, found):
            columns.setdefault(table, []).append(f"{column} = {column} - interval '3 years'")
        with self._database.transaction() as session:
            # Without its triggers, which refuse a change of the books.
            session.execute(text("SET LOCAL session_replication_role = replica"))
            for table, changes in columns.items():
                session.execute(text(f"UPDATE {table} SET {', '.join(changes)}"))  # noqa: S608


@contextmanager
def migrated_server() -> Iterator[tuple[str, Database]]:
    """A server with one migrated database: its URL, and the database."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "data", fast=True)
        with Child(server, Path(folder) / "log"):
            migrate.upgrade(server.url)
            database = Database(DatabaseSettings(url=SecretStr(server.url), pool_size=1))
            try:
                yield server.url, database
            finally:
                database.close()


def revision_of(database: Database) -> str:
    """The newest migration of a database, e.g. "0016"."""
    return str(sql(database, "SELECT version_num FROM alembic_version")[0][0])


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), help="default: tests/data/database-NNNN.sql"
)
def main(out: Path | None) -> None:
    """Write a dump of the newest revision."""
    with migrated_server() as (url, database):
        filler = Filler(database)
        filler.fill()
        assert_everything_holds(database)
        filler.facts.revision = revision_of(database)
        FOLDER.mkdir(exist_ok=True)
        number = filler.facts.revision.split("_")[0]
        out = out or FOLDER / f"database-{number}.sql"
        write(url, filler.facts, out)
    click.echo(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
