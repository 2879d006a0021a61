"""A contact sheet: unseen captions painted by one demo model and looked at by the other.

    python -m deploy.evaluation.contact_sheet --out sheet.png

Everything goes through the service, as for any client; the figures printed at the end are the
programmatic checker's.
"""

import io
from pathlib import Path

import click
import httpx
from PIL import Image

from deploy.evaluation.stack import client_of_new_stack
from deploy.evaluation.tiles import tile
from deploy.local.demo import fetch, fetch_overlay, submit_and_wait
from workers.training.flux.adherence import check
from workers.training.scenes.scene import Scene, unseen_scenes
from workers.training.score_command import only_given, size_options

_CELL, _COLUMNS = 192, 6
_SEED = 20261123


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--scenes", type=click.IntRange(2, 200), default=18, show_default=True)
@size_options
def main(out: Path, scenes: int, width: int | None, height: int | None) -> None:
    """Paint unseen captions, look at each picture, and tile both into one PNG."""
    size = only_given(width=width, height=height)
    chosen = unseen_scenes(_SEED, [1 + n % 2 for n in range(scenes)])
    with client_of_new_stack() as client:
        cells = [_make_cell(client, scene, seed, size) for seed, scene in enumerate(chosen)]
    out.parent.mkdir(parents=True, exist_ok=True)
    captions = [scene.caption for scene in chosen]
    pictures = [picture for picture, _ in cells]
    wide, high = pictures[0].size
    tile(pictures, captions, _COLUMNS, (_CELL, round(_CELL * high / wide))).save(out)
    right = sum(fine for _, fine in cells)
    click.echo(f"{right} of {len(cells)} pictures are right by the checker; see {out}")


def _make_cell(
    client: httpx.Client, scene: Scene, seed: int, size: dict[str, int]
) -> tuple[Image.Image, bool]:
    wanted = {"prompt": scene.caption, "seed": seed, **size}
    painted = submit_and_wait(client, "flux.1-demo", wanted)
    url = painted["output"]["images"][0]["url"]
    asked = {"image": url, "task": "<DENSE_REGION_CAPTION>", "artifacts": ["overlay"]}
    seen = submit_and_wait(client, "florence-2-demo", asked)
    fine = check(Image.open(io.BytesIO(fetch(client, url))), scene).right
    return Image.open(io.BytesIO(fetch_overlay(client, seen))), fine


if __name__ == "__main__":
    main()
