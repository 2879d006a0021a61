"""`bottega audit`: the log of operators' changes."""

import click

from db.operators import audit
from db.operators.audit import AuditFilter
from deploy.cli.common import json_option, limit_option, print_rows, row_values, transaction

_COLUMNS = ("at", "actor", "actor_name", "action", "target", "before", "after", "request_id")


@click.command("audit")
@click.option("--actor", help="Only changes by this key's id, or by cli:USER.")
@click.option("--action", help="Only changes of this kind, e.g. job.cancel.")
@click.option("--target", help="Only changes of this id, or of this model.")
@limit_option
@json_option
def list_audit_entries(
    *, actor: str | None, action: str | None, target: str | None, limit: int, as_json: bool
) -> None:
    """List the acts of operators, newest first: who changed what, signed in, or read a job."""
    criteria = AuditFilter(actor, action, target)
    with transaction() as session:
        found = audit.list_entries(session, criteria, limit=limit)
        rows = [row_values(row, _COLUMNS) for row in found]
    print_rows(rows, as_json=as_json)
