"""Scores flux.1-demo on unseen prompts through the whole service, as any client asks it.

python -m deploy.evaluation.score_flux --prompts 200 --seed 20261126
"""

import io

import click
import httpx
from PIL import Image

from deploy.evaluation.stack import client_of_new_stack, tell
from deploy.local.demo import fetch, submit_and_wait, task_result
from workers.training.detection_metrics import Detection
from workers.training.flux.flux1_metrics import figures
from workers.training.score_command import only_given, size_options
from workers.training.score_flux import LOOKER, PAINTER, as_detections


class Service:
    """`paint` and `look` of `workers.training.flux.flux1_metrics`, over HTTP."""

    def __init__(self, client: httpx.Client, **size: int | None) -> None:
        """Ask with a client that knows the service's address and a tenant's key.

        Args:
            client: the same.
            **size: `width` and `height` of the pictures, where they are not the model's own.
        """
        self._client = client
        self._size = only_given(**size)
        self._url = ""

    def paint(self, prompt: str, seed: int) -> Image.Image:
        """The stored picture of one prompt.

        Raises:
            deploy.local.demo.DemoError: the job did not succeed.
            httpx.HTTPError: the service refused, or did not answer.
        """
        asked = {"prompt": prompt, "seed": seed, **self._size}
        painted = submit_and_wait(self._client, PAINTER, asked)
        self._url = painted["output"]["images"][0]["url"]
        return Image.open(io.BytesIO(fetch(self._client, self._url))).convert("RGB")

    def look(self, _picture: Image.Image) -> list[Detection]:
        """What is found in the picture painted last, which the service has already."""
        asked = {"image": self._url, "task": "<OD>", "num_beams": 1}
        return as_detections(task_result(submit_and_wait(self._client, LOOKER, asked), "<OD>"))


@click.command()
@click.option("--prompts", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=20261126, show_default=True, help="Of the prompts.")
@size_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(prompts: int, seed: int, *, width: int | None, height: int | None, as_json: bool) -> None:
    """Start a stack, have every prompt painted and looked at, and print shares.

    Every other prompt has two objects; what the shares are says workers.training.score_flux.
    """
    with client_of_new_stack() as client:
        service = Service(client, width=width, height=height)
        found = figures(prompts, seed, service.paint, service.look)
    tell(found, as_json=as_json)


if __name__ == "__main__":
    main()
