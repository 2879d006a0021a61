"""Calibrates the scores of the demo Florence-2 on drawn scenes, or measures their calibration.

python -m workers.training.calibrate_florence2 --scenes 250 --seed 20270301 --out calibration.json
python -m workers.training.calibrate_florence2 --scenes 500 --seed 20270401 --check plain
python -m workers.training.calibrate_florence2 --scenes 500 --seed 20270401 --check present
"""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import click
import torch

from workers.adapters.weights import override_variable
from workers.catalog import find
from workers.catalog.florence2.calibration import Calibration, as_document
from workers.catalog.florence2.tasks import BY_TOKEN
from workers.training.calibration.cases import Case
from workers.training.calibration.fitting import fit_tasks
from workers.training.calibration.observations import Observation, Observer, load_adapter
from workers.training.calibration.report import CalibrationReport
from workers.training.calibration.scene_cases import absent_cases, plain_cases, worn_cases
from workers.training.common.scoring_options import scoring_options

VARIANT = "florence-2-demo"

KINDS = ("plain", "worn", "present")

SCENES_TO_ABSENT = 3
"""Scenes asked about for each whose questions name what is absent: these are a quarter."""


@click.command()
@click.option("--scenes", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--seed", type=int, default=20270401, show_default=True, help="Seed of the scenes.")
@click.option("--check", type=click.Choice(KINDS), help="Measure the shipped calibration instead.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the fit here.")
@scoring_options
def main(
    scenes: int,
    seed: int,
    out: Path | None,
    weights: Path | None,
    device: str,
    threads: int,
    *,
    check: str | None,
) -> None:
    """Ask a question of each task with instances about each scene, and compare scores with truth.

    A fit takes so many plain scenes, and as many worn ones: coarse, pale and noisy, so that there
    are wrong answers to learn from. A quarter of the questions that look for a text name
    what is absent. With --check it measures on such a mix of plain or of worn
    scenes, or on plain ones with questions about what is present alone.
    """
    torch.set_num_threads(threads)
    variant = find(VARIANT)
    overrides = {override_variable(VARIANT): str(weights)} if weights else {}
    adapter = load_adapter(variant, device, overrides)
    observer = Observer(adapter, variant)
    if check:
        _print(list(observer.observe(_held(check, seed, scenes))), adapter.calibration)
        return
    fitted = chain(
        worn_cases(seed, scenes),
        plain_cases(seed + 1, scenes),
        absent_cases(seed + 2, 2 * scenes // SCENES_TO_ABSENT),
    )
    observations = list(observer.observe(fitted))
    calibration, reasons = fit_tasks(observations)
    for task, reason in reasons.items():
        click.echo(f"not calibrated: {BY_TOKEN[task].name}: {reason}", err=True)
    _print(observations, calibration)
    if out is not None:
        out.write_text(json.dumps(as_document(calibration), indent=2) + "\n")


def _held(kind: str, seed: int, scenes: int) -> Iterable[Case]:
    cases = worn_cases(seed, scenes) if kind == "worn" else plain_cases(seed, scenes)
    if kind == "present":
        return cases
    return chain(cases, absent_cases(seed + 2, max(scenes // SCENES_TO_ABSENT, 1)))


def _print(observations: list[Observation], calibration: Calibration) -> None:
    click.echo("\n".join(CalibrationReport(observations, calibration).lines()))


if __name__ == "__main__":
    main()
