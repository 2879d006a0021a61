"""`bottega operators`: the keys of operators."""

from datetime import timedelta

import click

from db.operators import keys as operator_keys
from db.tenants.api_keys import OperatorRole
from deploy.cli.common import (
    actor,
    check_name,
    expires_in_option,
    json_option,
    print_rows,
    row_values,
    seconds_of,
    transaction,
)

_COLUMNS = ("id", "name", "role", "created_at", "expires_at", "last_used_at", "revoked_at")


@click.group()
def operators() -> None:
    """Create, list and revoke operators' keys."""


@operators.command("list")
@json_option
def list_operators(*, as_json: bool) -> None:
    """List operators' keys by id, revoked ones too. The keys themselves are not stored."""
    with transaction() as session:
        rows = [row_values(row, _COLUMNS) for row in operator_keys.list_keys(session)]
    print_rows(rows, as_json=as_json)


@operators.command("create")
@click.argument("name", callback=check_name)
@click.option(
    "--role",
    type=click.Choice([each.value for each in OperatorRole]),
    default="operator",
    show_default=True,
    help="A viewer reads everything and changes nothing.",
)
@expires_in_option
@json_option
def create_operator(name: str, role: str, expires_in: timedelta | None, *, as_json: bool) -> None:
    """Create an operator's key for NAME and print it. It is shown only this once."""
    with transaction() as session:
        row, key = operator_keys.create(
            session,
            actor(),
            name=name,
            role=OperatorRole(role),
            expires_in_seconds=seconds_of(expires_in),
        )
        print_rows([{"key_id": row.id, "role": row.role, "api_key": key}], as_json=as_json)


@operators.command("revoke")
@click.argument("key_id")
def revoke_operator(key_id: str) -> None:
    """Revoke an operator's key for good. The last key with the role operator cannot be revoked."""
    with transaction() as session:
        if not operator_keys.revoke(session, actor(), key_id):
            raise click.ClickException(f"there is no valid operator's key {key_id}")
    click.echo(f"revoked {key_id}")
