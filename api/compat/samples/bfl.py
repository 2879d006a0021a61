"""The job by the API of FLUX's vendor, which most call without a client."""

from typing import Any

from api.compat.samples.job_input import JobInput
from api.web.shared.literals import KEY_VARIABLE, Sample, python_literal
from db.values.surfaces import SurfaceName

_CLIENT = "BFL"

_PYTHON = """\
import os
import time
from pathlib import Path

import requests

session = requests.Session()
session.headers["x-key"] = os.environ["{variable}"]

answer = session.post(
    {url},
    json={body},
    timeout=60,
)
task = answer.json()
if not answer.ok:
    raise SystemExit(task)
while True:
    result = session.get(task["polling_url"], timeout=60).json()
    if result["status"] != "Pending":
        break
    time.sleep(0.5)
if result["status"] != "Ready":
    raise SystemExit(result)
picture = requests.get(result["result"]["sample"], timeout=60)
path = Path("picture-0.{suffix}")
path.write_bytes(picture.content)
print(path)
"""

_NAMES = {
    "prompt": "prompt",
    "steps": "steps",
    "guidance": "guidance",
    "seed": "seed",
    "control_image": "preprocessed_image",
    "safety_tolerance": "safety_tolerance",
    "prompt_upsampling": "prompt_upsampling",
    "raw": "raw",
    "interval": "interval",
}
_MOST_REFERENCES = 10
_WHOLE = 1.0


def samples(job: JobInput) -> list[Sample]:
    """The sample; none for what this API has not: analyses, LoRAs, several pictures of a job."""
    count = job.values.get("num_images")
    if job.is_analysis or job.has("loras") or count not in (None, 1):
        return []
    body: dict[str, Any] = job.picked(_NAMES) | _pictures(job)
    if job.size is not None:
        body |= dict(zip(("width", "height"), job.size, strict=True))
    body["output_format"] = job.output_format
    text = _PYTHON.format(
        variable=KEY_VARIABLE,
        url=python_literal(f"{job.base}/bfl/v1/{job.name_in(SurfaceName.BFL)}"),
        body=python_literal(body).replace("\n", "\n    "),
        suffix=job.output_format,
    )
    return [Sample("Python", "python", text, _CLIENT)]


def _pictures(job: JobInput) -> dict[str, Any]:
    if job.has("mask"):
        return job.picked({"image": "image", "mask": "mask"})
    if job.has("images"):
        names = ["input_image", *(f"input_image_{n}" for n in range(2, _MOST_REFERENCES + 1))]
        return dict(zip(names, job.pictures, strict=False))
    found = job.picked({"image": "image_prompt"})
    strength = job.values.get("strength")
    if found and isinstance(strength, int | float):
        # The vendor's is the weight of the picture; ours the share that is painted anew.
        found["image_prompt_strength"] = strength if job.variant.is_hosted else _rest(strength)
    return found


def _rest(strength: float) -> float:
    return round(_WHOLE - strength, 4)
