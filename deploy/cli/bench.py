"""`bottega bench`."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deploy.cli.common import json_option
from deploy.process.sigterm import raising_on_sigterm

if TYPE_CHECKING:
    from deploy.bench.plan import Goal


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="One minute, not many: the figures vary more.")
@json_option
@click.pass_context
def bench(context: click.Context, *, quick: bool, as_json: bool) -> None:
    """Measure the service, on a stack of its own in a temporary folder.

    It measures the seconds from submission to start and to the stored result when idle, the
    share of time in which the device waits under a backlog, jobs a second against plain Celery,
    and the cost of a claim with a short and with a long queue. Compare figures of one run with
    each other, not with those of another machine.
    """
    if context.invoked_subcommand:
        if quick or as_json:
            raise click.UsageError(f"put the options after {context.invoked_subcommand}")
        return
    from deploy.bench.plan import FULL, GOALS, QUICK, measure  # noqa: PLC0415

    figures = _in_temporary_folder(lambda folder: measure(QUICK if quick else FULL, folder))
    _print_figures(figures, _check_goals(GOALS, figures), as_json=as_json)


@bench.command()
@click.option("--quick", is_flag=True, help="Half a minute, not three: the figures vary more.")
@json_option
def florence(*, quick: bool, as_json: bool) -> None:
    """Measure Florence-2: the gain of batches and caches, and the cost of the service around it.

    With florence-2-demo on one CPU thread: pictures a second by batch size; four tasks in one
    job against four jobs; a picture that was analyzed before; generation with and without its KV
    cache; and the whole service against transformers' own classes, picture by picture. The two
    sides of a comparison run alternately. A ratio above 1 is in favor of the service.
    """
    from deploy.bench.florence import FULL, QUICK, measure_florence  # noqa: PLC0415

    figures = _in_temporary_folder(
        lambda folder: measure_florence(QUICK if quick else FULL, folder)
    )
    _print_figures(figures, {}, as_json=as_json)


@bench.command()
@click.option("--quick", is_flag=True, help="Half a minute, not minutes: the figures vary more.")
@json_option
def flux(*, quick: bool, as_json: bool) -> None:
    """Measure FLUX: the gain of batches and caches, and the cost of the service around it.

    With flux.1-demo on one CPU thread: pictures a second by batch size; a prompt that was encoded
    before; the whole service against diffusers' own pipeline, picture by picture, with a check
    that both paint the same; and the share of time in which the device waits under a backlog.
    The two sides of a comparison run alternately. A ratio above 1 is in favor of the service.
    """
    from deploy.bench.flux import FULL, GOALS, QUICK, measure_flux  # noqa: PLC0415

    figures = _in_temporary_folder(lambda folder: measure_flux(QUICK if quick else FULL, folder))
    _print_figures(figures, _check_goals(GOALS, figures), as_json=as_json)


@bench.command()
@click.option(
    "--jobs",
    type=click.IntRange(1_000, 10_000_000),
    default=1_000_000,
    show_default=True,
    help="Number of jobs to store first.",
)
@click.option(
    "--requests",
    type=click.IntRange(2, 1_000),
    default=50,
    show_default=True,
    help="HTTP requests for each page; fewer if all of them would take more than four minutes.",
)
@json_option
def reports(*, jobs: int, requests: int, as_json: bool) -> None:
    """Measure operators' reports and searches with many jobs stored (--jobs, a million).

    First the SQL statements alone; then pages of the dashboard and responses of /v1/admin, over
    loopback from an API process of its own. A million jobs take a gigabyte and one or two
    minutes to store.
    """
    from deploy.bench.operators.report_pages import GOALS  # noqa: PLC0415
    from deploy.bench.operators.reports import measure_reports  # noqa: PLC0415

    figures = _in_temporary_folder(lambda folder: measure_reports(jobs, requests, folder))
    _print_figures(figures, _check_goals(GOALS, figures), as_json=as_json)


@bench.command()
@click.option("--full", is_flag=True, help="40 tenants with 50 each; 4 with 10 by default.")
@click.option("--tenants", type=click.IntRange(1, 1_000), help="Number of tenants.")
@click.option("--each", type=click.IntRange(1, 5_000), help="Streams, then long polls, of each.")
@json_option
def waiters(*, full: bool, tenants: int | None, each: int | None, as_json: bool) -> None:
    """Measure event streams and long polls: the time until all know of their job's end.

    Each tenant's clients wait for one job, on one API process; the jobs of all tenants end within
    a moment. Meanwhile another tenant's calls are timed. The clients are a process of their own on
    the same machine, so figures are upper bounds. The machine must allow a process as many open
    files as there are clients.
    """
    from deploy.bench.waiters import (  # noqa: PLC0415
        FULL,
        GOALS,
        QUICK,
        WaitersPlan,
        measure_waiters,
    )

    chosen = FULL if full else QUICK
    plan = WaitersPlan(tenants or chosen.tenants, each or chosen.each)
    figures = _in_temporary_folder(lambda folder: measure_waiters(plan, folder))
    _print_figures(figures, _check_goals(GOALS, figures), as_json=as_json)


@bench.command()
@click.option("--quick", is_flag=True, help="Half a minute, not minutes: the figures vary more.")
@json_option
def surfaces(*, quick: bool, as_json: bool) -> None:
    """Measure the compatible APIs: jobs a second through each, against the service's own.

    With models that do nothing, so that all of the time is the service's. Replicate, fal's queue
    and the API of FLUX's vendor are compared with a submission; fal's run, which answers a URL,
    with a submission that waits for its result; OpenAI and Hugging Face, which answer the picture,
    with one that waits and downloads it. All take turns. A ratio of 1 is no overhead.
    """
    from deploy.bench.surfaces import FULL, GOALS, QUICK, measure_surfaces  # noqa: PLC0415

    figures = _in_temporary_folder(
        lambda folder: measure_surfaces(QUICK if quick else FULL, folder)
    )
    _print_figures(figures, _check_goals(GOALS, figures), as_json=as_json)


def _check_goals(goals: "Sequence[Goal]", figures: dict[str, float]) -> dict[str, dict[str, Any]]:
    return {
        goal.figure: {"limit": goal.limit, "at_most": goal.at_most, "met": goal.met(figures)}
        for goal in goals
    }


def _in_temporary_folder(measure: Callable[[Path], dict[str, float]]) -> dict[str, float]:
    with raising_on_sigterm(), tempfile.TemporaryDirectory(prefix="bottega-bench-") as folder:
        return measure(Path(folder) / "stack")


def _print_figures(
    figures: Mapping[str, float], goals: Mapping[str, Mapping[str, Any]], *, as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps({"figures": figures, "goals": goals}, indent=2))
        return
    for name, value in figures.items():
        click.echo(f"{name:45} {value:12.6g} {_goal_text(goals.get(name))}".rstrip())


def _goal_text(goal: Mapping[str, Any] | None) -> str:
    if goal is None:
        return ""
    bound = "at most" if goal["at_most"] else "at least"
    return f"goal: {bound} {goal['limit']:g}, {'met' if goal['met'] else 'missed'}"
