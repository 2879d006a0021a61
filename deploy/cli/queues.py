"""`bottega queues`: list, pause and resume the queues of jobs, one a model."""

import click

from db.jobs import queues as queue_rows
from db.reports import usage
from deploy.cli.common import actor, errors_about, json_option, print_rows, transaction


@click.group()
def queues() -> None:
    """List, pause and resume queues. Each model has one queue, of the model's name."""


@queues.command("list")
@json_option
def list_queues(*, as_json: bool) -> None:
    """List the queues that have jobs or are paused, with their present depth."""
    with transaction() as session:
        paused = queue_rows.paused_variants(session)
        depths = {row.variant: row for row in usage.queue_depths(session)}
    rows = [
        {
            "model": name,
            "state": "paused" if name in paused else "open",
            "queued": depths[name].queued if name in depths else 0,
            "running": depths[name].running if name in depths else 0,
            "oldest_seconds": round(depths[name].oldest_age_seconds, 1) if name in depths else "",
        }
        for name in sorted({*paused, *depths})
    ]
    print_rows(rows, as_json=as_json)


@queues.command("pause")
@click.argument("model")
def pause_queue(model: str) -> None:
    """Start no more jobs of MODEL. Running jobs finish, and new jobs are still accepted."""
    from api.operators import switches  # noqa: PLC0415
    from deploy.cli.services import open_catalogue  # noqa: PLC0415

    with open_catalogue() as services, errors_about(model):
        model = services.catalogue.find(model).id  # its error suggests a name that is close
        changed = switches.pause_queue(services, actor(), model)
    _print_state(model, "paused", changed=changed)


@queues.command("resume")
@click.argument("model")
def resume_queue(model: str) -> None:
    """Start jobs of MODEL again; its workers are notified at once."""
    from api.operators import switches  # noqa: PLC0415
    from deploy.cli.services import open_services  # noqa: PLC0415

    with open_services() as services, errors_about(model):
        model = services.catalogue.find(model).id  # its error suggests a name that is close
        changed = switches.resume_queue(services, actor(), model)
    _print_state(model, "open", changed=changed)


def _print_state(model: str, state: str, *, changed: bool) -> None:
    click.echo(f"{model} is {state}" + ("" if changed else ", as it was"))
