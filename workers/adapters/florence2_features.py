"""Pictures as Florence-2's vision tower sees them, kept by the hash of their pixels."""

import hashlib
from typing import Any

import torch
from PIL.Image import Image

from workers.adapters.lru import LeastRecentlyUsed
from workers.metrics import features_looked_up


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

    def of(self, picture: Image, model: Any, processor: Any) -> torch.Tensor:
        """A picture's features: (1, picture tokens, width of the model)."""
        key = _key(picture)
        known = self._kept.get(key)
        features_looked_up(self._variant_id, hit=known is not None)
        if known is not None:
            return known
        pixels = processor.image_processor(picture, return_tensors="pt")["pixel_values"]
        pixels = pixels.to(model.device, model.dtype)
        features: torch.Tensor = model.get_image_features(pixels).pooler_output
        self._kept.put(key, features)
        return features

    def forget(self) -> None:
        """Give the memory back."""
        self._kept.clear()


def _key(picture: Image) -> bytes:
    """The size as well: a row of pixels may be a column of others."""
    return hashlib.sha256(b"%d %d " % picture.size + picture.tobytes()).digest()
