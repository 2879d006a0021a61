"""Scores florence-2-demo on unseen canvases through the whole service, as an API client.

python -m deploy.evaluation.score_florence2 --scenes 200 --seed 20261125
"""

from typing import Any

import click
import httpx
from PIL import Image

from deploy.evaluation.service_client import print_metrics, temporary_stack_client
from deploy.local.demo import submit_and_wait, upload
from workers.training.florence2.metrics import evaluate, scored_canvases
from workers.training.scenes.palette import Box

VARIANT = "florence-2-demo"


class ServicePredictor:
    """A `Predictor` over HTTP; consecutive questions about a picture upload it only once."""

    def __init__(self, client: httpx.Client) -> None:
        """Use a client with the service's URL and a tenant's key."""
        self._client = client
        self._last_upload: tuple[Image.Image | None, str] = (None, "")

    def __call__(
        self, picture: Image.Image, task: str, text: str, region: Box | None
    ) -> dict[str, Any]:
        """The answer to one question, with coordinates in pixels of the picture.

        Raises:
            deploy.local.demo.DemoError: the job did not succeed.
            httpx.HTTPError: the service rejected a request, or did not respond.
        """
        inputs: dict[str, Any] = {"image": self._upload(picture), "task": task}
        if text:
            inputs["text"] = text
        if region:
            inputs["region"] = list(region)
        job = submit_and_wait(self._client, VARIANT, inputs)
        result: dict[str, Any] = job["output"]["results"][0]["result"]
        return result

    def _upload(self, picture: Image.Image) -> str:
        last, file_id = self._last_upload
        if picture is not last:
            file_id = upload(self._client, picture)
            self._last_upload = (picture, file_id)
        return file_id


@click.command()
@click.option("--scenes", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=20261125, show_default=True, help="Seed of the canvases.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(scenes: int, seed: int, *, as_json: bool) -> None:
    """Start a stack, ask all fifteen tasks about each canvas, and print shares and mean overlaps.

    Every other canvas has a word of the list, or a number, on it. 200 canvases are some 3,000 jobs
    and take about ten minutes on two cores.
    """
    with temporary_stack_client() as client:
        metrics = evaluate(scored_canvases(seed, scenes), ServicePredictor(client), seed)
    print_metrics(metrics, as_json=as_json)


if __name__ == "__main__":
    main()
