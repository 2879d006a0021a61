"""Encoding: the files that are stored of a model's output."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from db.jobs.types import NewArtifact
from db.values.artifact_kinds import SUFFIXES, ArtifactKind
from workers.adapters.protocol import File, Output, Painted, Work
from workers.runtime.image_metadata import Recipe, recipe, save_arguments

_LOSSY = {"jpeg", "webp"}
_OWN_NAMES = {"jpg": "jpeg"}


@dataclass(frozen=True)
class Encoded:
    """One result as it will be stored; width and height in pixels."""

    data: bytes
    media_type: str
    suffix: str
    width: int
    height: int
    seed: int | None
    sha256: str
    kind: ArtifactKind = ArtifactKind.IMAGE
    about: dict[str, Any] = field(default_factory=dict)

    def stored_at(self, key: str) -> NewArtifact:
        """The artifact to enter, once the file is in the store."""
        return NewArtifact(
            key=key,
            media_type=self.media_type,
            size_bytes=len(self.data),
            sha256=self.sha256,
            width=self.width,
            height=self.height,
            seed=self.seed,
            kind=self.kind,
            about=self.about,
        )


def encoded_results(variant: str, work: Work, output: Output) -> Iterator[Encoded]:
    """Encode the files of an output one after another: pictures, then other files.

    Args:
        variant: the model, for the metadata.
        work: the job.
        output: its output.
    """
    chosen = work.parameters.model_dump(include={"output_format", "output_quality"})
    for painted in output.images:
        metadata = recipe(variant, work.parameters, painted)
        yield encode(painted, chosen["output_format"], chosen["output_quality"], metadata)
    for file in output.files() if output.files else ():
        yield _unencoded(file)


def encode(
    painted: Painted, output_format: str, quality: int, metadata: Recipe | None = None
) -> Encoded:
    """Encode one picture as png, jpg or webp.

    Args:
        painted: the picture.
        output_format: its format.
        quality: 1 to 100, for the lossy two.
        metadata: the settings that painted it, to be embedded in the file.
    """
    name = _OWN_NAMES.get(output_format, output_format)
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": quality} if name in _LOSSY else {"compress_level": 4}
    painted.image.save(buffer, format=name, **options, **save_arguments(metadata, name))
    data = buffer.getvalue()
    return Encoded(
        data=data,
        media_type=f"image/{name}",
        suffix=output_format,
        width=painted.image.width,
        height=painted.image.height,
        seed=painted.seed,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _unencoded(file: File) -> Encoded:
    return Encoded(
        data=file.data,
        media_type=file.media_type,
        suffix=SUFFIXES[file.media_type],
        width=file.size[0],
        height=file.size[1],
        seed=None,
        sha256=hashlib.sha256(file.data).hexdigest(),
        kind=file.kind,
        about=file.about,
    )
