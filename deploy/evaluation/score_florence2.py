"""Scores florence-2-demo on unseen canvases through the whole service, as any client asks it.

python -m deploy.evaluation.score_florence2 --scenes 200 --seed 20261125
"""

from typing import Any

import click
import httpx
from PIL import Image

from deploy.evaluation.stack import client_of_new_stack, tell
from deploy.local.demo import submit_and_wait, upload
from workers.training.florence2.metrics import figures, scored_canvases
from workers.training.scenes.palette import Box

VARIANT = "florence-2-demo"


class ServiceAsker:
    """An `Ask` of `workers.training.florence2.metrics` over HTTP; uploads a picture once."""

    def __init__(self, client: httpx.Client) -> None:
        """Ask with a client that knows the service's address and a tenant's key."""
        self._client = client
        self._asked: tuple[Image.Image | None, str] = (None, "")

    def __call__(
        self, picture: Image.Image, task: str, text: str, region: Box | None
    ) -> dict[str, Any]:
        """The answer to one question, with coordinates in pixels of the picture.

        Raises:
            deploy.local.demo.DemoError: the job did not succeed.
            httpx.HTTPError: the service refused, or did not answer.
        """
        given: dict[str, Any] = {"image": self._uploaded(picture), "task": task}
        if text:
            given["text"] = text
        if region:
            given["region"] = list(region)
        job = submit_and_wait(self._client, VARIANT, given)
        result: dict[str, Any] = job["output"]["results"][0]["result"]
        return result

    def _uploaded(self, picture: Image.Image) -> str:
        known, file_id = self._asked
        if picture is not known:
            file_id = upload(self._client, picture)
            self._asked = (picture, file_id)
        return file_id


@click.command()
@click.option("--scenes", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--seed", type=int, default=20261125, show_default=True, help="Of the canvases.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(scenes: int, seed: int, *, as_json: bool) -> None:
    """Start a stack, ask all fifteen tasks about each canvas, and print shares and overlaps.

    Every other canvas has a word of the list, or a number, on it. 200 canvases are some 3,000 jobs
    and take about ten minutes on two cores.
    """
    with client_of_new_stack() as client:
        found = figures(scored_canvases(seed, scenes), ServiceAsker(client), seed)
    tell(found, as_json=as_json)


if __name__ == "__main__":
    main()
