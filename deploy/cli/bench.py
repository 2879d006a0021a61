"""`bottega bench`."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deploy.process.sigterm import raising_on_sigterm

if TYPE_CHECKING:
    from deploy.bench.plan import Goal

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="A minute instead of many: figures will scatter.")
@_json
@click.pass_context
def bench(context: click.Context, *, quick: bool, as_json: bool) -> None:
    """Measure, on a stack of its own in a temporary folder.

    Submit to start and submit to stored when idle, how much of the time the device waits under a
    backlog, jobs a second against plain Celery, and what a claim costs with a short and with a
    long queue. Figures of one run belong together: compare them with each other, not with
    another machine's.
    """
    if context.invoked_subcommand:
        if quick or as_json:
            raise click.UsageError(f"put options behind {context.invoked_subcommand}")
        return
    from deploy.bench.plan import FULL, GOALS, QUICK, measure  # noqa: PLC0415

    figures = _in_a_folder(lambda folder: measure(QUICK if quick else FULL, folder))
    _show(figures, _judged(GOALS, figures), as_json=as_json)


@bench.command()
@click.option("--quick", is_flag=True, help="Half a minute instead of three: figures will scatter.")
@_json
def florence(*, quick: bool, as_json: bool) -> None:
    """Measure Florence-2: what batches, kept features and the service around it bring and cost.

    On florence-2-demo, with one thread of the processor: pictures a second by batch size; four
    tasks in one job against four jobs; a picture looked at again; generation with and without
    its KV cache; and the whole service against transformers' own classes, picture by picture.
    What is compared takes turns, and every ratio above 1 is in favour of the service's way.
    """
    from deploy.bench.florence import FULL, QUICK, measure_florence  # noqa: PLC0415

    figures = _in_a_folder(lambda folder: measure_florence(QUICK if quick else FULL, folder))
    _show(figures, {}, as_json=as_json)


@bench.command()
@click.option(
    "--quick", is_flag=True, help="Half a minute instead of minutes: figures will scatter."
)
@_json
def flux(*, quick: bool, as_json: bool) -> None:
    """Measure FLUX: what batches, kept prompts and the service around it bring and cost.

    On flux.1-demo, with one thread of the processor: pictures a second by batch size; a prompt
    that was encoded before; the whole service against diffusers' own pipeline, picture by
    picture, and whether it paints the same; and how much of the time the device waits under a
    backlog. What is compared takes turns, and every ratio above 1 is in favour of the service's
    way.
    """
    from deploy.bench.flux import FULL, GOALS, QUICK, measure_flux  # noqa: PLC0415

    figures = _in_a_folder(lambda folder: measure_flux(QUICK if quick else FULL, folder))
    _show(figures, _judged(GOALS, figures), as_json=as_json)


@bench.command()
@click.option("--jobs", type=click.IntRange(1_000, 10_000_000), default=1_000_000)
@click.option(
    "--requests",
    type=click.IntRange(2, 1_000),
    default=50,
    show_default=True,
    help="Of each page, over HTTP; fewer where all of them would take more than four minutes.",
)
@_json
def reports(*, jobs: int, requests: int, as_json: bool) -> None:
    """Measure operators' figures and searches with so many --jobs stored (a million).

    At the database, statement by statement; then pages of the dashboard and answers of
    /v1/admin, over loopback from an API process of its own. A million jobs take a gigabyte and
    one or two minutes to store.
    """
    from deploy.bench.report_pages import GOALS  # noqa: PLC0415
    from deploy.bench.reports import measure_reports  # noqa: PLC0415

    figures = _in_a_folder(lambda folder: measure_reports(jobs, requests, folder))
    _show(figures, _judged(GOALS, figures), as_json=as_json)


def _judged(goals: "Sequence[Goal]", figures: dict[str, float]) -> dict[str, dict[str, Any]]:
    return {
        goal.figure: {"limit": goal.limit, "at_most": goal.at_most, "met": goal.met(figures)}
        for goal in goals
    }


def _in_a_folder(measure: Callable[[Path], dict[str, float]]) -> dict[str, float]:
    with raising_on_sigterm(), tempfile.TemporaryDirectory(prefix="bottega-bench-") as folder:
        return measure(Path(folder) / "stack")


def _show(
    figures: Mapping[str, float], goals: Mapping[str, Mapping[str, Any]], *, as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps({"figures": figures, "goals": goals}, indent=2))
        return
    for name, value in figures.items():
        click.echo(f"{name:45} {value:12.6g} {_verdict(goals.get(name))}".rstrip())


def _verdict(goal: Mapping[str, Any] | None) -> str:
    if goal is None:
        return ""
    bound = "at most" if goal["at_most"] else "at least"
    return f"goal: {bound} {goal['limit']:g}, {'met' if goal['met'] else 'missed'}"
