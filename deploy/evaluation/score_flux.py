"""Scores flux.1-demo on unseen prompts through the whole service, as an API client.

python -m deploy.evaluation.score_flux --prompts 200 --seed 20261126
"""

import io

import click
import httpx
from PIL import Image

from deploy.evaluation.service_client import print_metrics, temporary_stack_client
from deploy.local.demo import fetch, submit_and_wait, task_result
from workers.training.common.detection_metrics import Detection
from workers.training.common.scoring_options import explicit_size, size_options
from workers.training.flux.flux1_metrics import evaluate
from workers.training.score_flux import FLORENCE2_VARIANT, FLUX_VARIANT, parse_detections


class ServiceModels:
    """An `ImageGenerator` and an `ObjectDetector` over HTTP, as two methods."""

    def __init__(self, client: httpx.Client, **size: int | None) -> None:
        """Use a client with the service's URL and a tenant's key.

        Args:
            client: the client.
            **size: `width` and `height` of the pictures; the model's default if None.
        """
        self._client = client
        self._size = explicit_size(**size)
        self._url = ""

    def generate(self, prompt: str, seed: int) -> Image.Image:
        """Generate the picture of one prompt, and download it.

        Raises:
            deploy.local.demo.DemoError: the job did not succeed.
            httpx.HTTPError: the service rejected a request, or did not respond.
        """
        inputs = {"prompt": prompt, "seed": seed, **self._size}
        job = submit_and_wait(self._client, FLUX_VARIANT, inputs)
        self._url = job["output"]["images"][0]["url"]
        return Image.open(io.BytesIO(fetch(self._client, self._url))).convert("RGB")

    def detect(self, _picture: Image.Image) -> list[Detection]:
        """Detect the objects in the last generated picture, which the service already has."""
        inputs = {"image": self._url, "task": "<OD>", "num_beams": 1}
        job = submit_and_wait(self._client, FLORENCE2_VARIANT, inputs)
        return parse_detections(task_result(job, "<OD>"))


@click.command()
@click.option("--prompts", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=20261126, show_default=True, help="Seed of the prompts.")
@size_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(prompts: int, seed: int, *, width: int | None, height: int | None, as_json: bool) -> None:
    """Start a stack, generate and check the pictures of unseen prompts, and print shares.

    Every other prompt has two objects. workers.training.score_flux explains the shares.
    """
    with temporary_stack_client() as client:
        models = ServiceModels(client, width=width, height=height)
        metrics = evaluate(prompts, seed, models.generate, models.detect)
    print_metrics(metrics, as_json=as_json)


if __name__ == "__main__":
    main()
