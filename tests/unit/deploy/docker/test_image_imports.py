"""Each image's processes start with the packages of the image, and with no others."""

import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.docker.check import EXPECTATIONS
from tests.acceptance.stack import ROOT

STARTS = {
    "api": EXPECTATIONS["api"][0],
    "worker": "import workers.runtime.process, workers.adapters.weights, deploy.cli.models.weights",
}
"""The imports of this test; `deploy.docker.check worker` imports the model libraries as well."""

MODEL_LIBRARIES = {"torch", "transformers", "diffusers", "accelerate", "numpy", "safetensors"}


def installed_with(asked: Iterable[str]) -> set[str]:
    """Every distribution that an installer fetches for requirements, theirs included."""
    found: set[tuple[str, str]] = set()
    waiting = [*map(Requirement, asked)]
    while waiting:
        wanted = waiting.pop()
        for extra in wanted.extras | {""}:
            key = (canonicalize_name(wanted.name), extra)
            if key not in found:
                found.add(key)
                needed = map(Requirement, requires(wanted.name) or ())
                waiting += [n for n in needed if _applies(n, extra)]
    return {name for name, _ in found}


def _applies(needed: Requirement, extra: str) -> bool:
    return needed.marker is None or needed.marker.evaluate({"extra": extra})


def distributions_of(image: str) -> set[str]:
    """The distributions that an image installs: the project with one extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return installed_with([*project["dependencies"], *project["optional-dependencies"][image]])


def test_the_apis_image_has_no_model_library() -> None:
    light = distributions_of("api")
    assert {"fastapi", "starlette", "psycopg-binary", "boto3", "botocore"} <= light
    assert light & MODEL_LIBRARIES == set()
    assert distributions_of("worker") >= MODEL_LIBRARIES


@pytest.mark.parametrize("image", sorted(EXPECTATIONS))
def test_an_image_comes_up_with_what_it_installs(image: str) -> None:
    has = distributions_of(image) | {"bottega"}
    missing = [
        module
        for module, from_ in packages_distributions().items()
        if module.isidentifier() and not {canonicalize_name(name) for name in from_} & has
    ]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({missing!r}))\n"
        f"{STARTS[image]}\n"
        "from deploy.cli.main import main\n"
        f"main([{EXPECTATIONS[image][1]!r}, '--help'])"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
