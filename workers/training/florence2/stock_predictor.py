"""Answers of a Florence-2 through transformers' own model and processor."""

from typing import Any

import torch
from PIL import Image
from transformers import Florence2ForConditionalGeneration, Florence2Processor

from workers.training.florence2.components import MAX_ANSWER_TOKENS
from workers.training.scenes.descriptions import location_bin
from workers.training.scenes.palette import Box


class StockPredictor:
    """A `Predictor` that generates greedily with the stock classes."""

    def __init__(
        self, model: Florence2ForConditionalGeneration, processor: Florence2Processor
    ) -> None:
        """Answer with this model."""
        self._model = model
        self._processor = processor

    @torch.no_grad()
    def __call__(
        self, picture: Image.Image, task: str, text: str, region: Box | None
    ) -> dict[str, Any]:
        """The answer to one question, with coordinates in pixels of the picture."""
        prompt = task + text + (region_tokens(region, picture.size) if region else "")
        inputs = self._processor(text=prompt, images=picture, return_tensors="pt")
        tokens = self._model.generate(
            **inputs.to(self._model.device),
            max_new_tokens=MAX_ANSWER_TOKENS,
            num_beams=1,
            do_sample=False,
        )
        answer: dict[str, Any] = self._processor.post_process_generation(
            text=self._processor.batch_decode(tokens)[0], task=task, image_size=picture.size
        )
        return answer


def region_tokens(region: Box, size: tuple[int, int]) -> str:
    """The location tokens of a region, which is in pixels of a picture of that width and height."""
    edges = zip(region, size * 2, strict=True)
    return "".join(f"<loc_{location_bin(edge, length)}>" for edge, length in edges)
