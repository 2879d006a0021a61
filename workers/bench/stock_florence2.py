"""Florence-2 with transformers' own classes, called as in their documentation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL.Image import Image


@dataclass(frozen=True)
class StockFlorence2:
    """A model with its processor and generation settings.

    Attributes:
        generation: keyword arguments of every call of `generate`.
    """

    model: Any
    processor: Any
    generation: dict[str, Any]

    def answer(self, picture: Image, task: str) -> Any:
        """The parsed answer to one task: text, or labels with positions in pixels."""
        text = self.processor.decode(self.tokens([picture], task)[0], skip_special_tokens=False)
        parsed = self.processor.post_process_generation(
            text=text, task=task, image_size=picture.size
        )
        return parsed[task]

    @torch.inference_mode()
    def tokens(self, pictures: Sequence[Image], task: str, **changes: Any) -> torch.Tensor:
        """The generated token ids of each picture, padded: (pictures, tokens).

        Args:
            pictures: pictures of any size.
            task: a task token that takes no further input.
            changes: keyword arguments of this call of `generate` alone.
        """
        inputs = self.processor(
            text=[task] * len(pictures), images=list(pictures), return_tensors="pt", padding=True
        ).to(self.model.device, self.model.dtype)
        tokens: torch.Tensor = self.model.generate(**inputs, **{**self.generation, **changes})
        return tokens
