"""The playground's Python samples run, and make the picture of the form's job."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from api.compat.samples.clients import ClientSamples
from api.web.shared.literals import Sample
from tests.acceptance.stack import ROOT, Client, Stack
from tests.support.samples import run_python
from workers import catalog

BODY: dict[str, Any] = {
    "model": "flux.1-demo",
    "input": {"prompt": 'a "red" circle\n`x` \\', "seed": 7, "width": 128, "height": 96},
}
PACKAGES = ROOT / ".venv" / "clients"
OUR_OWN = {"BFL", "Hugging Face"}
"""Clients whose packages are in the environment itself."""

pytestmark = pytest.mark.usefixtures("books")


def python_samples(stack: Stack) -> list[Sample]:
    """The samples; those of fal by https, which is all that its client speaks."""
    make = ClientSamples(catalog.installed().offered())
    plain, secured = (make(stack.facts[name], BODY) for name in ("url", "tls_url"))
    chosen = [
        over_tls if sample.client == "fal" else sample
        for sample, over_tls in zip(plain, secured, strict=True)
    ]
    return [sample for sample in chosen if sample.language == "python"]


def test_each_client_makes_the_picture_of_the_form(
    stack: Stack, tenant: Client, tmp_path: Path
) -> None:
    key = tenant.http.headers["Authorization"].removeprefix("Bearer ")
    made = tenant.http.post("/v1/jobs", json=BODY, headers={"Prefer": "wait=60"}).json()
    expected = tmp_path / "expected.png"
    url = made["output"]["images"][0]["url"]
    expected.write_bytes(httpx.get(url, follow_redirects=True).content)

    def run(sample: Sample) -> Path:
        folder = tmp_path / sample.client
        packages = None if sample.client in OUR_OWN else PACKAGES
        trust = {"SSL_CERT_FILE": stack.facts["tls_authority"]} if sample.client == "fal" else {}
        run_python(sample, folder, key, packages=packages, environment=trust)
        [saved] = folder.glob("picture-0.*")
        return saved

    samples = python_samples(stack)
    with ThreadPoolExecutor(2) as pool:
        for sample, path in zip(samples, pool.map(run, samples), strict=True):
            shown = Image.open(path).tobytes(), Image.open(expected).tobytes()
            assert shown[0] == shown[1], sample.title
    surfaces = {job["surface"] for job in tenant.http.get("/v1/jobs").json()["jobs"]}
    assert surfaces == {"native", "openai", "replicate", "fal", "bfl", "huggingface"}
