"""`bottega demo`."""

from pathlib import Path

import click

from deploy.local.supervisor import stop_on_signals

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--prompt",
    default="a red circle on a blue background",
    show_default=True,
    help="The picture to paint.",
)
@click.option(
    "--out", type=_FOLDER, default=Path("demo-out"), show_default=True, help="Results go here."
)
@click.option(
    "--data-dir",
    type=_FOLDER,
    default=Path(".bottega/demo"),
    show_default=True,
    help="The stack keeps its data here.",
)
@click.option("--keep", is_flag=True, help="Leave the stack running until Ctrl-C.")
def demo(prompt: str, out: Path, data_dir: Path, *, keep: bool) -> None:
    """Paint a picture, analyze it, and print the bill.

    Starts a local stack. flux.1-demo paints the prompt, and florence-2-demo describes that
    picture and finds its objects. The folder --out gets the picture, the overlay and both jobs
    as JSON.
    """
    from deploy.local.demo import run_demo  # noqa: PLC0415
    from deploy.local.stack import LocalStack  # noqa: PLC0415

    stack = LocalStack(data_dir)
    with stop_on_signals() as stopping:
        try:
            click.echo("starting PostgreSQL, Redis, a worker and the API ...")
            stack.start()
            facts = stack.facts()
            run_demo(facts["url"], facts["api_key"], prompt, out)
            if keep:
                click.echo(
                    f"\nstill running at {facts['url']}, key {facts['api_key']}; Ctrl-C stops it"
                    f"\nits playground, signed in once: {stack.sign_in_link()}"
                )
                stack.watch(stopping)
        finally:
            stack.stop()
