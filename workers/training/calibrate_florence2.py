"""Calibrates the scores of the demo Florence-2 on drawn scenes, or measures their calibration.

python -m workers.training.calibrate_florence2 --scenes 250 --seed 20270301 --out calibration.json
python -m workers.training.calibrate_florence2 --scenes 500 --seed 20270401 --check
"""

import json
from itertools import chain
from pathlib import Path

import click
import torch

from workers.adapters.weights import override_variable
from workers.catalog import find
from workers.catalog.florence2.calibration import Calibration, as_document
from workers.catalog.florence2.tasks import BY_TOKEN
from workers.training.calibration.fitting import fit_tasks
from workers.training.calibration.observations import Observation, Observer, load_adapter
from workers.training.calibration.report import CalibrationReport
from workers.training.calibration.scene_cases import plain_cases, worn_cases
from workers.training.common.scoring_options import scoring_options

VARIANT = "florence-2-demo"


@click.command()
@click.option("--scenes", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--seed", type=int, default=20270401, show_default=True, help="Seed of the scenes.")
@click.option("--check", is_flag=True, help="Measure the calibration that the weights have.")
@click.option("--worn", is_flag=True, help="With --check: of worn scenes.")
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
    check: bool,
    worn: bool,
) -> None:
    """Ask a question of each task with instances about each scene, and compare scores with truth.

    A fit takes so many plain scenes, and as many worn ones: coarse, pale and noisy, so that there
    are wrong answers to learn from. With --check it measures on scenes of one kind.
    """
    torch.set_num_threads(threads)
    variant = find(VARIANT)
    overrides = {override_variable(VARIANT): str(weights)} if weights else {}
    adapter = load_adapter(variant, device, overrides)
    observer = Observer(adapter, variant)
    if check:
        cases = worn_cases(seed, scenes) if worn else plain_cases(seed, scenes)
        _print(list(observer.observe(cases)), adapter.calibration)
        return
    cases = chain(worn_cases(seed, scenes), plain_cases(seed + 1, scenes))
    observations = list(observer.observe(cases))
    calibration, reasons = fit_tasks(observations)
    for task, reason in reasons.items():
        click.echo(f"not calibrated: {BY_TOKEN[task].name}: {reason}", err=True)
    _print(observations, calibration)
    if out is not None:
        out.write_text(json.dumps(as_document(calibration), indent=2) + "\n")


def _print(observations: list[Observation], calibration: Calibration) -> None:
    click.echo("\n".join(CalibrationReport(observations, calibration).lines()))


if __name__ == "__main__":
    main()
