"""`python -m deploy.supply_chain.pin_images`: digests for the images that others publish.

A tag may point to another image tomorrow. The command asks each image's registry which image its
tag names now, and writes `name:tag@sha256:…` into the Dockerfiles and `compose.yaml`. Run again, it
follows the tags. Where one registry is not reached nothing is written.
"""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import click
from oras.container import Container
from oras.provider import Registry
from requests import RequestException

DEPLOY = Path(__file__).parents[1]
FILES = (*sorted((DEPLOY / "docker").glob("*.Dockerfile")), DEPLOY / "compose.yaml")
"""The files that name images of others."""

OURS = frozenset({"bottega-api", "bottega-worker"})
"""Images that are built here, and are in no registry until their operator pushes them."""

_REFERENCE = re.compile(r"^(\s*(?:FROM|image:)\s+)([^\s@]+)(?:@sha256:[0-9a-f]{64})?", re.MULTILINE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MEDIA_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""The list of all platforms first: the digest must do for every processor.

The media types are those of the OCI image specification and of Docker's registry before it."""
_TIMEOUT_SECONDS = 30.0
_DEFAULT_REGISTRY = "docker.io"
_REGISTRY_HOSTS = {"docker.io": "registry-1.docker.io"}


class DigestError(Exception):
    """A registry was not reached, or names no digest for a tag."""


def named_images(texts: Iterable[str]) -> list[str]:
    """The images of others that files name, each once, without digests."""
    names = {match[2] for text in texts for match in _REFERENCE.finditer(text)}
    return sorted(name for name in names if _repository(name) not in OURS)


def pinned(text: str, digests: Mapping[str, str]) -> str:
    """The text with the digests of its images."""

    def pin(match: re.Match[str]) -> str:
        digest = digests.get(match[2])
        return match[0] if digest is None else f"{match[1]}{match[2]}@{digest}"

    return _REFERENCE.sub(pin, text)


def digest_of(image: str, *, insecure: bool = False) -> str:
    """The digest that an image's tag has in its registry now.

    Args:
        image: a name as Docker reads it: "postgres:17" is docker.io/library/postgres:17.
        insecure: True for a registry without TLS.

    Raises:
        DigestError: the registry was not reached, or knows no such image.
    """
    container = Container(image, registry=_DEFAULT_REGISTRY)
    if not container.namespace and container.registry == _DEFAULT_REGISTRY:
        container.namespace = "library"
    container.registry = _REGISTRY_HOSTS.get(container.registry, container.registry)
    registry = Registry(container.registry, insecure=insecure)
    registry.session.request = partial(registry.session.request, timeout=_TIMEOUT_SECONDS)
    # Without the library's retries, which take two minutes before they tell that there is nothing.
    request = inspect.unwrap(Registry.do_request)
    url = f"{registry.prefix}://{container.manifest_url()}"
    try:
        answer = request(registry, url, "HEAD", headers={"Accept": ", ".join(_MEDIA_TYPES)})
    except (RequestException, ValueError) as error:
        raise DigestError(f"{image}: {container.registry} was not reached: {error}") from error
    digest: str = answer.headers.get("Docker-Content-Digest", "")
    if not answer.ok or not _DIGEST.fullmatch(digest):
        raise DigestError(f"{image}: {container.registry} names no digest ({answer.status_code})")
    return digest


def pin(files: Sequence[Path], *, insecure: bool = False) -> Mapping[str, str]:
    """Write the digests of all images into the files; returns them by image.

    Raises:
        DigestError: one could not be had; no file was changed.
    """
    texts = {file: file.read_text() for file in files}
    digests = {image: digest_of(image, insecure=insecure) for image in named_images(texts.values())}
    for file, text in texts.items():
        file.write_text(pinned(text, digests))
    return digests


def _repository(image: str) -> str:
    return image.rpartition("/")[2].partition(":")[0]


@click.command()
def main() -> None:
    """Write the digests of all base images, as their registries have them now."""
    try:
        digests = pin(FILES)
    except DigestError as error:
        raise click.ClickException(f"nothing was written. {error}") from error
    for image, digest in digests.items():
        click.echo(f"{image}  {digest}")


if __name__ == "__main__":
    main()
