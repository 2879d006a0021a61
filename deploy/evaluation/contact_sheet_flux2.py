"""A contact sheet of flux.2-demo: unseen lessons, what they refer to, and what is painted of it.

    python -m deploy.evaluation.contact_sheet_flux2 --out sheet.png

Everything goes through the service, as for any client; what is printed at the end is the
programmatic checker's verdict.
"""

from pathlib import Path

import click
from PIL import Image

from deploy.evaluation.score_flux2 import ServicePainter
from deploy.evaluation.stack import client_of_new_stack
from deploy.evaluation.tiles import tile
from workers.training.flux.adherence import check
from workers.training.scenes.lesson import Lesson, unseen_lessons
from workers.training.scenes.scene import draw

_SIDE, _SMALL, _COLUMNS = 192, 94, 4
_SIZE = (_SMALL + 4 + _SIDE, _SIDE)
_KINDS = (1, 1, 1, 0)
"""Pictures referred to, kind after kind."""
_SEED = 20261129


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--lessons", type=click.IntRange(1, 200), default=16, show_default=True)
def main(out: Path, lessons: int) -> None:
    """Paint unseen lessons, put what they refer to beside each picture, tile all into one PNG."""
    chosen = unseen_lessons(_SEED, [_KINDS[n % len(_KINDS)] for n in range(lessons)])
    with client_of_new_stack() as client:
        paint = ServicePainter(client)
        painted = [
            paint(lesson.prompt, [draw(scene, 256) for scene in lesson.references], seed)
            for seed, lesson in enumerate(chosen)
        ]
    cells = [_beside(*pair) for pair in zip(chosen, painted, strict=True)]
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet = tile(cells, [lesson.prompt for lesson in chosen], _COLUMNS, _SIZE)
    sheet.save(out, optimize=True)
    right = sum(
        check(picture, lesson.wanted).right for picture, lesson in zip(painted, chosen, strict=True)
    )
    click.echo(f"{right} of {len(chosen)} pictures are right by the checker; see {out}")


def _beside(lesson: Lesson, painted: Image.Image) -> Image.Image:
    """What is referred to, small, to the left of what was painted."""
    cell = Image.new("RGB", _SIZE, "white")
    for n, scene in enumerate(lesson.references):
        cell.paste(draw(scene, 256).resize((_SMALL, _SMALL)), (0, n * (_SMALL + 4)))
    cell.paste(painted.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), (_SMALL + 4, 0))
    return cell


if __name__ == "__main__":
    main()
