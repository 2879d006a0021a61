"""The rows. Rules that one row can state stand here as CHECK and UNIQUE constraints."""

from db.tables.artifacts import Artifact, File
from db.tables.billing import Allowance, Hold, LedgerEntry, UsageEvent
from db.tables.jobs import Attempt, FairTag, Job, Queue
from db.tables.tenants import ApiKey, Tenant, Tier
from db.tables.workers import Worker

__all__ = [
    "Allowance",
    "ApiKey",
    "Artifact",
    "Attempt",
    "FairTag",
    "File",
    "Hold",
    "Job",
    "LedgerEntry",
    "Queue",
    "Tenant",
    "Tier",
    "UsageEvent",
    "Worker",
]
