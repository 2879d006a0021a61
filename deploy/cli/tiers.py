"""`bottega tiers`: the limits, the share and the allowances of each class of tenants."""

import math
from typing import Any

import click

from db.operators import tiers as operator_tiers
from db.tenants.tiers import MIN_KEEP_SECONDS
from db.values.cancel_charge import CancelCharge
from db.values.fair_share import MAX_WEIGHT, MIN_WEIGHT
from db.values.job_state import Priority
from deploy.cli.common import actor, json_option, print_rows, row_values, transaction

_MAX_COUNT = 2**31 - 1
_MAX_BYTES = 10**15
_REMOVED_BY_ZERO = ("requests_per_minute", "max_stored_bytes", "keep_seconds")
_COUNT = click.IntRange(0, _MAX_COUNT)


def _model_names(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[str, ...] | None:
    """The names of a list with commas; None when the option is left out."""
    if value is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("name at least one model")
    return names


class _FiniteRange(click.FloatRange):
    """A range that refuses NaN, too: no comparison with its bounds is true of it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number; use one from {self.min} to {self.max:.0f}.")
        return number


class _KeepSeconds(click.IntRange):
    """A time that leaves owners some to get their results, or 0."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if 0 < seconds < MIN_KEEP_SECONDS:
            self.fail(f"{seconds} is too short; use {MIN_KEEP_SECONDS} or more, or 0.", param, ctx)
        return seconds


@click.group()
def tiers() -> None:
    """List tiers, and set their limits, share and allowances."""


@tiers.command("list")
@json_option
def list_tiers(*, as_json: bool) -> None:
    """List every tier, the smallest share first."""
    with transaction() as session:
        rows = [
            row_values(row, ["name", *operator_tiers.LIMITS])
            for row in operator_tiers.list_tiers(session)
        ]
    print_rows(rows if as_json else [_with_names(row) for row in rows], as_json=as_json)


def _with_names(row: dict[str, Any]) -> dict[str, Any]:
    """The row with lists of models as `tiers set` takes them."""
    models, covered = row["models"], row["allowance_models"]
    return row | {
        "models": ",".join(models) if models else "all",
        "allowance_models": ",".join(covered) if covered else "own",
    }


@tiers.command("set")
@click.argument("name")
@click.option(
    "--weight",
    type=_FiniteRange(MIN_WEIGHT, MAX_WEIGHT),
    help="Share of a device's time, relative to the other tiers.",
)
@click.option("--max-in-flight", type=_COUNT, help="Most unfinished jobs of one tenant.")
@click.option(
    "--max-priority",
    type=click.Choice([each.value for each in Priority]),
    help="Highest priority that a job may have.",
)
@click.option("--images-per-month", type=_COUNT, help="Images of a tenant that cost nothing.")
@click.option("--analyses-per-month", type=_COUNT, help="Analyses of a tenant that cost nothing.")
@click.option(
    "--requests-per-minute", type=_COUNT, help="Limit of each API key; 0 removes the limit."
)
@click.option(
    "--models",
    callback=_model_names,
    metavar="MODEL,…|all",
    help="Models that its tenants may use; all for every model.",
)
@click.option(
    "--allowance-models",
    callback=_model_names,
    metavar="MODEL,…|own",
    help="Models that the allowances cover; own for all that run on own devices.",
)
@click.option(
    "--cancel-charge",
    type=click.Choice([each.value for each in CancelCharge]),
    help="Cost of a job that its owner cancels while it runs: nothing, the steps that ran, or "
    "the whole job.",
)
@click.option(
    "--max-stored-bytes",
    type=click.IntRange(0, _MAX_BYTES),
    help="Most bytes of one tenant's inputs and results in the store; 0 removes the limit.",
)
@click.option(
    "--keep-seconds",
    type=_KeepSeconds(0, _MAX_COUNT),
    help="Time after its end for which a job's results, input and metadata are kept, and the most "
    "that a job may ask for; 0 removes it, for the service's own time.",
)
def set_tier(name: str, **limits: Any) -> None:
    """Set limits of the tier NAME. An option that you leave out keeps its value.

    The new limits apply to jobs that are submitted from now on.
    """
    from api.operators.tiers import change_tier  # noqa: PLC0415 - with the catalogue
    from deploy.cli.services import open_catalogue  # noqa: PLC0415
    from workers.catalog import UnknownVariantError  # noqa: PLC0415

    changes = {limit: value for limit, value in limits.items() if value is not None}
    if not changes:
        raise click.UsageError("name at least one limit, e.g. --max-in-flight 20")
    for limit in _REMOVED_BY_ZERO:
        if changes.get(limit) == 0:
            changes[limit] = None
    for limit in ("models", "allowance_models"):
        if changes.get(limit) in (("all",), ("own",)):
            changes[limit] = None
    with open_catalogue() as services:
        try:
            change_tier(services, actor(), name, changes)
        except UnknownVariantError as error:
            raise click.ClickException(str(error)) from error
    click.echo(f"{name} is set")
