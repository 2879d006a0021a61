"""The playground's samples, by the unmodified clients: each makes the same pictures as the form."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from api.compat.samples.clients import ClientSamples
from api.web.shared.literals import Sample
from tests.clients.conftest import FOLDER
from tests.clients.install import node_of
from tests.clients.scene import Scene
from tests.support.samples import run_javascript, run_python
from workers import catalog

Json = dict[str, Any]
Body = Callable[[str], Json]

_SEED = {"prompt": 'a "red" circle\n`x` \\', "seed": 2**53 - 1}
BODIES: Mapping[str, Body] = {
    "a picture": lambda _file: {**_SEED, "width": 128, "height": 96, "steps": 5},
    "two pictures": lambda _file: {
        **_SEED,
        "num_images": 2,
        "aspect_ratio": "16:9",
        "output_format": "webp",
    },
    "a picture painted over": lambda file: {**_SEED, "image": file, "strength": 0.6},
    "a masked picture": lambda file: {**_SEED, "image": file, "mask": file},
}

pytestmark = [pytest.mark.clients, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def client(scene: Scene) -> Iterator[httpx.Client]:
    """The native API, with a key of its own."""
    headers = {"Authorization": f"Bearer {scene._key('enterprise')}"}
    with httpx.Client(base_url=scene.stack.url, headers=headers, timeout=90) as opened:
        yield opened


@pytest.fixture(scope="module")
def file(scene: Scene, client: httpx.Client) -> str:
    """An uploaded picture."""
    sent = client.post("/v1/files", files={"file": (scene.folder / "picture.png").read_bytes()})
    return str(sent.raise_for_status().json()["id"])


def samples_of(scene: Scene, body: Json) -> Sequence[Sample]:
    """All samples; those of fal's Python client by https, which is all that it speaks."""
    make = ClientSamples(catalog.installed().offered())
    plain, secured = (make(scene.stack.facts[name], body) for name in ("url", "tls_url"))
    return [
        over_tls if over_tls.title == "fal Python" else sample
        for sample, over_tls in zip(plain, secured, strict=True)
    ]


def run(scene: Scene, sample: Sample, folder: Path, key: str) -> str:
    """Run a sample with the client's packages."""
    if sample.language == "javascript":
        packages = FOLDER / "javascript" / "newest" / "node_modules"
        return run_javascript(sample, folder, key, node=node_of(FOLDER), packages=packages)
    authority = {"SSL_CERT_FILE": scene.stack.facts["tls_authority"]}
    environment = authority if sample.client == "fal" else {}
    # The vendor's API is called by `requests`, which is ours.
    packages_ = None if sample.client == "BFL" else FOLDER / "python" / "main"
    return run_python(sample, folder, key, packages=packages_, environment=environment)


@pytest.mark.parametrize(
    ("model", "name"),
    [("flux.1-demo", name) for name in BODIES] + [("flux.2-demo", "a picture")],
)
def test_the_pictures_are_those_of_the_form(
    scene: Scene, client: httpx.Client, file: str, tmp_path: Path, model: str, name: str
) -> None:
    body = {"model": model, "input": BODIES[name](file)}
    made = client.post("/v1/jobs", json=body, headers={"Prefer": "wait=60"}).json()
    pictures = [client.get(each["url"], follow_redirects=True) for each in made["output"]["images"]]
    key = client.headers["Authorization"].partition(" ")[2]
    ran = samples_of(scene, body)
    for n, sample in enumerate(ran):
        folder = tmp_path / str(n)
        run(scene, sample, folder, key)
        saved = sorted(folder.glob("picture-*"))
        for path, expected in zip(saved, pictures, strict=True):
            shown = tmp_path / "expected"
            shown.write_bytes(expected.content)
            assert Image.open(path).tobytes() == Image.open(shown).tobytes(), sample.title
    assert {sample.client for sample in ran} >= {"Replicate", "fal"}


@pytest.mark.parametrize("task", ["<CAPTION>", "<OD>", "<OPEN_VOCABULARY_DETECTION>"])
def test_the_answers_are_printed(
    scene: Scene, client: httpx.Client, file: str, tmp_path: Path, task: str
) -> None:
    text = {"text": "a red circle"} if task == "<OPEN_VOCABULARY_DETECTION>" else {}
    body = {"model": "florence-2-demo", "input": {"image": file, "task": task, **text}}
    key = client.headers["Authorization"].partition(" ")[2]
    for n, sample in enumerate(samples_of(scene, body)):
        printed = run(scene, sample, tmp_path / str(n), key)
        assert printed.strip(), sample.title
