"""`bottega catalog calibrate`: fits a Florence-2's scores to pictures with known answers."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deploy.cli.models.trial import pin

if TYPE_CHECKING:
    from workers.adapters.florence2.adapter import Florence2Adapter
    from workers.catalog import Variant
    from workers.catalog.florence2.calibration import Calibration
    from workers.training.calibration.cases import Case
    from workers.training.calibration.observations import Observation

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--variant", "name", required=True, help="The Florence-2 model to calibrate.")
@click.option("--annotations", type=_FILE, required=True, help="A COCO file of your own pictures.")
@click.option("--pictures", type=_FOLDER, help="Their folder; that of the file by default.")
@click.option("--check", is_flag=True, help="Fit nothing: measure the calibration that is there.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the coefficients into a file: calibration.json, to lie beside local weights.",
)
@click.option("--device", default="auto", show_default=True, help="As of `bottega worker`.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def calibrate(
    name: str,
    annotations: Path,
    pictures: Path | None,
    out: Path | None,
    device: str,
    *,
    check: bool,
    as_json: bool,
) -> None:
    """Fit what a model's scores mean to pictures whose right answers are known.

    \b
      bottega catalog calibrate --variant florence-2-large --annotations instances.json
    It asks the model about each picture on this machine, without a database or a queue, and
    compares its answers with the annotations: names, boxes and, where there are any, outlines. Of
    five pictures four are fitted, and one is measured: the tables tell how far the scores were from
    the share that is right, before and after, by task. The last lines are a table for the catalogue
    file. Use some hundred pictures of the kind that your clients send: a score then is the share of
    such answers that agree with your annotations. Stop the worker of that device before.
    """  # noqa: D301 - \b is click's mark of a paragraph to leave as it is
    from workers import catalog  # noqa: PLC0415
    from workers.catalog import Family  # noqa: PLC0415

    variant = catalog.find(name)
    if variant.family is not Family.FLORENCE2:
        raise click.UsageError(f"{name} answers without scores: name a Florence-2")
    cases = _cases(annotations, pictures or annotations.parent)
    adapter = _load(variant, pin(device, variant))
    observations = _observe(adapter, variant, cases)
    if check:
        _print_report(observations, adapter.calibration, as_json=as_json)
        return
    held, calibration = _fit(observations)
    _print_report(held, calibration, as_json=as_json)
    _write_calibration(variant, calibration, out, as_json=as_json)


def _cases(annotations: Path, pictures: Path) -> Iterator["Case"]:
    from workers.training.calibration.coco_cases import (  # noqa: PLC0415
        CocoFileError,
        coco_cases,
        read_coco,
    )

    try:
        yield from coco_cases(read_coco(annotations), pictures)
    except CocoFileError as error:
        raise click.ClickException(str(error)) from error


def _load(variant: "Variant", device: str) -> "Florence2Adapter":
    from workers.adapters.weights import WeightsError  # noqa: PLC0415
    from workers.settings import weights_overrides  # noqa: PLC0415
    from workers.training.calibration.observations import load_adapter  # noqa: PLC0415

    try:
        return load_adapter(variant, device, weights_overrides())
    except WeightsError as error:
        raise click.ClickException(str(error)) from error


def _observe(
    adapter: "Florence2Adapter", variant: "Variant", cases: Iterable["Case"]
) -> list["Observation"]:
    from workers.training.calibration.observations import Observer  # noqa: PLC0415

    found = list(Observer(adapter, variant).observe(cases))
    if not found:
        raise click.ClickException("the model found nothing that the annotations could judge")
    return found


def _fit(observations: list["Observation"]) -> tuple[list["Observation"], "Calibration"]:
    """The observations that are held, and the calibration by the others."""
    from workers.catalog.florence2.tasks import BY_TOKEN  # noqa: PLC0415
    from workers.training.calibration.fitting import fit_tasks, is_held  # noqa: PLC0415

    held = [each for each in observations if is_held(each)]
    calibration, reasons = fit_tasks(each for each in observations if not is_held(each))
    for task, reason in reasons.items():
        click.echo(f"not calibrated: {BY_TOKEN[task].name}: {reason}", err=True)
    if not calibration:
        raise click.ClickException("no task can be calibrated: use more pictures")
    return held, calibration


def _print_report(
    observations: list["Observation"], calibration: "Calibration", *, as_json: bool
) -> None:
    from workers.training.calibration.report import CalibrationReport  # noqa: PLC0415

    report = CalibrationReport(observations, calibration)
    click.echo(json.dumps(report.as_json(), indent=2) if as_json else "\n".join(report.lines()))


def _write_calibration(
    variant: "Variant", calibration: "Calibration", out: Path | None, *, as_json: bool
) -> None:
    from workers.catalog.florence2.calibration import as_document  # noqa: PLC0415

    document = as_document(calibration)
    if out is not None:
        out.write_text(json.dumps(document, indent=2) + "\n")
        click.echo(f"wrote {out}", err=True)
    if as_json:
        return
    click.echo(f'\n[models."{variant.id}".calibration]')
    for task, numbers in document.items():
        values = ", ".join(f"{name} = {value}" for name, value in numbers.items())
        click.echo(f"{task} = {{ {values} }}")
