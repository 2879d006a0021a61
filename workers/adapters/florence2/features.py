"""Pictures as Florence-2's vision tower sees them, kept by the hash of their pixels."""

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from PIL.Image import Image

from workers.adapters.lru import LeastRecentlyUsed
from workers.telemetry.metrics import features_looked_up


@dataclass(frozen=True)
class PreparedPicture:
    """What the CPU makes of a picture for the vision tower.

    Attributes:
        key: what its features are kept by.
        pixels: scaled and normalised, (1, 3, height, width) of the model; None where the features
            were kept already.
    """

    key: bytes
    pixels: torch.Tensor | None


class PictureFeatures:
    """Encodes each picture once, however often and by whichever jobs it is looked at.

    Args:
        variant_id: whose features, for the metric.
        most_pictures: how many encoded pictures are kept at most; 0 keeps none.
        most_bytes: how much device memory they may take.
    """

    def __init__(self, variant_id: str, *, most_pictures: int, most_bytes: int) -> None:
        self._variant_id = variant_id
        self._kept: LeastRecentlyUsed[bytes, torch.Tensor] = LeastRecentlyUsed(
            most_pictures, most_weight=most_bytes, weigh=lambda features: features.nbytes
        )

    def prepare(self, picture: Image, processor: Any) -> PreparedPicture:
        """Hash a picture and scale it to what the model reads, which for a large one takes longest.

        Any thread may ask: whether the features are kept is looked up, and nothing is changed.
        """
        key = _key(picture)
        return PreparedPicture(key, None if key in self._kept else _pixels(picture, processor))

    def of(
        self, picture: Image, prepared: PreparedPicture, model: Any, processor: Any
    ) -> torch.Tensor:
        """A picture's features: (1, picture tokens, width of the model)."""
        known = self._kept.get(prepared.key)
        features_looked_up(self._variant_id, hit=known is not None)
        if known is not None:
            return known
        pixels = prepared.pixels
        if pixels is None:  # they were forgotten since
            pixels = _pixels(picture, processor)
        pixels = pixels.to(model.device, model.dtype)
        features: torch.Tensor = model.get_image_features(pixels).pooler_output
        self._kept.put(prepared.key, features)
        return features

    def forget(self) -> None:
        """Give the memory back."""
        self._kept.clear()


def _key(picture: Image) -> bytes:
    """The size as well: a row of pixels may be a column of others."""
    return hashlib.sha256(b"%d %d " % picture.size + picture.tobytes()).digest()


def _pixels(picture: Image, processor: Any) -> torch.Tensor:
    pixels: torch.Tensor = processor.image_processor(picture, return_tensors="pt")["pixel_values"]
    return pixels
