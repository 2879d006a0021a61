"""Requests for pictures, translated into the jobs that they stand for."""

import hashlib
import json
import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.compat.openai.image_fields import ImageFields
from api.compat.shared.names import find_variant, served
from api.compat.shared.submission import ForeignRequest
from api.compat.shared.translation import Translation
from api.core.domain_errors import InvalidField, InvalidSubmissionError
from db.values.surfaces import SurfaceName
from workers.catalog import Catalogue, Variant
from workers.catalog.flux.parameters import MAX_IMAGES, MAX_SEED

DEFAULT_MODEL = "openai-default"
"""The alias, in the operator's catalogue file, of the model of requests that name none."""

_QUALITY = 100
"""The default of `output_compression`."""

_SEED_BITS = 32
_SETTINGS = ("priority", "expires_in_seconds", "keep_seconds", "metadata", "webhook")
_USED = (
    *("model", "n", "size", "response_format", "background", "stream", "partial_images"),
    *("output_compression", "images", "image", "mask", *_SETTINGS),
)

Named = tuple[str, str]
"""A picture as the native API takes it, and the field that names it."""


@dataclass(frozen=True)
class ImageRequest:
    """A request for pictures, with its pictures as the native API takes them.

    Attributes:
        fields: the fields.
        operation: the beginning of its events: "image_generation" or "image_edit".
        pictures: the pictures to edit.
        mask: white where the first picture is to be repainted.
        seed_source: text from which the seed of several jobs is drawn, where they need one and
            the request has none: the same request under the same idempotency key has the same.
        is_first: true when the client says that it has not sent the request before.
        is_retry: true when it says that it has.
    """

    fields: ImageFields
    operation: str = "image_generation"
    pictures: Sequence[Named] = ()
    mask: Named | None = None
    seed_source: str = ""
    is_first: bool = False
    is_retry: bool = False

    @property
    def partial_pictures(self) -> int:
        """The most partial pictures of its stream."""
        return (self.fields.partial_images or 0) if self.fields.stream else 0


@dataclass(frozen=True)
class _Part:
    """One of the jobs of a request: of which pictures, painted from which seed."""

    number: int
    of: int
    pictures: int
    seed: int | None
    is_drawn: bool = field(default=False)


def find_model(catalogue: Catalogue, name: str | None, family: str, task: str) -> Variant:
    """The model that a request names.

    Args:
        catalogue: the offered models.
        name: the name; None for the operator's default.
        family: "flux" or "florence2", the beginning of the families that the call serves.
        task: the task of the call, for the refusal of another model.

    Raises:
        InvalidSubmissionError: no name and no default, or a model of another kind.
        api.core.domain_errors.ModelNotOfferedError: the name stands for no model here.
    """
    offered = served(catalogue, SurfaceName.OPENAI, family)
    if not name and not catalogue.has(DEFAULT_MODEL):
        raise _refused("model", f"name a model: {offered}", "missing")
    variant = find_variant(catalogue, SurfaceName.OPENAI, name or DEFAULT_MODEL, family)
    if not variant.family.startswith(family):
        raise _refused("model", f"{variant.id} does not {task}: {offered}")
    return variant


def find_painter(catalogue: Catalogue, fields: ImageFields) -> Variant:
    """The model of a request, which must have a prompt.

    Raises:
        InvalidSubmissionError: a field is missing, or the model does not paint.
        api.core.domain_errors.ModelNotOfferedError: the name stands for no model here.
    """
    variant = find_model(catalogue, fields.model, "flux", "paint")
    if not (fields.prompt or "").strip():
        raise _refused("prompt", "a prompt is required", "missing")
    return variant


def jobs_of(variant: Variant, request: ImageRequest) -> list[ForeignRequest]:
    """The jobs of a request: one for up to four pictures, with consecutive seeds over all.

    Raises:
        InvalidSubmissionError: the model takes fewer pictures.
    """
    _check_pictures(variant, request)
    return [_job(variant, request, part) for part in _parts(variant, request)]


def _refused(name: str, message: str, kind: str = "value_error") -> InvalidSubmissionError:
    return InvalidSubmissionError(f"{name}: {message}", [InvalidField((name,), message, kind)])


def _check_pictures(variant: Variant, request: ImageRequest) -> None:
    taken = variant.parameters.model_fields
    most = len(request.pictures) if "images" in taken else 1 if "image" in taken else 0
    if len(request.pictures) > most:
        name = request.pictures[most][1]
        takes = "one picture" if most else "no picture"
        raise _refused(name, f"{variant.id} takes {takes} to edit, not {len(request.pictures)}")


def _parts(variant: Variant, request: ImageRequest) -> Iterator[_Part]:
    count = request.fields.pictures
    most = MAX_IMAGES if "num_images" in variant.parameters.model_fields else 1
    of = math.ceil(count / most)
    seed, is_drawn = request.fields.seed, False
    if seed is None and of > 1:
        seed, is_drawn = _drawn_seed(request.seed_source), True
    for number in range(of):
        first = None if seed is None else (seed + number * most) % (MAX_SEED + 1)
        yield _Part(number, of, min(most, count - number * most), first, is_drawn)


def _drawn_seed(source: str) -> int:
    if not source:
        return secrets.randbits(_SEED_BITS)
    return int.from_bytes(hashlib.sha256(source.encode()).digest()[: _SEED_BITS // 8])


def _job(variant: Variant, request: ImageRequest, part: _Part) -> ForeignRequest:
    fields = request.fields
    settings = {name: getattr(fields, name) for name in _SETTINGS}
    return ForeignRequest(
        surface=SurfaceName.OPENAI,
        translation=_translation(variant, request, part),
        echo=_echo(request, part),
        is_synchronous=True,
        settings={name: value for name, value in settings.items() if value is not None},
        names={("webhook", "url"): "webhook.url"},
        is_first=request.is_first,
        is_retry=request.is_retry,
    )


def _echo(request: ImageRequest, part: _Part) -> dict[str, Any]:
    """The part of a request that is not in the job's own input, for its digest."""
    sent = request.fields.model_dump(exclude_none=True, exclude={"image", "images", "mask"})
    digest = hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).hexdigest()
    names = {"model": request.fields.model, "quality": request.fields.quality}
    place = {"part": part.number, "parts": part.of}
    return {"operation": request.operation, **names, **place, "digest": digest}


def _translation(variant: Variant, request: ImageRequest, part: _Part) -> Translation:
    fields = request.fields
    translation = Translation(variant)
    translation.accept(*_USED)
    translation.put("prompt", fields.prompt, "prompt")
    if translation.takes("num_images"):
        translation.put("num_images", part.pictures, "n")
    translation.put("seed", part.seed, "seed")
    if part.is_drawn:
        translation.drawn.add("seed")
    _put_size(translation, fields.side)
    _put_format(translation, fields)
    translation.put_pictures(request.pictures, request.mask)
    for name in ("steps", "guidance", "negative_prompt", "true_guidance"):
        translation.put(name, getattr(fields, name), name)
    translation.put_strength(fields.strength, "strength")
    translation.put_fit(fields.fit, "fit")
    if fields.loras is not None:
        loras = [lora.model_dump(exclude_none=True) for lora in fields.loras]
        translation.put("loras", loras, "loras")
    if request.partial_pictures and translation.takes("previews"):
        translation.put("previews", True, "partial_images")  # noqa: FBT003 - a value of the input
    translation.ignore_rest(_sent(fields))
    return translation


def _sent(fields: ImageFields) -> Mapping[str, Any]:
    return {name: getattr(fields, name) for name in type(fields).model_fields} | (
        fields.model_extra or {}
    )


def _put_size(translation: Translation, side: tuple[int, int] | None) -> None:
    if side is None:
        return
    width, height = side
    if translation.takes("width"):
        translation.put("width", width, "size")
        translation.put("height", height, "size")
    else:
        divisor = math.gcd(width, height)
        ratio = f"{width // divisor}:{height // divisor}"
        translation.put("aspect_ratio", ratio, "size")
        if translation.takes("aspect_ratio"):
            translation.adjust("size", f"its shape counts alone, {ratio}")


def _put_format(translation: Translation, fields: ImageFields) -> None:
    kind = fields.output_format or "png"
    translation.put("output_format", kind, "output_format")
    if kind == "png":
        return
    quality = _QUALITY if fields.output_compression is None else fields.output_compression
    # The native scale begins at 1.
    translation.put("output_quality", max(1, quality), "output_compression")
