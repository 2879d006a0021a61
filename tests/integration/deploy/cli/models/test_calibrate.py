"""`bottega catalog calibrate`: a COCO file of drawn scenes, through the demo model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from deploy.cli.errors import Group
from deploy.cli.main import main
from deploy.cli.models import calibrate
from tests.support.commands import subcommands
from workers.adapters.weights import override_variable
from workers.catalog.florence2.calibration import FILE, read_calibration
from workers.catalog.operator_file.reading import catalogue_of
from workers.demo import weights_folder
from workers.training.calibration import fitting
from workers.training.calibration.scene_cases import worn
from workers.training.scenes.canvas import Canvas, sample_canvas
from workers.training.scenes.palette import SHAPES, seeded_random

DEMO = "florence-2-demo"
PICTURES = 12


def write_scenes(folder: Path, count: int) -> Path:
    """A COCO file of drawn shapes, with its pictures beside it."""
    rng = seeded_random(7)
    canvases = [worn(sample_canvas(rng, shapes=3, text=""), rng) for _ in range(count)]
    for number, canvas in enumerate(canvases):
        canvas.image.save(folder / f"{number}.png")
    file = {
        "images": [{"id": n, "file_name": f"{n}.png"} for n in range(count)],
        "annotations": [each for n, canvas in enumerate(canvases) for each in _shapes(n, canvas)],
        "categories": [{"id": n, "name": shape} for n, shape in enumerate(SHAPES)],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(file))
    return path


def _shapes(number: int, canvas: Canvas) -> list[dict[str, Any]]:
    return [
        {
            "image_id": number,
            "category_id": SHAPES.index(item.shape),
            "bbox": [
                *item.box[:2],
                item.box[2] - item.box[0],
                item.box[3] - item.box[1],
            ],
            "segmentation": [[edge for point in item.outline for edge in point]],
        }
        for item in canvas.items
    ]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"), PICTURES)


@pytest.fixture
def scenes(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(calibrate, "pin", lambda *_arguments: "cpu")
    monkeypatch.setattr(fitting, "LEAST", 10)
    monkeypatch.setattr(fitting, "LEAST_OF_EACH", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield drawn
    torch.set_num_threads(before)


def run(annotations: Path, *more: str) -> Result:
    arguments = ("--variant", DEMO, "--annotations", str(annotations), *more)
    # Without the callback of `main`, which would change this process's logs and umask.
    group = Group("bottega", commands=subcommands(main))
    return CliRunner().invoke(group, ["catalog", "calibrate", *arguments])


def test_a_calibration_is_measured_written_and_used(scenes: Path, tmp_path: Path) -> None:
    out = tmp_path / FILE
    done = run(scenes, "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "| object_detection |" in done.stdout
    table = done.stdout[done.stdout.index("[models") :]
    row = catalogue_of(Path("/etc/models.toml"), table).find(DEMO)
    assert row.options["calibration"] == read_calibration(tmp_path)
    assert "<OD>" in read_calibration(tmp_path)


def test_the_calibration_that_is_there_is_measured(scenes: Path) -> None:
    figures = json.loads(run(scenes, "--check", "--json").stdout)
    assert figures["object_detection"]["instances"] > PICTURES
    errors = [figures["all"][name]["calibration_error"] for name in ("calibrated", "raw")]
    assert errors[0] < errors[1]


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("flux.1-demo", {}, "flux.1-demo answers without scores"),
        (DEMO, {"images": [{"id": 0, "file_name": "none.png"}]}, "none.png: No such file"),
        (DEMO, {"images": 7}, "changed.json: images"),
        (DEMO, {"images": []}, "found nothing"),
    ],
)
def test_what_cannot_be_calibrated_is_a_sentence(
    scenes: Path, name: str, changes: dict[str, Any], told: str
) -> None:
    changed = scenes.with_name("changed.json")
    changed.write_text(json.dumps({**json.loads(scenes.read_text()), **changes}))
    done = run(changed, "--variant", name)
    assert done.exit_code != 0
    assert told in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("content", ["", "[]", '{"object_detection": {"bais": 1}}'])
def test_a_broken_calibration_beside_weights_is_told_with_its_remedy(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    for file in weights_folder(DEMO).iterdir():
        if file.name != FILE:
            (weights / file.name).symlink_to(file)
    (weights / FILE).write_text(content)
    monkeypatch.setenv(override_variable(DEMO), str(weights))
    done = run(scenes, "--check")
    assert done.exit_code == 1
    assert f"{weights / FILE}: " in done.output
    assert "bottega catalog calibrate --variant florence-2-demo" in done.output
