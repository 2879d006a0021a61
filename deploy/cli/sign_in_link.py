"""`bottega sign-in-link`: the playground of the local stack, without a key."""

from pathlib import Path

import click

from deploy.local.sign_in_links import NoStackError, sign_in_link_of


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="The data folder of the stack; by default that of `--stack`, or else .bottega.",
)
def print_sign_in_link(data_dir: Path | None) -> None:
    """Print a link that signs one browser in at the playground of the local stack.

    It works once, within 15 minutes, and opens the session of the stack's own tenant.
    """
    of_stack: Path | None = click.get_current_context().find_root().params.get("stack")
    try:
        click.echo(sign_in_link_of(data_dir or of_stack or Path(".bottega")))
    except NoStackError as error:
        raise click.ClickException(str(error)) from error
