"""What a Florence-2 answers about pictures, through the stock processor."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from transformers import Florence2ForConditionalGeneration, Florence2Processor

from workers.demo.detection_score import Detection
from workers.demo.florence2_parts import LONGEST_ANSWER
from workers.demo.scenes.canvas import Canvas


@torch.no_grad()
def answers(
    model: Florence2ForConditionalGeneration,
    processor: Florence2Processor,
    pictures: Sequence[Image.Image],
    task: str,
) -> list[Any]:
    """Answer one task without further input about each picture, greedy, in one batch.

    Returns:
        Per picture what the processor makes of the answer: text, or boxes in its pixels.
    """
    inputs = processor(
        text=[task] * len(pictures), images=list(pictures), return_tensors="pt", padding=True
    ).to(model.device)
    tokens = model.generate(**inputs, max_new_tokens=LONGEST_ANSWER, num_beams=1, do_sample=False)
    # the text parsers strip all markers but the padding of shorter answers
    texts = [text.replace("<pad>", "") for text in processor.batch_decode(tokens)]
    return [
        processor.post_process_generation(text=text, task=task, image_size=picture.size)[task]
        for text, picture in zip(texts, pictures, strict=True)
    ]


def detections(
    model: Florence2ForConditionalGeneration,
    processor: Florence2Processor,
    pictures: Sequence[Image.Image],
) -> list[list[Detection]]:
    """The shapes, and text, that a model finds in each picture."""
    return [
        [
            Detection(label, (left, top, right, bottom))
            for label, (left, top, right, bottom) in zip(
                answer["labels"], answer["bboxes"], strict=True
            )
        ]
        for answer in answers(model, processor, pictures, "<OD>")
    ]


def true_detections(canvas: Canvas) -> list[Detection]:
    """What should be found on a canvas."""
    return [Detection(item.shape, item.box) for item in canvas.items]
