"""A worker of an earlier release: its recorded statements, sent by hand.

`python -m tests.support.worker_statements` records them. A release whose worker sends other
statements, or other parameters, needs a change here.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from db.core.base import new_id
from tests.support.worker_statements import read

Row = dict[str, Any]
_KEEP = timedelta(hours=1)


class OldWorker:
    """One worker process: each method is a transaction of it.

    Args:
        url: SQLAlchemy's URL of the database.
        statements: the file of its release's statements.
        worker_id: its id; that of a worker of a kept dump owns the jobs that it runs there.
    """

    def __init__(self, url: str, statements: Path, worker_id: str) -> None:
        self._statements = read(statements)
        self._connection: psycopg.Connection[Row] = psycopg.connect(
            url.replace("+psycopg", ""), row_factory=dict_row
        )
        self._worker_id = worker_id
        self.sent: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def unsent(self) -> set[str]:
        """Names of recorded statements that have not been sent."""
        return set(self._statements) - self.sent

    def heartbeat(self, state: str) -> bool:
        """Report itself; True when it is to drain."""
        values = {
            "worker_host": "host",
            "pid": 17,
            "device": "cpu",
            "variants": ["flux.1-demo"],
            "memory_used": 1,
            "memory_total": 2,
            "resident": ["flux.1-demo"],
            "loading": None,
            "loading_fraction": None,
            "state": state,
            "worker_id": self._worker_id,
        }
        name = state if state in {"starting", "failed"} else "ready"
        with self._connection.transaction():
            [row] = self._send(f"heartbeat.{name}", values)
        return row["drained_at"] is not None

    def leave(self) -> None:
        """Remove its row."""
        with self._connection.transaction():
            self._send("heartbeat.leave", {"worker_id": self._worker_id})

    def claim(self, variant: str) -> list[Row]:
        """Claim a batch, and read what an attempt needs."""
        values = {
            "variant": variant,
            "worker_id": self._worker_id,
            "lease_seconds": 60.0,
            "suspects": True,
        }
        with self._connection.transaction():
            jobs = self._send("claim", values)
            for job in jobs:
                self._send("claim.traces", {"job_id": job["id"]})
                self._send("claim.tier", job)
                self._send("resume_point.read", {"job_id": job["id"]})
        return jobs

    def renew(self, job: Mapping[str, Any]) -> bool:
        """Renew one lease; False when the claim is no longer valid."""
        values = {
            "job_ids": [job["id"]],
            "attempts": [job["attempt"]],
            "steps": [1],
            "of_steps": [4],
            "lease_seconds": 60,
        }
        with self._connection.transaction():
            return bool(self._send("renew", values))

    def note(self, job: Mapping[str, Any], text: str) -> bool:
        """Leave a resume point; False when the claim is no longer valid."""
        values = {**_claim(job), "note": text}
        with self._connection.transaction():
            return bool(self._send("resume_point.write", values))

    def complete(self, job: Mapping[str, Any], key: str) -> bool:
        """Complete with one artifact; False when the claim was no longer valid."""
        result = {
            "id": job["id"],
            "attempt": job["attempt"],
            "output": {"answer": 42},
            "steps": 4,
            "run_seconds": 1.5,
            "store_seconds": 0.25,
        }
        with self._connection.transaction():
            found = self._send("complete.end", {"results": Jsonb([result])})
            for ended in found:
                self._settle(ended)
                self._send("complete.artifact", {**_claim(job), **_artifact(key)})
                self._enqueue(ended)
        return bool(found)

    def was_completed(self, job: Mapping[str, Any]) -> bool:
        """True when this attempt completed the job."""
        with self._connection.transaction():
            return bool(self._send("complete.was_completed", _claim(job)))

    def _settle(self, ended: Row) -> None:
        charged = ended["charged_micros"]
        owner = {"ids": [ended["tenant_id"]], "jobs": [1], "charged_micros": [charged]}
        self._send("complete.in_flight", owner)
        if ended["hold_source"] == "allowance":
            used = {"tenant_ids": [ended["tenant_id"]], "months": [ended["hold_month"]]}
            units = {"kinds": [ended["unit_kind"]], "units": [ended["units"]]}
            self._send("complete.allowances", {**used, **units})

    def fail(self, job: Mapping[str, Any]) -> bool:
        """Fail for good; False when the claim was no longer valid."""
        error = {"error_code": "broken", "error_message": "broken", "error_retryable": False}
        with self._connection.transaction():
            found = self._send("fail.end", {**_claim(job), **error})
            for ended in found:
                self._end_attempt("fail.attempt", ended, "broken")
                self._send("fail.in_flight", ended)
                self._enqueue(ended)
                [hold] = self._send("fail.hold", {"job_id": ended["id"]})
                self._send(f"fail.{hold['source']}", hold)
        return bool(found)

    def retry(self, job: Mapping[str, Any]) -> bool:
        """Queue the job again at once; False when this was its last attempt."""
        with self._connection.transaction():
            [last] = self._send("retry.is_last", _claim(job))
            if any(last.values()):
                return False
            values = {**_claim(job), "delay": timedelta()}
            [queued] = self._send("retry.requeue", values)
            self._end_attempt("retry.attempt", queued, "broken")
        return True

    def hand_back(self, job: Mapping[str, Any]) -> None:
        """Queue the job again; the attempt does not count."""
        with self._connection.transaction():
            [queued] = self._send("hand_back.requeue", _claim(job))
            self._end_attempt("hand_back.attempt", queued, "handed_back")
            more = {"job_id": queued["id"], "max_attempts": queued["max_attempts"] + 1}
            self._send("hand_back.allow_another", more)

    def _end_attempt(self, name: str, job: Row, outcome: str) -> None:
        values = {"job_id": job["id"], "number": job["attempt"], "outcome": outcome}
        self._send(name, values)

    def _enqueue(self, job: Row) -> None:
        """Enqueue the webhook of a job that has ended."""
        event = f"job.{job['state']}"
        if job["webhook"] is None or event not in job["webhook"]["events"]:
            return
        url = job["webhook"]["url"]
        endpoint = {
            "endpoint_id": new_id("whe"),
            "tenant_id": job["tenant_id"],
            "plain_url": urlsplit(url)._replace(query="").geturl(),
            "host": urlsplit(url).netloc,
        }
        found = self._send("delivery.find_endpoint", endpoint)
        if found:
            endpoint["endpoint_id"] = found[0]["id"]
        else:
            self._send("delivery.add_endpoint", endpoint)
        delivery = {"delivery_id": new_id("msg"), "job_id": job["id"], "event": event}
        self._send("delivery.enqueue", {**endpoint, **delivery, "url": url, "body": "{}"})

    def _send(self, name: str, values: Mapping[str, Any]) -> list[Row]:
        statement = self._statements[name]
        self.sent.add(name)
        cursor = self._connection.execute(statement.text, values)
        rows = cursor.fetchall() if cursor.description else []
        for row in rows:
            assert set(statement.reads) <= set(row), name
        return rows


def _claim(job: Mapping[str, Any]) -> Row:
    return {"job_id": job["id"], "attempt": job["attempt"]}


def _artifact(key: str) -> Row:
    return {
        "about": Jsonb({}),
        "key": key,
        "media_type": "image/png",
        "bytes": 123,
        "sha256": "ab" * 32,
        "width": 16,
        "height": 16,
        "seed": "7",
        "keep": _KEEP,
    }
