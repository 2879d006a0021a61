"""The template values of one job's page."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from api.web.dashboard.jobs.timeline import attempt_rows, timeline
from api.web.shared.florence2_overlay import answers, overlays
from api.web.shared.formats import count, duration, money
from api.web.shared.job_labels import surface_label, waiting_text
from api.web.shared.job_pictures import input_keys, input_pictures, output_pictures
from api.web.shared.prompt_warnings import prompt_warnings
from db.billing import holds
from db.jobs.queries import artifacts_of, attempts_of, find_job
from db.jobs.waiting import queue_positions
from db.operators import jobs as operator_jobs
from db.tables import Hold, Job, Tenant
from db.tables.webhooks import Delivery, DeliveryAttempt
from db.values.job_state import TERMINAL, JobState
from db.webhooks import queries as delivery_queries
from db.webhooks.queries import DeliveryFilter

_MAX_DELIVERIES = 20


def job_values(session: Session, job_id: str) -> dict[str, Any] | None:
    """The template values of `job.html`; None when there is no such job."""
    job = find_job(session, tenant_id=None, job_id=job_id)
    if job is None:
        return None
    tenant = session.get_one(Tenant, job.tenant_id)
    again = operator_jobs.retried_as(session, job.id) if job.state == JobState.FAILED else None
    attempts = attempts_of(session, job.id)
    artifacts = artifacts_of(session, [job.id]).get(job.id, [])
    base = f"/dashboard/jobs/{job.id}"
    return {
        "job": job,
        "tenant_name": tenant.name,
        "surface": surface_label(job.surface),
        "over": job.state in TERMINAL,
        "retryable": job.state == JobState.FAILED and again is None,
        "retried_as": again,
        "waiting": _waiting(session, job),
        "timeline": timeline(job, attempts),
        "attempts": attempt_rows(attempts),
        "outputs": output_pictures(job, artifacts, base),
        "prompt_warnings": prompt_warnings(job.output),
        "inputs": input_pictures(job, base),
        "parameters": _parameters(job),
        "metadata": sorted(job.job_metadata.items()),
        "deliveries": _deliveries(session, job),
        **_analysis(job),
        **_bill(session, job),
    }


def _analysis(job: Job) -> dict[str, Any]:
    output = job.output or {}
    return {
        "overlays": overlays(output, f"/dashboard/jobs/{job.id}/inputs/0", job.input),
        "answers": answers(output),
    }


def _waiting(session: Session, job: Job) -> str | None:
    waiting = queue_positions(session, [job.id]).get(job.id)
    return None if waiting is None else waiting_text(waiting)


def _parameters(job: Job) -> list[tuple[str, str]]:
    """The job's parameters, without empty ones and the store's keys of pictures."""
    keys = set(input_keys(job))
    return [
        (name, _text(value))
        for name, value in sorted(job.input.items(), key=lambda item: item[0] != "prompt")
        if value not in (None, "", []) and not _is_picture(value, keys)
    ]


def _is_picture(value: Any, keys: set[str]) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(isinstance(each, str) and each in keys for each in values)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _bill(session: Session, job: Job) -> dict[str, str]:
    hold = session.get(Hold, job.id)
    if hold is None:
        return {"hold": "none", "charged": money(0)}
    free = hold.source == "allowance"
    held = f"{count(hold.units)} of the allowance" if free else money(hold.amount_micros)
    settled = hold.state == "settled"
    units = f"{count(holds.charged_units(hold))} of the allowance"
    charged = units if free and settled else money(holds.charged_micros(hold))
    return {"hold": f"{hold.state}: {held}", "charged": charged}


def _deliveries(session: Session, job: Job) -> list[dict[str, Any]]:
    delivery_filter = DeliveryFilter(job_id=job.id)
    rows = delivery_queries.list_deliveries(
        session, job.tenant_id, delivery_filter, limit=_MAX_DELIVERIES
    )
    attempts = delivery_queries.attempts_of(session, [row.id for row in rows]) if rows else {}
    return [_delivery(row, attempts.get(row.id, [])) for row in rows]


def _delivery(row: Delivery, attempts: Sequence[DeliveryAttempt]) -> dict[str, Any]:
    return {
        "id": row.id,
        "event": row.event,
        "state": row.state,
        "host": urlsplit(row.url).hostname,  # its query may hold a secret
        "attempts": [{"started_at": each.started_at, "text": _outcome(each)} for each in attempts],
    }


def _outcome(attempt: DeliveryAttempt) -> str:
    if attempt.ended_at is None:
        return "in progress"
    result = str(attempt.status) if attempt.status is not None else str(attempt.error)
    return f"{result} after {duration(attempt.seconds)}"
