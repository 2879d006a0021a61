"""Scores flux.2-demo on unseen lessons through the whole service, as any client asks it.

python -m deploy.evaluation.score_flux2 --lessons 100 --seed 20261128
"""

import io
from collections.abc import Sequence

import click
import httpx
from PIL import Image

from deploy.evaluation.stack import client_of_new_stack, tell
from deploy.local.demo import fetch, submit_and_wait, upload
from workers.training.flux.flux2_metrics import figures
from workers.training.score_flux2 import PAINTER


class ServicePainter:
    """Paints over HTTP; a `PaintFrom` of `workers.training.flux.flux2_metrics`."""

    def __init__(self, client: httpx.Client) -> None:
        """Ask with a client that knows the service's address and a tenant's key."""
        self._client = client

    def __call__(self, prompt: str, shown: Sequence[Image.Image], seed: int) -> Image.Image:
        """The stored picture of one prompt, painted from uploaded pictures.

        Raises:
            deploy.local.demo.DemoError: the job did not succeed.
            httpx.HTTPError: the service refused, or did not answer.
        """
        files = [upload(self._client, picture) for picture in shown]
        given = {"prompt": prompt, "seed": seed} | ({"images": files} if files else {})
        painted = submit_and_wait(self._client, PAINTER, given)
        url = painted["output"]["images"][0]["url"]
        return Image.open(io.BytesIO(fetch(self._client, url))).convert("RGB")


@click.command()
@click.option("--lessons", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--seed", type=int, default=20261128, show_default=True, help="Of the lessons.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(lessons: int, seed: int, *, as_json: bool) -> None:
    """Start a stack, have so many lessons of each kind painted, and print shares.

    What the kinds and the shares are says workers.training.score_flux2.
    """
    with client_of_new_stack() as client:
        found = figures(lessons, seed, ServicePainter(client))
    tell(found, as_json=as_json)


if __name__ == "__main__":
    main()
