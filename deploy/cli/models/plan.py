"""`bottega catalog plan`: the models that fit a device, and how each is served there."""

import json
from typing import TYPE_CHECKING, Any

import click

from deploy.cli.common import json_option, print_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.adapters.serving.device_budget import DeviceBudget
    from workers.catalog import Variant
    from workers.catalog.serving import ServingRequest

CARDS = (8, 12, 16, 24, 32, 48, 80, 141)
"""Memory of the cards that people have, in gigabytes."""

GIGABYTE = 10**9


class MemorySize(click.ParamType[int]):
    """A number of bytes with its unit, such as 24GB or 24GiB."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes."""
        from pydantic import ByteSize, TypeAdapter, ValidationError  # noqa: PLC0415

        try:
            return int(TypeAdapter(ByteSize).validate_python(value))
        except ValidationError:
            self.fail(f"{value!r} is no size; write 24GB or 24GiB", param, ctx)


@click.command()
@click.option(
    "--memory",
    type=MemorySize(),
    help="Plan for a card of this memory, such as 24GB; CUDA's own 0.6 GB are taken off.",
)
@click.option("--device", help="Plan for a device of this machine, by its free memory now.")
@click.option("--variant", "names", multiple=True, help="A model to plan; repeatable.")
@click.option("--precision", default="auto", show_default=True, help="As of `bottega worker`.")
@click.option("--offload", default="auto", show_default=True, help="As of `bottega worker`.")
@json_option
def plan(
    memory: int | None,
    device: str | None,
    names: tuple[str, ...],
    precision: str,
    offload: str,
    *,
    as_json: bool,
) -> None:
    """Tell which models fit a device, and how a worker serves each there.

    \b
      bottega catalog plan                       every model on cards of 8 to 141 GB
      bottega catalog plan --memory 24GB         every way to serve each on such a card
      bottega catalog plan --device cuda:0       the same for this card, as its memory is now
      bottega catalog plan --device cpu --variant florence-2-large
    A worker takes the first way that fits, which `*` marks: 16 bits before 8 before 4, and in
    each all of the model on the device before text encoders that wait in the host's memory. The
    device memory is that of a picture of the model's default size; larger ones take more, as the
    last column says. Nothing is loaded or fetched for it.
    """  # noqa: D301 - \b is click's mark of a paragraph to leave as it is
    if memory is not None and device is not None:
        raise click.UsageError("give --memory or --device, not both")
    request = _request(precision, offload)
    variants = _variants(names)
    if memory is None and device is None:
        rows = [_over_cards(variant, request) for variant in variants]
        print_rows(rows, as_json=as_json)
        return
    budget = _budget(memory, device)
    found = [row for variant in variants for row in _ways(variant, budget, request)]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    gigabytes = budget.budget.device_bytes / GIGABYTE
    click.echo(f"{gigabytes:.1f} GB of device memory for models{_host_text(budget)}\n")
    print_rows([_in_words(row) for row in found], as_json=False)


def _request(precision: str, offload: str) -> "ServingRequest":
    from workers.catalog.serving import Offload, Precision, ServingRequest  # noqa: PLC0415

    try:
        return ServingRequest(Precision(precision), Offload(offload))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _variants(names: "Sequence[str]") -> "list[Variant]":
    """The models to plan: those that are named, or all that run on devices."""
    from workers import catalog  # noqa: PLC0415

    rows = [catalog.find(name) for name in names] or catalog.variants()
    return [row for row in rows if row.weights is not None]


def _budget(memory: int | None, device: str | None) -> "DeviceBudget":
    from deploy.cli.models.device_budgets import budget_of  # noqa: PLC0415
    from workers.adapters.serving.device_budget import of_card  # noqa: PLC0415

    return of_card(memory) if memory is not None else budget_of(device or "cpu")


def _host_text(budget: "DeviceBudget") -> str:
    host = budget.budget.host_bytes
    return "" if host is None else f", {host / GIGABYTE:.1f} GB of the host's"


def _over_cards(variant: "Variant", request: "ServingRequest") -> dict[str, Any]:
    """A row: how the model is served on a card of each size; "-" where it does not fit."""
    from workers.adapters.serving.device_budget import of_card  # noqa: PLC0415

    row = {"model": variant.id}
    for gigabytes in CARDS:
        row[f"{gigabytes} GB"] = _short(variant, of_card(gigabytes * GIGABYTE), request)
    return row


def _short(variant: "Variant", device: "DeviceBudget", request: "ServingRequest") -> str:
    from workers.adapters.serving.choose import DoesNotFitError  # noqa: PLC0415
    from workers.adapters.serving.memory_plan import plan_variant  # noqa: PLC0415
    from workers.settings import weights_overrides  # noqa: PLC0415

    try:
        mode = plan_variant(variant, device, request, weights_overrides()).mode
    except DoesNotFitError:
        return "-"
    waits = "" if mode.offload == "none" else f" {mode.offload.value}"
    return f"{mode.precision.value}{waits}"


def _ways(
    variant: "Variant", device: "DeviceBudget", request: "ServingRequest"
) -> list[dict[str, Any]]:
    from workers.adapters.serving.choose import RequestError  # noqa: PLC0415
    from workers.adapters.serving.memory_plan import planned_modes  # noqa: PLC0415
    from workers.settings import weights_overrides  # noqa: PLC0415

    try:
        found = planned_modes(variant, device, request, weights_overrides())
    except RequestError as error:
        raise click.ClickException(str(error)) from error
    return [
        {
            "model": variant.id,
            "precision": each.way.precision.value,
            "offload": each.way.offload.value,
            "fits": each.fits,
            "chosen": each.chosen,
            "weights_bytes": each.plan.device_bytes,
            "working_bytes": each.plan.working_bytes,
            "peak_bytes": each.plan.peak_bytes,
            "host_bytes": each.plan.host_bytes,
            "slowdown": each.plan.slowdown,
            "largest_pixels": each.way.largest_pixels(device.budget) if each.fits else 0,
        }
        for each in found
    ]


def _in_words(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table: gigabytes, and a mark at the way that is chosen."""
    megapixels = row["largest_pixels"] / 2**20
    return {
        "": "*" if row["chosen"] else "",
        "model": row["model"],
        "precision": row["precision"],
        "offload": row["offload"],
        "fits": "yes" if row["fits"] else "no",
        "device": f"{row['peak_bytes'] / GIGABYTE:.1f} GB",
        "host": f"{row['host_bytes'] / GIGABYTE:.1f} GB" if row["host_bytes"] else "",
        "time": f"x{row['slowdown']:.1f}",
        "largest picture": f"{megapixels:.1f} MP" if megapixels else "",
    }
