"""Control maps: a picture's outlines or depths, for the FLUX variants that keep them."""

from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForDepthEstimation

from workers.adapters.image_processors import BACKEND
from workers.adapters.weights import Source

FAINTEST, SURE = 50, 200
"""Canny's thresholds, from the vendor's own example for FLUX.1 Canny [dev]."""


def canny_map(picture: Image.Image) -> Image.Image:
    """A picture's outlines, white on black (RGB), by OpenCV's Canny edge detector."""
    edges = cv2.Canny(np.asarray(picture.convert("RGB")), FAINTEST, SURE)
    return Image.fromarray(edges).convert("RGB")


class DepthMap:
    """A picture's depths, near is white (RGB), by one of transformers' depth estimators."""

    def __init__(self, source: Source, device: str) -> None:
        """Load the estimator.

        Args:
            source: a folder or a hub id of a Depth Anything checkpoint.
            device: torch's name.
        """
        where: dict[str, Any] = {
            "revision": source.revision,
            "local_files_only": source.revision is None,
            "trust_remote_code": False,
        }
        self._device = device
        self._processor = AutoImageProcessor.from_pretrained(source.name, backend=BACKEND, **where)
        model = AutoModelForDepthEstimation.from_pretrained(
            source.name, use_safetensors=True, **where
        )
        self._model = model.to(device).eval()

    def __call__(self, picture: Image.Image) -> Image.Image:
        """The map, of the picture's size."""
        inputs = self._processor(images=picture, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            depth = self._model(**inputs).predicted_depth[0].float().cpu().numpy()
        span = float(depth.max() - depth.min()) or 1.0
        gray = ((depth - depth.min()) / span * 255).round().astype(np.uint8)
        return Image.fromarray(gray).convert("RGB").resize(picture.size, Image.Resampling.BICUBIC)
