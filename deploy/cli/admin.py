"""`bottega migrate|tenants|keys|doctor`: what an operator does by hand."""

import getpass
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy.orm import Session

from db.core.migrate import upgrade
from db.core.session import Database
from db.core.settings import DatabaseSettings
from db.operators import actions as operator_actions
from db.operators import keys as operator_keys
from db.operators import tiers as operator_tiers
from db.operators.actions import BalanceTooLowError, ReferenceReusedError
from db.operators.audit import Actor
from db.tables import ApiKey
from db.tenants import api_keys
from db.tenants import tenants as tenant_rows
from db.tenants.api_keys import OperatorRole

_MOST_MICROS = 10**15  # a billion dollars

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""For commands that print rows."""


def actor() -> Actor:
    """Whoever types the command, as the audit log names them."""
    user = getpass.getuser()
    return Actor(f"cli:{user}", user)


@contextmanager
def transaction() -> Iterator[Session]:
    """A durable transaction on the database that the environment names."""
    database = Database(DatabaseSettings(pool_size=1))
    try:
        with database.transaction() as session:
            yield session
    finally:
        database.close()


def require_tenant(session: Session, tenant_id: str) -> None:
    """End with a sentence when there is no such tenant."""
    if tenant_rows.account(session, tenant_id) is None:
        raise click.ClickException(f"there is no tenant {tenant_id}")


def show(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        click.echo(json.dumps(rows, indent=2, default=str))
        return
    if not rows:
        click.echo("none")
        return
    table = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        click.echo("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip())


@click.command()
def migrate() -> None:
    """Bring the database at DATABASE_URL up to date. Safe to run at once from several places."""
    upgrade(DatabaseSettings().url.get_secret_value())
    click.echo("the database is up to date")


@click.group()
def tenants() -> None:
    """Add, list and credit tenants."""


@tenants.command("create")
@click.argument("name")
@click.option("--tier", default="free", show_default=True, help="free, standard or enterprise.")
@as_json_option
def create_tenant(name: str, tier: str, *, as_json: bool) -> None:
    """Add a tenant and print its id and its first API key, which is shown only now."""
    with transaction() as session:
        me = actor()
        tenant = operator_actions.create_tenant(session, me, name=name, tier=tier)
        _, key = operator_actions.create_key(session, me, tenant_id=tenant.id, name="first")
        show([{"tenant": tenant.id, "tier": tenant.tier, "api_key": key}], as_json=as_json)


@tenants.command("list")
@as_json_option
def list_tenants(*, as_json: bool) -> None:
    """Every tenant, oldest first; money in micro-USD."""
    with transaction() as session:
        rows = [
            {
                "tenant": row.id,
                "name": row.name,
                "tier": row.tier,
                "balance_micros": row.balance_micros,
                "held_micros": row.balance_held_micros,
                "in_flight": row.in_flight,
            }
            for row in tenant_rows.listed(session)
        ]
    show(rows, as_json=as_json)


@tenants.command("credit")
@click.argument("tenant_id")
@click.argument("amount_micros", type=click.IntRange(min=1, max=_MOST_MICROS))
@click.option("--reference", required=True, help="Names the payment; works once.")
def credit_tenant(tenant_id: str, amount_micros: int, reference: str) -> None:
    """Add AMOUNT_MICROS (1,000,000 is one dollar) to a tenant's balance."""
    give_credit(tenant_id, amount_micros, reference, "")
    click.echo(f"credited {amount_micros} micro-USD to {tenant_id}")


def give_credit(tenant_id: str, amount_micros: int, reference: str, reason: str) -> None:
    """Move a balance, or end with a sentence that says why not."""
    try:
        with transaction() as session:
            require_tenant(session, tenant_id)
            done = operator_actions.credit(
                session,
                actor(),
                tenant_id=tenant_id,
                amount_micros=amount_micros,
                reference=reference,
                reason=reason,
            )
    except BalanceTooLowError as error:
        raise click.ClickException(str(error)) from error
    except ReferenceReusedError:
        done = False
    if not done:
        raise click.ClickException(f"the reference {reference!r} was used before")


@tenants.command("suspend")
@click.argument("tenant_id")
def suspend_tenant(tenant_id: str) -> None:
    """Refuse whatever its keys ask; what it has queued is still done, and charged."""
    with transaction() as session:
        require_tenant(session, tenant_id)
        changed = operator_actions.suspend_tenant(session, actor(), tenant_id)
    click.echo(f"{tenant_id} is suspended" + ("" if changed else " already"))


@tenants.command("resume")
@click.argument("tenant_id")
def resume_tenant(tenant_id: str) -> None:
    """Let a suspended tenant's keys work again."""
    with transaction() as session:
        require_tenant(session, tenant_id)
        changed = operator_actions.resume_tenant(session, actor(), tenant_id)
    click.echo(f"{tenant_id} is not suspended" + ("" if changed else ", and was not before"))


@tenants.command("tier")
@click.argument("tenant_id")
@click.argument("tier")
def move_tenant(tenant_id: str, tier: str) -> None:
    """Put a tenant into TIER; jobs that it has queued keep their share."""
    with transaction() as session:
        require_tenant(session, tenant_id)
        operator_tiers.move_tenant(session, actor(), tenant_id, tier)
    click.echo(f"{tenant_id} is in {tier}")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command("create")
@click.option("--tenant", "tenant_id", help="Whose key; --operator for the operator's own.")
@click.option("--operator", is_flag=True, help="A key that speaks for the operator.")
@click.option("--viewer", is_flag=True, help="With --operator: looks on, and changes nothing.")
@click.option("--name", default="", help="What its owner calls it.")
@as_json_option
def create_key(
    tenant_id: str | None, name: str, *, operator: bool, viewer: bool, as_json: bool
) -> None:
    """Make a key. It is shown only now."""
    if operator == bool(tenant_id) or (viewer and not operator):
        raise click.UsageError(
            "say either --tenant ID or --operator (and --viewer with it, if wanted)"
        )
    with transaction() as session:
        if tenant_id is None:
            role = OperatorRole.VIEWER if viewer else OperatorRole.OPERATOR
            row, key = operator_keys.create(session, actor(), name=name, role=role)
        else:
            require_tenant(session, tenant_id)
            row, key = operator_actions.create_key(session, actor(), tenant_id=tenant_id, name=name)
        show([{"key_id": row.id, "api_key": key}], as_json=as_json)


@keys.command("list")
@click.option("--tenant", "tenant_id", help="Only this tenant's.")
@as_json_option
def list_keys(tenant_id: str | None, *, as_json: bool) -> None:
    """Keys by id; the keys themselves are not kept."""
    with transaction() as session:
        rows = [
            {
                "key_id": row.id,
                "owner": owner,
                "name": row.name,
                "created_at": row.created_at,
                "revoked_at": row.revoked_at or "",
            }
            for row, owner in api_keys.listed(session, tenant_id=tenant_id)
        ]
    show(rows, as_json=as_json)


@keys.command("revoke")
@click.argument("key_id")
def revoke_key(key_id: str) -> None:
    """Revoke a key for good."""
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
@click.option("--variant", "variants", multiple=True, help="Look for its weights; repeatable.")
@as_json_option
def doctor(*, variants: tuple[str, ...], as_json: bool) -> None:
    """Examine a deployment; exits 1 if anything is wrong.

    The database and its clock, Redis, a round trip through the store, the books (every rule of
    db/core/invariants.py), an object for every artifact, live workers and their weights, content
    filters where a licence asks for one.
    """
    from deploy.cli.doctor import examine  # noqa: PLC0415

    found = list(examine(variants))
    rows = [{"check": c.check, "ok": "ok" if c.ok else "WRONG", "detail": c.detail} for c in found]
    show(rows, as_json=as_json)
    if not all(checked.ok for checked in found):
        sys.exit(1)
