"""A contact sheet: unseen captions painted by one demo model and looked at by the other.

    python -m deploy.contact_sheet --out sheet.png

Everything goes through the service, as for any client; the figures printed at the end are the
programmatic checker's.
"""

import io
import tempfile
import textwrap
from pathlib import Path

import click
import httpx
from PIL import Image, ImageDraw

from deploy.demo_run import fetch, fetch_overlay, submit_and_wait
from deploy.local_stack import LocalStack
from deploy.unwinding import unwound_by_sigterm
from workers.demo.adherence import check
from workers.demo.scenes.scene import Scene, unseen_scenes

_CELL, _TEXT, _GAP, _COLUMNS = 192, 44, 8, 6
_CHARACTERS = 34
_SEED = 20261123


@click.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--scenes", type=click.IntRange(2, 200), default=18, show_default=True)
def main(out: Path, scenes: int) -> None:
    """Paint unseen captions, look at each picture, and tile both into one PNG."""
    chosen = unseen_scenes(_SEED, [1 + n % 2 for n in range(scenes)])
    with unwound_by_sigterm(), tempfile.TemporaryDirectory(prefix="bottega-sheet-") as folder:
        stack = LocalStack(Path(folder) / "stack")
        try:
            stack.start()
            facts = stack.facts()
            cells = _make_cells(facts["url"], facts["api_key"], chosen)
        finally:
            stack.stop()
    out.parent.mkdir(parents=True, exist_ok=True)
    _tile([picture for picture, _ in cells], [scene.caption for scene in chosen]).save(out)
    right = sum(fine for _, fine in cells)
    click.echo(f"{right} of {len(cells)} pictures are right by the checker; see {out}")


def _make_cells(url: str, key: str, scenes: list[Scene]) -> list[tuple[Image.Image, bool]]:
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=90) as client:
        return [_make_cell(client, scene, seed) for seed, scene in enumerate(scenes)]


def _make_cell(client: httpx.Client, scene: Scene, seed: int) -> tuple[Image.Image, bool]:
    painted = submit_and_wait(client, "flux.1-demo", {"prompt": scene.caption, "seed": seed})
    url = painted["output"]["images"][0]["url"]
    asked = {"image": url, "task": "<DENSE_REGION_CAPTION>", "artifacts": ["overlay"]}
    seen = submit_and_wait(client, "florence-2-demo", asked)
    fine = check(Image.open(io.BytesIO(fetch(client, url))), scene).right
    return Image.open(io.BytesIO(fetch_overlay(client, seen))), fine


def _tile(pictures: list[Image.Image], captions: list[str]) -> Image.Image:
    rows = -(-len(pictures) // _COLUMNS)
    wide, high = _CELL + _GAP, _CELL + _TEXT + _GAP
    sheet = Image.new("RGB", (_COLUMNS * wide + _GAP, rows * high + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for n, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = n % _COLUMNS * wide + _GAP, n // _COLUMNS * high + _GAP
        sheet.paste(picture.resize((_CELL, _CELL), Image.Resampling.LANCZOS), (x, y))
        lines = "\n".join(textwrap.wrap(caption, _CHARACTERS))
        pen.multiline_text((x, y + _CELL + 4), lines, fill="black", font_size=11)
    return sheet


if __name__ == "__main__":
    main()
