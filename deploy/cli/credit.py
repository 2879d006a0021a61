"""`bottega credit`: add to a tenant's balance, or correct it."""

import click

from db.operators import actions as operator_actions
from db.operators.actions import BalanceTooLowError, ReferenceReusedError
from db.values.pricing import MAX_AMOUNT_MICROS
from deploy.cli.common import actor, check_name, require_tenant, transaction


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("tenant_id")
@click.argument("amount_micros", type=click.IntRange(-MAX_AMOUNT_MICROS, MAX_AMOUNT_MICROS))
@click.option(
    "--reference",
    required=True,
    callback=check_name,
    help="The payment's own name. A reference works once, so a repeated command pays once.",
)
@click.option("--reason", required=True, callback=check_name, help="Text for the audit log.")
def credit(tenant_id: str, amount_micros: int, reference: str, reason: str) -> None:
    """Add AMOUNT_MICROS to the balance of tenant TENANT_ID; 1,000,000 is one dollar.

    A negative amount corrects an earlier credit. It cannot take money that is spent already, or
    that is held for unfinished jobs.
    """
    if not amount_micros:
        raise click.UsageError("AMOUNT_MICROS must not be 0")
    credit_tenant(tenant_id, amount_micros, reference, reason)
    click.echo(f"credited {amount_micros} micro-USD to {tenant_id}")


def credit_tenant(tenant_id: str, amount_micros: int, reference: str, reason: str) -> None:
    """Change a balance, or end the command with a sentence that says why not."""
    try:
        with transaction() as session:
            require_tenant(session, tenant_id)
            credited = operator_actions.credit(
                session,
                actor(),
                tenant_id=tenant_id,
                amount_micros=amount_micros,
                reference=reference,
                reason=reason,
            )
    except BalanceTooLowError as error:
        raise click.ClickException(str(error)) from error
    except ReferenceReusedError as error:
        raise click.ClickException(f"{reference!r}: {error}") from error
    if not credited:
        raise click.ClickException(
            f"the reference {reference!r} was used before, for the same amount: nothing to do"
        )
