"""Pictures as encoded by Florence-2's vision tower, cached by the hash of their pixels."""

import hashlib
from dataclasses import dataclass
from typing import Any

import torch
from PIL.Image import Image

from workers.adapters.lru import LeastRecentlyUsed
from workers.telemetry.metrics import count_feature_lookup


@dataclass(frozen=True)
class PreparedPicture:
    """A picture that the CPU has prepared for the vision tower.

    Attributes:
        key: the key of its features in the cache.
        pixels: scaled and normalised, (1, 3, height, width) of the model; None where the features
            were cached already.
    """

    key: bytes
    pixels: torch.Tensor | None


class PictureFeatures:
    """A cache that encodes each picture once for all jobs that analyse it.

    Args:
        variant_id: the variant, for the metric.
        max_pictures: most encoded pictures in the cache; 0 caches none.
        max_bytes: most device memory for them.
    """

    def __init__(self, variant_id: str, *, max_pictures: int, max_bytes: int) -> None:
        self._variant_id = variant_id
        self._cache: LeastRecentlyUsed[bytes, torch.Tensor] = LeastRecentlyUsed(
            max_pictures, max_weight=max_bytes, weigh=lambda features: features.nbytes
        )

    def prepare(self, picture: Image, processor: Any) -> PreparedPicture:
        """Hash a picture and scale it to the model's input size, the slowest step for a large one.

        Any thread may call it: it looks the features up in the cache and changes nothing.
        """
        key = _key(picture)
        return PreparedPicture(key, None if key in self._cache else _pixels(picture, processor))

    def get(
        self, picture: Image, prepared: PreparedPicture, model: Any, processor: Any
    ) -> torch.Tensor:
        """A picture's features, from the cache or encoded: (1, picture tokens, model width)."""
        cached = self._cache.get(prepared.key)
        count_feature_lookup(self._variant_id, hit=cached is not None)
        if cached is not None:
            return cached
        pixels = prepared.pixels
        if pixels is None:  # evicted since `prepare`
            pixels = _pixels(picture, processor)
        pixels = pixels.to(model.device, model.dtype)
        features: torch.Tensor = model.get_image_features(pixels).pooler_output
        self._cache.put(prepared.key, features)
        return features

    def clear(self) -> None:
        """Free the memory of all features."""
        self._cache.clear()


def _key(picture: Image) -> bytes:
    """Hash the size as well: the same bytes may be one row of pixels or one column."""
    return hashlib.sha256(b"%d %d " % picture.size + picture.tobytes()).digest()


def _pixels(picture: Image, processor: Any) -> torch.Tensor:
    pixels: torch.Tensor = processor.image_processor(picture, return_tensors="pt")["pixel_values"]
    return pixels
