"""The template values of one tenant's page."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.web.dashboard.chart import Chart
from db.reports import usage as reports
from db.reports.usage import UsageSum
from db.tables import ApiKey
from db.tenants import api_keys, tenants
from db.tenants.tenants import Account

PERIOD_DAYS = 30
_DAY_SECONDS = 86_400.0


def tenant_values(session: Session, tenant_id: str) -> dict[str, Any] | None:
    """The template values of `tenant.html`; None when there is no such tenant."""
    account = tenants.account(session, tenant_id)
    if account is None:
        return None
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = today - timedelta(days=PERIOD_DAYS - 1), today + timedelta(days=1)
    by_day = reports.usage_sums(session, tenant_id, start, end, ["day"])
    return {
        "tenant": account.tenant,
        "account": _account(account),
        "by_model": reports.usage_sums(session, tenant_id, start, end, ["model"]),
        "spend_chart": _spend_chart(by_day, start),
        "keys": _keys(session, tenant_id),
        "period": f"{PERIOD_DAYS} days",
    }


def _keys(session: Session, tenant_id: str) -> list[tuple[ApiKey, str]]:
    now = session.scalars(select(func.now())).one()
    rows = api_keys.list_keys(session, tenant_id=tenant_id)
    return [(key, _key_state(key, now)) for key, _ in rows]


def _key_state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None or key.expires_at > now + api_keys.EXPIRES_SOON:
        return "active"
    return "expires_soon" if key.expires_at > now else "expired"


def _account(account: Account) -> dict[str, Any]:
    return {
        "balance_micros": account.tenant.balance_micros,
        "held_micros": account.tenant.balance_held_micros,
        "in_flight": account.tenant.in_flight,
        "max_in_flight": account.tier.max_in_flight,
        "stored_bytes": account.tenant.stored_bytes,
        "max_stored_bytes": account.tier.max_stored_bytes,
        "allowances": [
            {"kind": str(kind), "granted": left.granted, "used": left.used + left.held}
            for kind, left in account.allowances.items()
        ],
    }


def _spend_chart(by_day: list[UsageSum], start: datetime) -> Chart:
    days = [start + timedelta(days=n) for n in range(PERIOD_DAYS)]
    spent = {day.date().isoformat(): 0 for day in days}
    for row in by_day:
        spent[row.day or ""] = spent.get(row.day or "", 0) + row.amount_micros
    return Chart(
        "spend",
        "Spend by day",
        f"last {PERIOD_DAYS} days, UTC",
        "dollars",
        days,
        _DAY_SECONDS,
        {"charged": [spent[day.date().isoformat()] / 1_000_000 for day in days]},
        min_scale=0.01,
        bars=True,
    )
