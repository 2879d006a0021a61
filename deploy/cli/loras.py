"""`bottega loras`: the LoRA files that tenants use by name."""

from pathlib import Path

import click

from api.resources.lora_files import NAME, LoraError, check_lora
from db.operators import loras as operator_loras
from db.storage.keys import lora_key
from db.storage.object_store import ObjectStore
from db.storage.settings import StorageSettings, open_store
from deploy.cli.common import actor, json_option, print_rows, transaction

FOLDER = lora_key("").removesuffix(".safetensors")


@click.group()
def loras() -> None:
    """Add, list and remove LoRA files that tenants use by name.

    The files are in the object store (BOTTEGA_STORE_DIR or S3_…) that the workers read from; the
    audit log in the database (DATABASE_URL) has an entry for each change.
    """


@loras.command("add")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def add_lora(name: str, file: Path) -> None:
    """Offer FILE, a safetensors file, as NAME. It replaces an earlier file of that name.

    Jobs use it with {"loras": [{"source": "NAME", "scale": 0.8}]}. A worker that has loaded the
    earlier file uses that one until it is restarted.
    """
    if not NAME.fullmatch(name):
        raise click.ClickException("use lower-case letters, digits, '.', '_' and '-' for the name")
    try:
        with file.open("rb") as opened:
            check_lora(opened)
    except LoraError as error:
        raise click.ClickException(f"{file}: {error}") from error
    with transaction() as session:
        operator_loras.offer(session, _store(), actor(), name, file)
    click.echo(f"{name} is offered")


@loras.command("list")
@json_option
def list_loras(*, as_json: bool) -> None:
    """List the LoRA files that are offered, with their sizes."""
    found = [
        {"name": Path(info.key).stem, "bytes": info.size_bytes} for info in _store().list(FOLDER)
    ]
    print_rows(found, as_json=as_json)


@loras.command("remove")
@click.argument("name")
def remove_lora(name: str) -> None:
    """Remove NAME. Jobs that are queued with it fail."""
    with transaction() as session:
        if not operator_loras.withdraw(session, _store(), actor(), name):
            raise click.ClickException(f"there is no LoRA {name}; `bottega loras list` lists them")
    click.echo(f"{name} is no longer offered")


def _store() -> ObjectStore:
    return open_store(StorageSettings())
