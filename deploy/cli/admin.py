"""`bottega migrate|tenants|keys|doctor`: set up a deployment, its tenants and their keys."""

import sys
from datetime import timedelta

import click
from sqlalchemy.orm import Session

from db.core.settings import migration_url
from db.operators import actions as operator_actions
from db.operators import keys as operator_keys
from db.operators import tiers as operator_tiers
from db.tables import ApiKey, Tenant
from db.tenants import api_keys
from db.tenants import tenants as tenant_rows
from db.tenants.api_keys import OperatorRole
from db.values.pricing import MAX_AMOUNT_MICROS
from deploy.cli import credit
from deploy.cli.common import (
    Duration,
    actor,
    check_label,
    check_name,
    errors_about,
    expires_in_option,
    json_option,
    open_database,
    print_rows,
    require_tenant,
    row_values,
    seconds_of,
    transaction,
)
from deploy.cli.tenants.deletion import delete_tenant
from deploy.cli.tenants.export import export_tenant

_KEY_TIMES = ("created_at", "expires_at", "last_used_at", "revoked_at")


@click.command()
def migrate() -> None:
    """Update the schema of the database, and the grants of the service's role.

    It connects by BOTTEGA_MIGRATION_DATABASE_URL, the owner's, or else by DATABASE_URL. Several
    processes may run it at the same time. Run it before you start a new version.
    """
    from db.core.migrate import upgrade  # noqa: PLC0415 - Alembic takes long to import

    upgrade(migration_url())
    click.echo("the database is up to date")


@click.group()
def tenants() -> None:
    """Create, list, credit, suspend, resume, export and delete tenants."""


tenants.add_command(delete_tenant)
tenants.add_command(export_tenant)


@tenants.command("create")
@click.argument("name", callback=check_name)
@click.option("--tier", default="free", show_default=True, help="free, standard or enterprise.")
@json_option
def create_tenant(name: str, tier: str, *, as_json: bool) -> None:
    """Create a tenant. Prints its id and its first API key, which is shown only this once."""
    with transaction() as session:
        me = actor()
        tenant = operator_actions.create_tenant(session, me, name=name, tier=tier)
        _, key = operator_actions.create_key(session, me, tenant_id=tenant.id, name="first")
        row = {"tenant": tenant.id, "tier": tenant.tier, "api_key": key}
        print_rows([row], as_json=as_json)


@tenants.command("list")
@click.option("--deleted", is_flag=True, help="List those that were deleted, and when, instead.")
@json_option
def list_tenants(*, deleted: bool, as_json: bool) -> None:
    """List every tenant, oldest first. Amounts are in micro-USD: 1,000,000 is one dollar."""
    with transaction() as session:
        rows = [
            {
                "tenant": row.id,
                "name": row.name,
                "tier": row.tier,
                "balance_micros": row.balance_micros,
                "held_micros": row.balance_held_micros,
                "in_flight": row.in_flight,
                "stored_bytes": row.stored_bytes,
                **(_deletion(row) if deleted else {}),
            }
            for row in tenant_rows.list_tenants(session, deleted=deleted)
        ]
    print_rows(rows, as_json=as_json)


def _deletion(row: Tenant) -> dict[str, object]:
    return {"deleted_at": row.deleted_at, "erased_at": row.erased_at or ""}


@tenants.command("credit")
@click.argument("tenant_id")
@click.argument("amount_micros", type=click.IntRange(min=1, max=MAX_AMOUNT_MICROS))
@click.option(
    "--reference",
    required=True,
    callback=check_name,
    help="The payment's own name. A reference works once, so a repeated command pays once.",
)
def credit_tenant(tenant_id: str, amount_micros: int, reference: str) -> None:
    """Add AMOUNT_MICROS to a tenant's balance; 1,000,000 is one dollar."""
    credit.credit_tenant(tenant_id, amount_micros, reference, "")
    click.echo(f"credited {amount_micros} micro-USD to {tenant_id}")


@tenants.command("suspend")
@click.argument("tenant_id")
def suspend_tenant(tenant_id: str) -> None:
    """Refuse every request of a tenant's keys. Its queued jobs still run, and are charged."""
    changed = _set_suspended(tenant_id, suspended=True)
    click.echo(f"{tenant_id} is suspended" + ("" if changed else " already"))


@tenants.command("resume")
@click.argument("tenant_id")
def resume_tenant(tenant_id: str) -> None:
    """Accept the keys of a suspended tenant again."""
    changed = _set_suspended(tenant_id, suspended=False)
    click.echo(f"{tenant_id} is not suspended" + ("" if changed else ", and was not before"))


def _set_suspended(tenant_id: str, *, suspended: bool) -> bool:
    from api.operators.switches import set_tenant_suspended  # noqa: PLC0415

    with open_database() as services, errors_about(tenant_id):
        return set_tenant_suspended(services, actor(), tenant_id, suspended=suspended)


@tenants.command("tier")
@click.argument("tenant_id")
@click.argument("tier")
def move_tenant(tenant_id: str, tier: str) -> None:
    """Move a tenant to TIER. Jobs that are queued already keep the share of their former tier."""
    with transaction() as session:
        require_tenant(session, tenant_id)
        operator_tiers.move_tenant(session, actor(), tenant_id, tier)
    click.echo(f"{tenant_id} is in {tier}")


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command("create")
@click.option("--tenant", "tenant_id", help="Create a key for the tenant with this id.")
@click.option("--operator", is_flag=True, help="Create an operator's key, for the whole service.")
@click.option("--viewer", is_flag=True, help="With --operator: the key reads and changes nothing.")
@click.option("--name", default="", callback=check_label, help="A label, to recognize the key by.")
@expires_in_option
@json_option
def create_key(
    tenant_id: str | None,
    name: str,
    expires_in: timedelta | None,
    *,
    operator: bool,
    viewer: bool,
    as_json: bool,
) -> None:
    """Create a key and print it. It is shown only this once."""
    if operator == bool(tenant_id) or (viewer and not operator):
        raise click.UsageError("name either --tenant ID or --operator (optionally with --viewer)")
    seconds = seconds_of(expires_in)
    with transaction() as session:
        if tenant_id is None:
            role = OperatorRole.VIEWER if viewer else OperatorRole.OPERATOR
            row, key = operator_keys.create(
                session, actor(), name=name, role=role, expires_in_seconds=seconds
            )
        else:
            require_tenant(session, tenant_id)
            row, key = operator_actions.create_key(
                session, actor(), tenant_id=tenant_id, name=name, expires_in_seconds=seconds
            )
        print_rows([{"key_id": row.id, "api_key": key}], as_json=as_json)


@keys.command("list")
@click.option("--tenant", "tenant_id", help="Only keys of the tenant with this id.")
@click.option(
    "--unused-for",
    type=Duration(1, api_keys.MAX_LIFETIME_SECONDS),
    help="Only valid keys that were neither used nor made within this time.",
)
@json_option
def list_keys(tenant_id: str | None, unused_for: timedelta | None, *, as_json: bool) -> None:
    """List keys by id, revoked ones too. The keys themselves are not stored.

    The time of the last use is accurate to some minutes.
    """
    with transaction() as session:
        rows = [
            {
                "key_id": row.id,
                "owner": owner,
                "name": row.name,
                **row_values(row, _KEY_TIMES),
            }
            for row, owner in api_keys.list_keys(
                session, tenant_id=tenant_id, unused_for=unused_for
            )
        ]
    print_rows(rows, as_json=as_json)


@keys.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """Revoke a key for good. Its next request is refused."""
    with transaction() as session:
        if not _revoke(session, key_id):
            raise click.ClickException(f"there is no valid key {key_id}")
    click.echo(f"revoked {key_id}")


def _revoke(session: Session, key_id: str) -> bool:
    row = session.get(ApiKey, key_id)
    if row is None:
        return False
    if row.tenant_id is None:
        return operator_keys.revoke(session, actor(), key_id)
    return operator_actions.revoke_key(session, actor(), tenant_id=row.tenant_id, key_id=key_id)


@click.command()
@click.option(
    "--variant",
    "variants",
    multiple=True,
    help="Check whether this model fits and its weights are here; repeatable.",
)
@json_option
def doctor(*, variants: tuple[str, ...], as_json: bool) -> None:
    """Check a deployment, or this machine alone, and exit with 1 when a check fails.

    It checks the database and its clock, Redis, a round trip through the object store, the rules
    of the books (db/core/invariants.py), an object for every artifact, live workers and their
    weights, this machine's devices, and content filters where a licence requires one.

    Without DATABASE_URL and --stack it checks what a new machine needs: driver, torch and devices,
    open files, the catalogue file, and for each --variant its memory and its weights.
    """
    from deploy.cli.doctor import check  # noqa: PLC0415

    results = list(check(variants))
    verdicts = {True: "ok", False: "WRONG", None: "not checked"}
    rows = [
        {"check": each.check, "ok": verdicts[each.ok], "detail": each.detail} for each in results
    ]
    print_rows(rows, as_json=as_json)
    if any(each.ok is False for each in results):
        sys.exit(1)
