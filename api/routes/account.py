"""The tenant's own account and usage, and the export of all that is its own."""

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import iterate_in_threadpool, run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from sqlalchemy.orm import Session

from api.accounts.export import TenantExport
from api.auth.tenant import Caller, IdentifiedCallerDep, TenantId
from api.core.errors import invalid, not_found
from api.core.protocol.methods import is_head
from api.schemas.jobs import AccountView, AllowanceView, UsageEventView, UsageSumView, UsageView
from api.schemas.keys import KeyList, key_view
from api.schemas.timestamps import Timestamp
from api.services import Services, ServicesDep
from db.reports import usage as reports
from db.reports.usage import UsageSum
from db.tables import UsageEvent
from db.tenants import api_keys, tenants
from db.tenants.tiers import longest_keep

router = APIRouter(prefix="/v1", tags=["account"])

_DEFAULT_PERIOD = timedelta(days=31)
_MAX_EVENTS = 1000
_MAX_CSV_EVENTS = 100_000
_CSV_COLUMNS = list(UsageEventView.model_fields)
_CSV_EXAMPLE = ",".join(_CSV_COLUMNS)


class Format(StrEnum):
    """Formats of the usage report."""

    JSON = "json"
    CSV = "csv"


@router.get("/account")
def get_account(services: ServicesDep, tenant_id: TenantId) -> AccountView:
    """Your tier and its limits, stored bytes, allowances with the reset time, balance and holds."""
    with services.database.transaction(durable=False) as session:
        account = tenants.account(session, tenant_id)
    if account is None:
        raise not_found("tenant")
    tenant, tier = account.tenant, account.tier
    return AccountView(
        tenant=tenant.id,
        name=tenant.name,
        tier=tier.name,
        limits={
            "max_in_flight": tier.max_in_flight,
            "max_priority": tier.max_priority,
            "requests_per_minute": tier.requests_per_minute,
            "models": tier.models,
            "allowance_models": tier.allowance_models,
            "cancel_charge": tier.cancel_charge,
            "max_stored_bytes": tier.max_stored_bytes,
            "keep_seconds": int(longest_keep(tier, services.settings.result_keep_seconds)),
        },
        in_flight=tenant.in_flight,
        stored_bytes=tenant.stored_bytes,
        allowances={
            kind: AllowanceView(
                granted=left.granted, used=left.used, held=left.held, left=left.left
            )
            for kind, left in account.allowances.items()
        },
        allowances_reset_at=account.resets_at,
        balance_micros=tenant.balance_micros,
        held_micros=tenant.balance_held_micros,
        open_holds=account.open_holds,
    )


@router.get("/account/keys")
def list_own_keys(services: ServicesDep, tenant_id: TenantId) -> KeyList:
    """Your keys, also revoked and expired ones, with their last use; not their secrets."""
    with services.database.transaction(durable=False) as session:
        rows = api_keys.list_keys(session, tenant_id=tenant_id)
        return KeyList(keys=[key_view(row) for row, _ in rows])


@router.get(
    "/account/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The ZIP file; its README.txt says what is in it",
            "content": {"application/zip": {"example": "(bytes)"}},
        }
    },
)
async def export_account(
    request: Request, services: ServicesDep, caller: IdentifiedCallerDep
) -> Response:
    """All your data as one ZIP file: account, keys without secrets, jobs, pictures, results, bills.

    One export is sent at a time. What changes meanwhile may be in it or not. A file that ends
    early, as after a revoked key, has no list of contents, and no program opens it.
    """
    pieces = _exported(services, caller)
    first = await anext(pieces)  # what refuses it is answered as a problem
    headers = {
        "Content-Disposition": f'attachment; filename="{caller.tenant_id}.zip"',
        "Cache-Control": "no-store",
    }
    if is_head(request.scope):
        await pieces.aclose()
    return StreamingResponse(_with_first(first, pieces), 200, headers, "application/zip")


async def _exported(services: Services, caller: Caller) -> AsyncGenerator[bytes, None]:
    def check(session: Session) -> None:
        services.key_cache.check(session, caller.key_id)

    with services.exports.exporting(caller.tenant_id):
        export = await run_in_threadpool(TenantExport, services, caller.tenant_id, check)
        # Closed in their order, also when the client leaves: an archive ends its entry first.
        with closing(export.pieces()) as pieces:
            async for piece in iterate_in_threadpool(pieces):
                yield piece


async def _with_first(
    first: bytes, others: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    async with aclosing(others):
        yield first
        async for piece in others:
            yield piece


@router.get(
    "/usage",
    response_model=UsageView,
    responses={
        200: {
            "description": "The report; with `format=csv` the events alone, up to 100,000",
            "content": {"text/csv": {"schema": {"type": "string"}, "example": _CSV_EXAMPLE}},
        }
    },
)
def get_usage(
    services: ServicesDep,
    tenant_id: TenantId,
    start: Annotated[Timestamp | None, Query(alias="from", description="31 days ago")] = None,
    end: Annotated[Timestamp | None, Query(alias="to", description="now")] = None,
    group_by: Annotated[str, Query(description="`model`, `day`, both or neither")] = "model",
    format: Format = Format.JSON,  # noqa: A002 - the parameter's public name
) -> Response:
    """Usage in a period: one event per settled job, and their sums."""
    start, end = _period(start, end)
    groups = _groups(group_by)
    limit = _MAX_CSV_EVENTS if format == Format.CSV else _MAX_EVENTS
    with services.database.transaction(durable=False) as session:
        events = reports.usage_events(session, tenant_id, start, end, limit=limit)
        sums = reports.usage_sums(session, tenant_id, start, end, groups)
    if format == Format.CSV:
        return Response(_csv(events), media_type="text/csv")
    period = {"from": start, "to": end}
    view = UsageView(
        **period, sums=[_sum(row) for row in sums], events=[_event(event) for event in events]
    )
    return Response(view.model_dump_json(by_alias=True), media_type="application/json")


def _period(start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    try:
        end = _utc(end) if end else datetime.now(UTC)
        return _utc(start) if start else end - _DEFAULT_PERIOD, end
    except OverflowError as error:
        message = "the period must lie between the years 1 and 9999, UTC"
        raise invalid(["query", "from"], message) from error


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _groups(group_by: str) -> list[str]:
    groups = [name for name in group_by.split(",") if name]
    if unknown := set(groups) - set(reports.GROUPS):
        message = f"group by {' and '.join(reports.GROUPS)}, not by {', '.join(sorted(unknown))}"
        raise invalid(["query", "group_by"], message)
    return groups


def _sum(row: UsageSum) -> UsageSumView:
    return UsageSumView(
        model=row.model,
        day=row.day,
        kind=row.kind,
        jobs=row.jobs,
        units=row.units,
        amount_micros=row.amount_micros,
    )


def _event(row: UsageEvent) -> UsageEventView:
    return UsageEventView(
        job_id=row.job_id,
        model=row.variant,
        kind=row.kind,
        units=row.units,
        amount_micros=row.amount_micros,
        covered_by=row.covered_by,
        occurred_at=row.occurred_at,
        outcome=row.outcome,
    )


def _csv(events: Sequence[UsageEvent]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV_COLUMNS)
    writer.writeheader()
    for event in events:
        writer.writerow(_event(event).model_dump(mode="json"))
    return text.getvalue()
