"""A contact sheet of flux.2-demo's pictures of unseen examples, beside their references.

    python -m deploy.evaluation.contact_sheet_flux2 --out sheet.png

All jobs go through the service, as for any API client. At the end it prints the share of pictures
that the pixel-based check finds right.
"""

from pathlib import Path

import click
from PIL import Image

from deploy.evaluation.image_grid import tile
from deploy.evaluation.score_flux2 import ServiceImageGenerator
from deploy.evaluation.service_client import temporary_stack_client
from workers.training.flux.adherence import check
from workers.training.scenes.reference_example import ReferenceExample, unseen_examples
from workers.training.scenes.scene import draw

_SIDE, _SMALL, _COLUMNS = 192, 94, 4
_SIZE = (_SMALL + 4 + _SIDE, _SIDE)
_KINDS = (1, 1, 1, 0)
"""The numbers of references of consecutive examples, repeated."""
_SEED = 20261129


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option(
    "--lessons",
    "count",
    type=click.IntRange(1, 200),
    default=16,
    show_default=True,
    help="Number of examples.",
)
def main(out: Path, count: int) -> None:
    """Generate pictures of unseen examples, and tile them with their references into one PNG."""
    examples = unseen_examples(_SEED, [_KINDS[n % len(_KINDS)] for n in range(count)])
    with temporary_stack_client() as client:
        generate = ServiceImageGenerator(client)
        pictures = [
            generate(example.prompt, [draw(scene, 256) for scene in example.references], seed)
            for seed, example in enumerate(examples)
        ]
    cells = [_make_cell(*pair) for pair in zip(examples, pictures, strict=True)]
    out.parent.mkdir(parents=True, exist_ok=True)
    sheet = tile(cells, [example.prompt for example in examples], _COLUMNS, _SIZE)
    sheet.save(out, optimize=True)
    right = sum(
        check(picture, example.target).right
        for picture, example in zip(pictures, examples, strict=True)
    )
    click.echo(f"{right} of {len(examples)} pictures pass the check; see {out}")


def _make_cell(example: ReferenceExample, picture: Image.Image) -> Image.Image:
    """The references, small, to the left of the generated picture."""
    cell = Image.new("RGB", _SIZE, "white")
    for n, scene in enumerate(example.references):
        cell.paste(draw(scene, 256).resize((_SMALL, _SMALL)), (0, n * (_SMALL + 4)))
    cell.paste(picture.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS), (_SMALL + 4, 0))
    return cell


if __name__ == "__main__":
    main()
