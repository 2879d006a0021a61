"""A contact sheet of flux.1-demo's pictures of unseen captions, with florence-2-demo's labels.

    python -m deploy.evaluation.contact_sheet_flux --out sheet.png

All jobs go through the service, as for any API client. At the end it prints the share of pictures
that the pixel-based check finds right.
"""

import io
from pathlib import Path

import click
import httpx
from PIL import Image

from deploy.evaluation.image_grid import tile
from deploy.evaluation.service_client import temporary_stack_client
from deploy.local.demo import fetch, fetch_overlay, submit_and_wait
from workers.training.common.scoring_options import explicit_size, size_options
from workers.training.flux.adherence import check
from workers.training.scenes.scene import Scene, unseen_scenes

_CELL, _COLUMNS = 192, 6
_SEED = 20261123


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--scenes", type=click.IntRange(2, 200), default=18, show_default=True)
@size_options
def main(out: Path, scenes: int, width: int | None, height: int | None) -> None:
    """Generate pictures of unseen captions, label their objects, and tile them into one PNG."""
    size = explicit_size(width=width, height=height)
    unseen = unseen_scenes(_SEED, [1 + n % 2 for n in range(scenes)])
    with temporary_stack_client() as client:
        cells = [_make_cell(client, scene, seed, size) for seed, scene in enumerate(unseen)]
    out.parent.mkdir(parents=True, exist_ok=True)
    captions = [scene.caption for scene in unseen]
    pictures = [picture for picture, _ in cells]
    wide, high = pictures[0].size
    tile(pictures, captions, _COLUMNS, (_CELL, round(_CELL * high / wide))).save(out)
    right = sum(is_right for _, is_right in cells)
    click.echo(f"{right} of {len(cells)} pictures pass the check; see {out}")


def _make_cell(
    client: httpx.Client, scene: Scene, seed: int, size: dict[str, int]
) -> tuple[Image.Image, bool]:
    inputs = {"prompt": scene.caption, "seed": seed, **size}
    generated = submit_and_wait(client, "flux.1-demo", inputs)
    url = generated["output"]["images"][0]["url"]
    analysis_inputs = {"image": url, "task": "<DENSE_REGION_CAPTION>", "artifacts": ["overlay"]}
    analysis = submit_and_wait(client, "florence-2-demo", analysis_inputs)
    is_right = check(Image.open(io.BytesIO(fetch(client, url))), scene).right
    return Image.open(io.BytesIO(fetch_overlay(client, analysis))), is_right


if __name__ == "__main__":
    main()
