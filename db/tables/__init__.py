"""Tables as SQLAlchemy models. CHECK and UNIQUE constraints state the rules of one row."""

from db.tables.artifacts import Artifact, File, FileName
from db.tables.billing import Allowance, Hold, LedgerEntry, UsageEvent, VendorSpend
from db.tables.idempotency import IdempotencyKey
from db.tables.inputs import InputObject
from db.tables.jobs import Attempt, FairTag, Job, Queue
from db.tables.operators import AuditEntry, JobRetry, KeySession
from db.tables.resume_points import JobResumePoint
from db.tables.tenants import ApiKey, Tenant, Tier
from db.tables.traces import JobTrace
from db.tables.webhooks import Delivery, DeliveryAttempt, WebhookEndpoint, WebhookSecret
from db.tables.workers import Worker

__all__ = [
    "Allowance",
    "ApiKey",
    "Artifact",
    "Attempt",
    "AuditEntry",
    "Delivery",
    "DeliveryAttempt",
    "FairTag",
    "File",
    "FileName",
    "Hold",
    "IdempotencyKey",
    "InputObject",
    "Job",
    "JobResumePoint",
    "JobRetry",
    "JobTrace",
    "KeySession",
    "LedgerEntry",
    "Queue",
    "Tenant",
    "Tier",
    "UsageEvent",
    "VendorSpend",
    "WebhookEndpoint",
    "WebhookSecret",
    "Worker",
]
