"""`bottega catalog plan`: the models that fit a device, and how each is served there."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deploy.cli.common import json_option, print_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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
        from deploy.local.memory_size import parse_memory  # noqa: PLC0415

        try:
            return parse_memory(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option(
    "--memory",
    type=MemorySize(),
    help="Plan for a card of this memory, such as 24GB; CUDA's own 0.6 GB are taken off.",
)
@click.option(
    "--device", help="Plan for a device of this machine, by its free memory now; auto chooses one."
)
@click.option(
    "--host-memory",
    type=MemorySize(),
    help="The memory that the host of a card has free, such as 32GB; by default it is not counted.",
)
@click.option("--variant", "names", multiple=True, help="A model to plan; repeatable.")
@click.option("--precision", default="auto", show_default=True, help="As of `bottega worker`.")
@click.option("--offload", default="auto", show_default=True, help="As of `bottega worker`.")
@json_option
def plan(
    memory: int | None,
    device: str | None,
    host_memory: int | None,
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
      bottega catalog plan --host-memory 32GB    only ways that such a host has room for
      bottega catalog plan --device cuda:0       the same for this card, as its memory is now
      bottega catalog plan --device cpu --variant florence-2-large
    A worker takes the first way that fits, which `*` marks: 16 bits before 8 before 4, and in
    each all of the model on the device before text encoders that wait in the host's memory. The
    device memory is that of a picture of the model's default size; larger ones take more, as the
    last column says. "(58)" after a way is the host's memory that it takes, in GB. Nothing is
    loaded or fetched for it.
    """  # noqa: D301 - \b is click's mark of a paragraph to leave as it is
    if memory is not None and device is not None:
        raise click.UsageError("give --memory or --device, not both")
    if host_memory is not None and device is not None:
        raise click.UsageError("--host-memory is for a card that is not here: leave --device out")
    request = _request(precision, offload)
    variants = _variants(names)
    if names and not variants and not as_json:
        return
    if memory is None and device is None:
        _print_cards(variants, request, host_memory, as_json=as_json)
        return
    budget = _budget(memory, device, host_memory, variants)
    _print_ways(variants, budget, request, as_json=as_json)


def _print_cards(
    variants: "Sequence[Variant]",
    request: "ServingRequest",
    host_memory: int | None,
    *,
    as_json: bool,
) -> None:
    """The table of cards: a row for each model."""
    from workers.adapters.serving.memory_plan import is_mixed  # noqa: PLC0415

    mixed = is_mixed(variants)
    rows = _answers(variants, lambda each: _over_cards(each, request, host_memory, mixed=mixed))
    print_rows(rows, as_json=as_json)
    if not as_json:
        _note_library(cell for row in rows for cell in row.values())


def _print_ways(
    variants: "Sequence[Variant]",
    budget: "DeviceBudget",
    request: "ServingRequest",
    *,
    as_json: bool,
) -> None:
    """The table of one device: a row for each way to serve a model there."""
    from workers.adapters.serving.memory_plan import is_mixed  # noqa: PLC0415

    mixed = is_mixed(variants)
    answers = _answers(variants, lambda each: _ways(each, budget, request, mixed=mixed))
    found = [row for rows in answers for row in rows]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    gigabytes = budget.budget.device_bytes / GIGABYTE
    click.echo(f"{gigabytes:.1f} GB of device memory for models{_host_text(budget)}\n")
    print_rows([_in_words(row) for row in found], as_json=False)
    _note_library(row["precision"] for row in found)


_Answer = TypeVar("_Answer")


def _answers(variants: "Sequence[Variant]", ask: "Callable[[Variant], _Answer]") -> list[_Answer]:
    """The answers for the models that can be planned so; standard error says why others cannot.

    Raises:
        click.ClickException: none of them can.
    """
    from workers.adapters.serving.choose import RequestError  # noqa: PLC0415
    from workers.adapters.weights import WeightsError  # noqa: PLC0415

    answers, refusals = [], []
    for variant in variants:
        try:
            answers.append(ask(variant))
        except (RequestError, WeightsError) as error:
            refusals.append(str(error))
    if refusals and not answers:
        raise click.ClickException(refusals[0])
    for refusal in refusals:
        click.echo(refusal, err=True)
    return answers


def _note_library(texts: "Iterable[str]") -> None:
    """Say on standard error what is to be installed for a precision that a table shows."""
    from deploy.cli.models.library_note import NOTE, needs_missing_library  # noqa: PLC0415
    from workers.catalog.serving import Precision  # noqa: PLC0415

    is_shown = any(text.startswith(Precision.NF4.value) for text in texts)
    if is_shown and needs_missing_library(Precision.NF4):
        click.echo(NOTE, err=True)


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
    for row in rows:
        if names and row.weights is None:
            click.echo(f"{row.id}: its vendor runs it: it needs no device", err=True)
    return [_measurable(row) for row in rows if row.weights is not None]


def _measurable(row: "Variant") -> "Variant":
    """The row, or where its own weights are not on this machine, one with those of its base."""
    from workers.catalog import STANDARD  # noqa: PLC0415
    from workers.catalog.operator_file.local_files import missing_weights  # noqa: PLC0415

    missing = missing_weights(row)
    if missing is None:
        return row
    base = STANDARD.find(row.base or row.id)
    click.echo(f"{row.id}: {missing} is not on this machine; planned as {base.id}", err=True)
    return replace(row, weights=base.weights)


def _budget(
    memory: int | None,
    device: str | None,
    host_memory: int | None,
    variants: "Sequence[Variant]",
) -> "DeviceBudget":
    from deploy.cli.models.device_budgets import budget_here  # noqa: PLC0415
    from workers.adapters.device_choice import choose_device  # noqa: PLC0415
    from workers.adapters.serving.device_budget import of_card  # noqa: PLC0415

    if memory is not None:
        return of_card(memory, host_memory)
    choice = choose_device(device or "cpu", variants)
    if choice.reason:
        click.echo(choice.reason, err=True)
    return budget_here(choice.name)


def _host_text(budget: "DeviceBudget") -> str:
    host = budget.budget.host_bytes
    if host is None:
        return "; the host's memory is not counted (--host-memory)"
    return f", {host / GIGABYTE:.1f} GB of the host's"


def _over_cards(
    variant: "Variant", request: "ServingRequest", host_memory: int | None, *, mixed: bool
) -> dict[str, Any]:
    """A row: how the model is served on a card of each size; "-" where it does not fit."""
    from workers.adapters.serving.device_budget import of_card  # noqa: PLC0415

    row = {"model": variant.id}
    for gigabytes in CARDS:
        device = of_card(gigabytes * GIGABYTE, host_memory)
        row[f"{gigabytes} GB"] = _short(variant, device, request, mixed=mixed)
    return row


def _short(
    variant: "Variant", device: "DeviceBudget", request: "ServingRequest", *, mixed: bool
) -> str:
    """The way in a few characters: number format, what waits, and the host's gigabytes for it.

    Raises:
        workers.adapters.serving.choose.RequestError: the request leaves no way.
    """
    from workers.adapters.serving.choose import DoesNotFitError, RequestError  # noqa: PLC0415
    from workers.adapters.serving.memory_plan import plan_variant  # noqa: PLC0415
    from workers.settings import weights_overrides  # noqa: PLC0415

    try:
        plan = plan_variant(variant, device, request, weights_overrides(), mixed=mixed)
    except RequestError:
        raise
    except DoesNotFitError:
        return "-"
    if plan.mode.offload == "none":
        return plan.number_format
    host = max(1, round(plan.host_bytes / GIGABYTE))
    return f"{plan.number_format} {plan.mode.offload.value} ({host})"


def _ways(
    variant: "Variant", device: "DeviceBudget", request: "ServingRequest", *, mixed: bool
) -> list[dict[str, Any]]:
    from workers.adapters.serving.memory_plan import planned_modes  # noqa: PLC0415
    from workers.settings import weights_overrides  # noqa: PLC0415

    found = planned_modes(variant, device, request, weights_overrides(), mixed=mixed)
    return [
        {
            "model": variant.id,
            "precision": each.way.number_format,
            "offload": each.way.offload.value,
            "fits": each.fits,
            "installed": each.installed,
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


def _verdict(row: dict[str, Any]) -> str:
    if not row["fits"]:
        return "no"
    return "yes" if row["installed"] else "library missing"


def _in_words(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table: gigabytes, and a mark at the way that is chosen."""
    megapixels = row["largest_pixels"] / 2**20
    return {
        "": "*" if row["chosen"] else "",
        "model": row["model"],
        "precision": row["precision"],
        "offload": row["offload"],
        "fits": _verdict(row),
        "device": f"{row['peak_bytes'] / GIGABYTE:.1f} GB",
        "host": f"{row['host_bytes'] / GIGABYTE:.1f} GB" if row["host_bytes"] else "",
        "time": f"x{row['slowdown']:.1f}",
        "largest picture": f"{megapixels:.1f} MP" if megapixels else "",
    }
