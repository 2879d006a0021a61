"""`bottega catalog`: the models that this installation knows, and the operator's file of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from deploy.cli.common import json_option, print_rows
from deploy.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from workers.catalog import Catalogue, Variant

# The catalogue is imported by each command: it takes most of a command's start.


class CatalogGroup(LazyGroup):
    """The group's commands; those in other modules are imported when they run."""

    modules: ClassVar[dict[str, str]] = {
        "calibrate": "deploy.cli.models.calibrate:calibrate",
        "plan": "deploy.cli.models.plan:plan",
        "test": "deploy.cli.models.trial:try_model",
    }


@click.group(cls=CatalogGroup)
def catalog() -> None:
    """List models, and check the file that changes them.

    \b
    BOTTEGA_CATALOG names a TOML file, which every process reads when it starts:
      [models."flux.1-schnell"]          # changes a built-in model
      price = { per_image = 0.004 }      # US dollars
      aliases = ["schnell"]
      precision = "nf4"                  # how it is served
    \b
      [models."flux.1-studio"]           # adds one of your own
      base = "flux.1-dev"
      title = "FLUX.1 [dev], in our style"
      weights = { folder = "/models/studio" }
      loras = [{ file = "/models/style.safetensors", scale = 0.8 }]
      defaults = { steps = 20 }
    \b
      [models."flux.1-fill-dev"]
      enabled = false
    `bottega catalog check FILE` says what a file changes, or all that is wrong with it.
    """  # noqa: D301 - \b is click's mark of a paragraph to leave as it is


@catalog.command("list")
@json_option
def list_models(*, as_json: bool) -> None:
    """List every model: price, source of its weights, how it is served, where it is from."""
    from workers.catalog import installed  # noqa: PLC0415

    known = installed()
    facts = [_facts(known, row) for row in known.variants()]
    if as_json:
        print_rows(facts, as_json=True)
        return
    texts = [{**row, "price": _price_text(row["price"]), **_in_words(row)} for row in facts]
    print_rows(texts, as_json=False)


def _facts(known: "Catalogue", row: "Variant") -> dict[str, Any]:
    return {
        "id": row.id,
        "title": row.title,
        "family": row.family.value,
        "aliases": list(row.aliases),
        "price": row.price.describe(),
        "weights": _weights(row),
        "serving": _serving(row),
        "from": _origin(known, row),
        "enabled": row.enabled,
    }


def _in_words(facts: dict[str, Any]) -> dict[str, str]:
    return {
        "aliases": ",".join(facts["aliases"]) or "-",
        "serving": " ".join(f"{name}={value}" for name, value in facts["serving"].items())
        or "auto",
        "enabled": "yes" if facts["enabled"] else "no",
    }


def _origin(known: "Catalogue", row: "Variant") -> str:
    if known.file and row.id in known.file.added:
        return "file"
    return "changed" if known.file and row.id in known.file.changed else "built-in"


def _weights(row: "Variant") -> str:
    weights = row.weights
    if weights is None:
        return "vendor"
    if weights.bundled:
        return "bundled"
    if weights.folder or not weights.repo:
        return weights.folder or weights.file
    inside = f"/{weights.file}" if weights.file else ""
    return f"{weights.repo}{inside}@{weights.revision[:12]}"


def _serving(row: "Variant") -> dict[str, str]:
    """The row's requests, without what is left to the worker."""
    asked = {
        "precision": str(row.serving.precision),
        "offload": str(row.serving.offload),
        "attention": row.serving.attention,
        "compile": str(row.serving.compile),
    }
    return {name: value for name, value in asked.items() if value != "auto"}


def _price_text(price: dict[str, int | str]) -> str:
    unit, first, more = (price.get(f"{name}_micros") for name in ("unit", "first", "more"))
    if unit is not None:
        return f"{_usd(unit)} each"
    return f"{_usd(first)} a megapixel" + ("" if first == more else f", then {_usd(more)}")


def _usd(micros: Any) -> str:
    text = f"{int(micros) / 1_000_000:.6f}".rstrip("0")
    return f"${text}{'0' * max(0, 2 - len(text.partition('.')[2]))}"


@catalog.command()
@click.argument("variant")
@click.option("--schema", is_flag=True, help="Print the JSON Schema of its input alone.")
@json_option
def show(variant: str, *, schema: bool, as_json: bool) -> None:
    """Show everything that is known of VARIANT, an id or an alias."""
    import json  # noqa: PLC0415 - beside the catalogue

    from workers.catalog import installed, json_schema  # noqa: PLC0415

    known = installed()
    row = known.find(variant)
    if schema:
        click.echo(json.dumps(json_schema(row), indent=2))
        return
    facts = _facts(known, row) | _more_facts(row)
    if as_json:
        click.echo(json.dumps(facts, indent=2, default=str))
        return
    prices = {name: _price_text(facts[name]) for name in ("price", "vendor_price") if facts[name]}
    for name, value in (facts | prices).items():
        click.echo(f"{name + ':':<18}{_text(value)}")


def _more_facts(row: "Variant") -> dict[str, Any]:
    limits: Any = getattr(row.parameters, "limits", None)
    return {
        "base": row.base or None,
        "licence": vars(row.licence),
        "parameters": {} if limits is None else vars(limits),
        "calibration": _calibration(row),
        "loras": [
            {
                "file": str(Path(lora.weights.folder or lora.weights.repo, lora.file)),
                "scale": lora.scale,
            }
            for lora in row.options.get("loras", ())
        ],
        "vendor_price": row.vendor_price.describe() if row.vendor_price else None,
        "deadline_seconds": row.deadline_seconds,
        "longest_deadline_seconds": row.longest_deadline,
        "max_batch": row.max_batch,
        "calls_at_once": row.calls_at_once,
        "idle_seconds": row.idle_seconds,
        "pinned": row.pinned,
        "weights_variable": _weights_variable(row),
        "foreign_names": _foreign_names(row),
    }


def _calibration(row: "Variant") -> dict[str, Any]:
    """The calibration of its scores: the file's, or that of bundled weights."""
    from workers.catalog.florence2.calibration import (  # noqa: PLC0415 - beside the catalogue
        as_document,
        read_calibration,
    )
    from workers.demo import weights_folder  # noqa: PLC0415 - as above

    of_row = row.options.get("calibration")
    if of_row is None and row.weights and row.weights.bundled:
        of_row = read_calibration(weights_folder(row.weights.repo))
    return as_document(of_row or {})


def _foreign_names(row: "Variant") -> dict[str, list[str]]:
    """The names by which clients of other services know it, by their API."""
    from api.compat.shared.names import NAMES  # noqa: PLC0415 - beside the catalogue

    return {
        str(surface): found
        for surface, names in NAMES.items()
        if (found := [name for name, variant_id in names.items() if variant_id == row.id])
    }


def _weights_variable(row: "Variant") -> str | None:
    from workers.catalog.variant import weights_variable  # noqa: PLC0415

    return weights_variable(row.id) if row.weights else None


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items()) or "-"
    if isinstance(value, list | tuple):
        return "; ".join(map(_text, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else str(value)


@catalog.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def check(file: Path | None) -> None:
    """Check FILE, or else the file that BOTTEGA_CATALOG names.

    Prints each model that it changes or adds, and the local weights that are not on this machine;
    of those that are, LoRAs too, the headers are read. With a fault the command ends with 1, and
    prints every fault with its line, or each broken file.
    """
    from workers.catalog.operator_file import CatalogueFileError, read_catalogue  # noqa: PLC0415
    from workers.catalog.settings import CatalogueSettings  # noqa: PLC0415

    path = file or CatalogueSettings().catalog
    if path is None:
        raise click.UsageError("name a FILE, or set BOTTEGA_CATALOG")
    try:
        known = read_catalogue(path.expanduser().absolute())
    except CatalogueFileError as error:
        raise click.ClickException("\n".join(error.sentences)) from error
    _print_changes(known)


def _print_changes(known: "Catalogue") -> None:
    from workers.catalog.operator_file.local_files import missing_files  # noqa: PLC0415

    if known.file is None:
        raise RuntimeError("a catalogue that was read has its file")
    broken = 0
    rows = [known.find(name) for name in (*known.file.changed, *known.file.added)]
    for row in rows:
        verb = "adds" if row.base else "changes" if row.enabled else "disables"
        click.echo(f"{verb} {row.id}: {row.title}, {_price_text(row.price.describe())}")
        for path in missing_files(row):
            click.echo(f"  not on this machine: {path}; a worker of it needs it")
        for fault in _broken_files(row):
            click.echo(f"  broken: {fault}; fetch or copy it again")
            broken += 1
        if row.weights and row.weights.repo and row.weights.revision == "main" and row.base:
            click.echo("  its weights follow the branch main: pin them with revision = a commit")
    if broken:
        raise click.ClickException(f"{known.file.path} names weights that are broken")
    click.echo(f"{known.file.path} is well: digest {known.digest}")


def _broken_files(row: "Variant") -> Iterator[str]:
    """The faults of a row's files on this machine, by their headers."""
    from workers.adapters.weights_headers import (  # noqa: PLC0415
        BrokenFileError,
        check_checkpoint,
        check_file,
    )
    from workers.catalog.operator_file.local_files import local_paths  # noqa: PLC0415

    for path in filter(Path.exists, local_paths(row)):
        try:
            check_checkpoint(path) if path.is_dir() else check_file(path)
        except (BrokenFileError, OSError) as error:
            yield str(error)
