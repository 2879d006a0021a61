"""`bottega bench`."""

import json
import tempfile
from pathlib import Path

import click


@click.command()
@click.option("--quick", is_flag=True, help="A minute instead of many: figures will scatter.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench(*, quick: bool, as_json: bool) -> None:
    """Measure, on a stack of its own in a temporary folder.

    Submit to start and submit to stored when idle, how much of the time the device waits under a
    backlog, jobs a second against plain Celery, and what a claim costs with a short and with a
    long queue. Figures of one run belong together: compare them with each other, not with
    another machine's.
    """
    from deploy.bench.plan import FULL, GOALS, QUICK, measure  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="bottega-bench-") as folder:
        figures = measure(QUICK if quick else FULL, Path(folder) / "stack")
    goals = {
        goal.figure: {"limit": goal.limit, "at_most": goal.at_most, "met": goal.met(figures)}
        for goal in GOALS
    }
    if as_json:
        click.echo(json.dumps({"figures": figures, "goals": goals}, indent=2))
        return
    for name, value in figures.items():
        click.echo(f"{name:45} {value:12.6g} {_verdict(goals.get(name))}".rstrip())


def _verdict(goal: dict[str, float] | None) -> str:
    if goal is None:
        return ""
    bound = "at most" if goal["at_most"] else "at least"
    return f"goal: {bound} {goal['limit']:g}, {'met' if goal['met'] else 'missed'}"
