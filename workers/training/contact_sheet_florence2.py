"""A contact sheet of unseen canvases with the demo Florence-2's answers drawn on them.

python -m workers.training.contact_sheet_florence2 --out workers/demo/pictures/florence-2-demo.png
"""

import textwrap
from pathlib import Path
from typing import Any

import click
from PIL import Image, ImageDraw

from workers.training.florence2.metrics import Predictor, scored_canvases
from workers.training.scenes.canvas import TEXT
from workers.training.scenes.palette import seeded_random
from workers.training.scenes.scene import unseen_scenes
from workers.training.scenes.scene_canvas import render_canvas
from workers.training.score_florence2 import load_predictor

CELL, LINES, GAP, COLUMNS = 288, 64, 12, 4
SCENES = 3
"""The number of pictures that are scenes of the demo FLUX."""
MASK, FRAME, TAG = (255, 0, 255, 110), (255, 0, 255), (255, 255, 255)
LINE_HEIGHT, LINE_LENGTH, TAG_SIZE = 14, 44, 13


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--scenes", type=click.IntRange(min=1), default=12, show_default=True)
@click.option("--seed", type=int, default=31, show_default=True)
@click.option(
    "--weights",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Use these weights instead of the shipped ones.",
)
def main(out: Path, scenes: int, seed: int, weights: Path | None) -> None:
    """Draw the predicted boxes, labels, masks and captions, not the targets; write one PNG."""
    flux_scenes = [
        render_canvas(scene, seeded_random(seed)).image
        for scene in unseen_scenes(seed, [2, 1, 3][:SCENES])
    ]
    drawn = [canvas.image for canvas in scored_canvases(seed, max(0, scenes - SCENES))]
    predict = load_predictor(weights)
    _tile([_draw_cell(picture, predict) for picture in (drawn + flux_scenes)[:scenes]]).save(
        out, optimize=True
    )
    click.echo(f"{scenes} pictures in {out}")


def _draw_cell(picture: Image.Image, predict: Predictor) -> Image.Image:
    """A picture with the answers drawn on it, and its caption and text below."""
    found = predict(picture, "<DENSE_REGION_CAPTION>", "", None)["<DENSE_REGION_CAPTION>"]
    cell = Image.new("RGB", (CELL, CELL + LINES), "white")
    scale = CELL / max(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    shown = picture.resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(shown, "RGBA")
    for label in found["labels"]:
        if not label.endswith(TEXT):
            _mask(pen, _polygons(picture, predict, label), scale)
    for label, box in zip(found["labels"], found["bboxes"], strict=True):
        _frame(pen, label, [edge * scale for edge in box])
    cell.paste(shown)
    _write(ImageDraw.Draw(cell), _caption_lines(picture, predict), size[1])
    return cell


def _polygons(picture: Image.Image, predict: Predictor, label: str) -> list[list[float]]:
    task = "<REFERRING_EXPRESSION_SEGMENTATION>"
    instances = predict(picture, task, f"the {label}", None)[task]["polygons"]
    return [polygon for instance in instances for polygon in instance]


def _mask(pen: ImageDraw.ImageDraw, polygons: list[list[float]], scale: float) -> None:
    for polygon in polygons:
        pen.polygon([length * scale for length in polygon], fill=MASK)


def _frame(pen: ImageDraw.ImageDraw, label: str, box: list[float]) -> None:
    pen.rectangle(box, outline=FRAME, width=2)
    corner = (box[0], max(0.0, box[1] - TAG_SIZE - 4))
    pen.rectangle(pen.textbbox(corner, label, font_size=TAG_SIZE), fill=FRAME)
    pen.text(corner, label, fill=TAG, font_size=TAG_SIZE)


def _caption_lines(picture: Image.Image, predict: Predictor) -> list[str]:
    def answer(task: str) -> Any:
        return predict(picture, task, "", None)[task]

    read = answer("<OCR>")
    return textwrap.wrap(answer("<CAPTION>"), LINE_LENGTH) + ([f"reads: {read}"] if read else [])


def _write(pen: ImageDraw.ImageDraw, lines: list[str], top: float) -> None:
    for number, line in enumerate(lines):
        pen.text((0, top + 4 + number * LINE_HEIGHT), line, fill="black", font_size=12)


def _tile(cells: list[Image.Image]) -> Image.Image:
    rows = -(-len(cells) // COLUMNS)
    wide, high = CELL + GAP, CELL + LINES + GAP
    sheet = Image.new("RGB", (COLUMNS * wide + GAP, rows * high + GAP), "white")
    for n, cell in enumerate(cells):
        sheet.paste(cell, (n % COLUMNS * wide + GAP, n // COLUMNS * high + GAP))
    return sheet


if __name__ == "__main__":
    main()
