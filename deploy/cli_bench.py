"""`bottega bench`."""

import json
import tempfile
from pathlib import Path

import click


@click.command()
@click.option("--jobs", type=click.IntRange(5, 1000), default=50, show_default=True)
@click.option(
    "--backlog",
    type=click.IntRange(1000),
    default=100_000,
    show_default=True,
    help="Queued jobs at which the claim is measured, against 1,000.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench(jobs: int, backlog: int, *, as_json: bool) -> None:
    """Measure, on a stack of its own in a temporary folder.

    Submit to start and submit to stored when idle, the service against the bare model call, and
    what a claim costs with a short and with a long queue. Figures of one run belong together:
    compare them with each other, not with another machine's.
    """
    from deploy.bench_claim import measure_claim  # noqa: PLC0415
    from deploy.bench_latency import measure_latency  # noqa: PLC0415
    from deploy.local_stack import LocalStack  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="bottega-bench-") as folder:
        stack = LocalStack(Path(folder) / "stack")
        try:
            stack.start()
            facts = stack.facts()
            figures = measure_latency(facts["url"], facts["api_key"], jobs)
            figures |= measure_claim(facts["database_url"], (1000, backlog))
        finally:
            stack.stop()
    if as_json:
        click.echo(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        click.echo(f"{name:40} {value:.6g}")
