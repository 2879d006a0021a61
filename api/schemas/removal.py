"""The JSON that reports a deletion: what went, and what stays."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_JOB = "job_01jd8w7n4tq0c3v5x9y2z6k8m1"
_FILE = "file_01jd8w7n4tq0c3v5x9y2z6k8m1"
_TENANT = "ten_01jd8w7n4tq0c3v5x9y2z6k8m1"
_KEPT = Field(description="What stays, and why, in sentences")


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(from_attributes=True, json_schema_extra={"examples": [example]})


class FileRemovalView(BaseModel):
    """A deleted upload; its picture stays where another upload or an unfinished job has it."""

    model_config = _example({"id": _FILE, "pictures": 1, "freed_bytes": 48_210, "kept": []})

    id: str
    pictures: int
    freed_bytes: int
    kept: list[str] = _KEPT


class JobRemovalView(BaseModel):
    """The deleted contents of a job; a second deletion has nothing left to report."""

    model_config = _example(
        {
            "id": _JOB,
            "removed": ["input", "metadata", "output"],
            "results": 1,
            "result_bytes": 48_210,
            "inputs": 0,
            "input_bytes": 0,
            "idempotency_keys": 1,
            "kept": ["its charge in the usage"],
        }
    )

    id: str
    removed: list[str] = Field(description="Fields of the job that had contents")
    results: int
    result_bytes: int
    inputs: int
    input_bytes: int
    idempotency_keys: int
    kept: list[str] = _KEPT


class ErasedView(BaseModel):
    """The numbers of things that this call removed."""

    model_config = ConfigDict(from_attributes=True)

    jobs_canceled: int
    jobs: int
    results: int
    result_bytes: int
    inputs: int
    input_bytes: int
    file_names: int
    webhooks: int
    idempotency_keys: int
    objects: int


class KeptRowsView(BaseModel):
    """The numbers of rows that stay: the books, and the log of operators' acts."""

    model_config = ConfigDict(from_attributes=True)

    usage_events: int
    ledger_entries: int
    audit_entries: int


class TenantRemovalView(BaseModel):
    """A deleted tenant; while `complete` is false, call again, or leave the rest to the courier."""

    model_config = _example(
        {
            "tenant": _TENANT,
            "deleted_at": "2026-11-24T09:00:00Z",
            "complete": True,
            "removed": {
                "jobs_canceled": 1,
                "jobs": 40,
                "results": 38,
                "result_bytes": 1_830_000,
                "inputs": 3,
                "input_bytes": 96_420,
                "file_names": 0,
                "webhooks": 1,
                "idempotency_keys": 2,
                "objects": 38,
            },
            "kept": {"usage_events": 38, "ledger_entries": 0, "audit_entries": 3},
            "forfeited_micros": 0,
            "balance_micros": 0,
        }
    )

    tenant: str
    deleted_at: datetime
    complete: bool
    removed: ErasedView
    kept: KeptRowsView
    forfeited_micros: int
    balance_micros: int
