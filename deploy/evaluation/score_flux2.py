"""Scores flux.2-demo on unseen examples through the whole service, as an API client.

python -m deploy.evaluation.score_flux2 --lessons 100 --seed 20261128
"""

import io
from collections.abc import Sequence

import click
import httpx
from PIL import Image

from deploy.evaluation.service_client import print_metrics, temporary_stack_client
from deploy.local.demo import fetch, submit_and_wait, upload
from workers.training.flux.flux2_metrics import evaluate
from workers.training.score_flux2 import FLUX2_VARIANT


class ServiceImageGenerator:
    """A `ReferenceImageGenerator` over HTTP."""

    def __init__(self, client: httpx.Client) -> None:
        """Use a client with the service's URL and a tenant's key."""
        self._client = client

    def __call__(self, prompt: str, references: Sequence[Image.Image], seed: int) -> Image.Image:
        """Upload the references, generate the picture of one prompt, and download it.

        Raises:
            deploy.local.demo.DemoError: the job did not succeed.
            httpx.HTTPError: the service rejected a request, or did not respond.
        """
        files = [upload(self._client, picture) for picture in references]
        inputs = {"prompt": prompt, "seed": seed} | ({"images": files} if files else {})
        job = submit_and_wait(self._client, FLUX2_VARIANT, inputs)
        url = job["output"]["images"][0]["url"]
        return Image.open(io.BytesIO(fetch(self._client, url))).convert("RGB")


@click.command()
@click.option(
    "--lessons",
    "examples",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Number of examples of each kind.",
)
@click.option("--seed", type=int, default=20261128, show_default=True, help="Seed of the examples.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(examples: int, seed: int, *, as_json: bool) -> None:
    """Start a stack, generate and check the pictures of unseen examples, and print shares.

    workers.training.score_flux2 explains the kinds of examples and the shares.
    """
    with temporary_stack_client() as client:
        metrics = evaluate(examples, seed, ServiceImageGenerator(client))
    print_metrics(metrics, as_json=as_json)


if __name__ == "__main__":
    main()
