"""Examples of the requests and responses of `/v1/admin`, by the name of the schema."""

from typing import Any

from api.schemas.keys import KEY

_AT = "2026-11-23T12:00:00Z"
_TEN = "ten_01jd8w7n4tq0c3v5x9y2z6k8m1"
_JOB = "job_01jd8w7n4tq0c3v5x9y2z6k8m1"
_KEY = KEY
_SECRET = {"api_key": "bt_01jd8w7n4tq0c3v5x9y2z6k8m1_…"}
_OPERATOR = _KEY | {"role": "viewer"}
_TENANT_BASE = {
    "id": _TEN,
    "name": "Ada",
    "tier": "free",
    "suspended_at": None,
    "deleted_at": None,
    "in_flight": 0,
    "stored_bytes": 48_210,
}
_TENANT = _TENANT_BASE | {"created_at": _AT, "balance_micros": 0, "balance_held_micros": 0}
_RECENT = _TENANT_BASE | {"balance_micros": 0, "held_micros": 0, "jobs": 3, "spent_micros": 3000}
_TIER = {
    "name": "free",
    "weight": 1.0,
    "max_in_flight": 20,
    "max_priority": "normal",
    "images_per_month": 100,
    "analyses_per_month": 1000,
    "requests_per_minute": 3000,
    "models": None,
    "allowance_models": None,
    "cancel_charge": "steps",
    "max_stored_bytes": 1_000_000_000,
    "keep_seconds": None,
}
_NOW = {
    "paused": False,
    "ready_workers": 1,
    "queued": 4,
    "running": 1,
    "oldest_age_seconds": 2.5,
    "drain_seconds": 3.0,
}
_TIMES = {"wait_p50": 0.1, "wait_p95": 2.0, "run_p50": 0.8, "run_p95": 1.1}
_WINDOW = {"arrived": 60, "succeeded": 55, "failed": 1} | _TIMES
_QUEUE = {"model": "flux.1-demo", "now": _NOW, "window": _WINDOW}
_WORKER = {
    "id": "wrk_01jd8w7n4tq0c3v5x9y2z6k8m1",
    "host": "gpu-1",
    "pid": 4711,
    "device": "cuda:0",
    "variants": ["flux.1-demo"],
    "state": "ready",
    "memory_used_bytes": 0,
    "memory_total_bytes": 0,
    "resident": ["flux.1-demo"],
    "catalogue_digest": "8ca239f12e769fd0",
    "loading": None,
    "plans": {
        "flux.1-demo": {
            "mode": {
                "precision": "bf16",
                "offload": "none",
                "attention": "native",
                "compile": False,
            },
            "device_bytes": 20_150_000,
            "working_bytes": 281_300_000,
            "host_bytes": 0,
            "slowdown": 1.0,
            "reason": "bf16, all of it on the device: 301 MB of 23.4 GB",
            "number_format": "bf16",
            "load_seconds": 1.8,
        }
    },
    "started_at": _AT,
    "heartbeat_at": _AT,
    "drained_at": None,
    "problem": None,
    "live": True,
}
_JOB_VIEW = {
    "id": _JOB,
    "tenant": _TEN,
    "tenant_name": "Ada",
    "surface": "native",
    "warnings": [],
    "model": "flux.1-demo",
    "state": "queued",
    "priority": "normal",
    "attempt": 0,
    "worker": None,
    "created_at": _AT,
    "started_at": None,
    "finished_at": None,
    "price_micros": 1000,
    "covered_by": "allowance",
    "error_code": None,
    "error_message": None,
    "metadata": {"order": "17"},
}
_JOB_PARTS = {
    "timeline": [{"at": _AT, "what": "submitted", "attempt": None, "worker": None}],
    "artifacts": [],
    "bill": None,
    "deliveries": [],
    "retried_as": None,
}
_SUM = {
    "model": "flux.1-demo",
    "day": "2026-11-23",
    "kind": "images",
    "jobs": 1,
    "units": 1,
    "amount_micros": 1000,
}
_ENTRY = {
    "id": 7,
    "at": _AT,
    "actor": _KEY["id"],
    "actor_name": "ann",
    "action": "queue.pause",
    "target": "flux.1-demo",
    "before": {"paused": False},
    "after": {"paused": True},
    "request_id": "req_01jd8w7n4tq0c3v5x9y2z6k8m1",
}
_OVERVIEW = {
    "window_seconds": 3600.0,
    "workers_by_state": {"ready": 1},
    "queues": [_QUEUE],
    "failures": [{"code": "timeout", "jobs": 1}],
    "today": {
        "images": 55,
        "revenue_micros": 55_000,
        "vendor_micros": 30_000,
        "hosted_margin_micros": 5_000,
        "vendor_held_micros": 0,
        "vendor_spent_micros": 30_000,
        "vendor_limit_micros": 100_000_000,
    },
}

EXAMPLES: dict[str, dict[str, Any]] = {
    "NewTenant": {"name": "Ada", "tier": "free"},
    "TenantChange": {"tier": "standard"},
    "TenantNow": _TENANT,
    "TenantList": {"days": 30, "tenants": [_RECENT]},
    "TenantUsage": {"days": 30, "sums": [_SUM]},
    "Credit": {"amount_micros": 25_000_000, "reason": "prepaid", "reference": "invoice 7"},
    "Credited": {"tenant": _TEN, "credited": True, "balance_micros": 25_000_000},
    "NewKey": {"name": "first"},
    "KeyList": {"keys": [_KEY]},
    "CreatedKey": _KEY | _SECRET,
    "NewOperator": {"name": "ann", "role": "viewer"},
    "OperatorList": {"operators": [_OPERATOR]},
    "CreatedOperator": _OPERATOR | _SECRET,
    "TierView": _TIER,
    "TierChange": {"max_in_flight": 20},
    "TierList": {"tiers": [_TIER]},
    "QueueList": {"window_seconds": 3600.0, "queues": [_QUEUE]},
    "QueueSwitch": {"model": "flux.1-demo", "paused": True, "changed": True},
    "WorkerList": {"workers": [_WORKER]},
    "WorkerSwitch": {"worker": _WORKER["id"], "drained": True, "changed": True},
    "OverviewView": _OVERVIEW,
    "AdminJobList": {"jobs": [_JOB_VIEW], "next_cursor": None},
    "JobDetail": _JOB_VIEW | _JOB_PARTS,
    "Canceled": {"job": _JOB, "canceled": True},
    "Retried": {"job": _JOB, "retried_as": "job_01jd8w9q2m7b4x0v6t3c5k1z8y"},
    "BulkPreview": {"action": "cancel", "jobs": 5, "price_micros": 5000, "token": "eyJ…"},
    "BulkAct": {"token": "eyJ…", "limit": 200},
    "BulkDone": {
        "action": "cancel",
        "total": 5,
        "done": 5,
        "skipped": 0,
        "left": 0,
        "next_token": None,
    },
    "AuditList": {"entries": [_ENTRY], "next_before": None},
}
"""One example for each schema."""
