"""`bottega loras`: the LoRAs that tenants may ask for by name."""

from pathlib import Path

import click

from api.resources.lora_files import MEDIA_TYPE, NAME, LoraError, check_lora
from db.storage.keys import lora_key
from db.storage.object_store import ObjectStore
from db.storage.settings import StorageSettings, open_store
from deploy.cli.admin import as_json_option, show

FOLDER = lora_key("").removesuffix(".safetensors")


@click.group()
def loras() -> None:
    """Add, list and remove LoRAs that tenants may ask for by name.

    They lie in the store (BOTTEGA_STORE_DIR or S3_…) that the workers read from.
    """


@loras.command("add")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def add_lora(name: str, file: Path) -> None:
    """Offer FILE, a safetensors file, as NAME; what bore that name before is replaced.

    Jobs ask for it by {"loras": [{"source": "NAME", "scale": 0.8}]}. Workers that have the file
    of before on a model keep it until they are restarted.
    """
    if not NAME.fullmatch(name):
        raise click.ClickException("a name is of lower-case letters, digits, '.', '_' and '-'")
    data = file.read_bytes()
    try:
        check_lora(data)
    except LoraError as error:
        raise click.ClickException(f"{file}: {error}") from error
    _store().put(lora_key(name), data, MEDIA_TYPE)
    click.echo(f"{name} is offered")


@loras.command("list")
@as_json_option
def list_loras(*, as_json: bool) -> None:
    """Every LoRA that is offered by name."""
    found = [
        {"name": Path(info.key).stem, "bytes": info.size_bytes} for info in _store().list(FOLDER)
    ]
    show(found, as_json=as_json)


@loras.command("remove")
@click.argument("name")
def remove_lora(name: str) -> None:
    """Offer NAME no longer; jobs that ask for it already fail."""
    _store().delete(lora_key(name))
    click.echo(f"{name} is not offered any longer")


def _store() -> ObjectStore:
    return open_store(StorageSettings())
