"""A larger demo Florence-2 from a smaller one: what it knows already need not be learnt again."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Florence2ForConditionalGeneration, Florence2Processor

RESERVED = 2
"""BART's position embeddings begin with this many rows that no position has."""


@torch.no_grad()
def grow(
    model: Florence2ForConditionalGeneration,
    processor: Florence2Processor,
    smaller: Florence2ForConditionalGeneration,
    speaking: Florence2Processor,
) -> None:
    """Give a fresh model what a smaller one knows.

    Weights of equal shapes are taken over. Tokens keep their embeddings whatever their ids, and
    new ones begin as the mean of the old ones that spell them. What belonged to a place in the
    picture goes to the same place in the finer grid. Blocks that the smaller one has not begin
    as doing nothing.

    Args:
        model: the fresh one.
        processor: its processor.
        smaller: the one that knows, with a coarser grid or fewer blocks.
        speaking: its processor.
    """
    known = smaller.state_dict()
    for name, weight in model.state_dict().items():
        if name in known and known[name].shape == weight.shape:
            weight.copy_(known[name])
    _silence_new_blocks(model, known)
    _take_over_tokens(model, processor, smaller, speaking)
    cells, fewer = (math.isqrt(p.num_image_tokens - 1) for p in (processor, speaking))
    places = model.model.multi_modal_projector.image_position_embed
    old_places = smaller.model.multi_modal_projector.image_position_embed
    for axis in ("row_embeddings", "column_embeddings"):
        old = getattr(old_places, axis).weight[:fewer]
        getattr(places, axis).weight[:cells] = _finer(old.T[None], cells)[0].T
    _take_over_positions(model, smaller, cells, fewer)


def _finer(samples: Tensor, *lengths: int) -> Tensor:
    """Samples (1, d, …) along one or two axes, interpolated to other numbers of them."""
    mode = "linear" if len(lengths) == 1 else "bilinear"
    return functional.interpolate(samples, size=lengths, mode=mode, align_corners=False)


def _silence_new_blocks(model: nn.Module, known: dict[str, Any]) -> None:
    """Zero what a new block adds to its input."""
    for name, module in model.named_modules():
        adds = name.endswith((".proj", ".fc2", ".conv1", ".conv2"))
        if adds and ".blocks." in name and f"{name}.weight" not in known:
            for parameter in module.parameters():
                parameter.zero_()


def _take_over_tokens(
    model: Florence2ForConditionalGeneration,
    processor: Florence2Processor,
    smaller: Florence2ForConditionalGeneration,
    speaking: Florence2Processor,
) -> None:
    embeddings = model.get_input_embeddings().weight
    known = smaller.get_input_embeddings().weight
    ids = speaking.tokenizer.get_vocab()
    for token, row in processor.tokenizer.get_vocab().items():
        if token in ids:
            embeddings[row] = known[ids[token]]
        else:
            spelt = processor.tokenizer.convert_tokens_to_string([token])
            pieces = speaking.tokenizer(spelt, add_special_tokens=False).input_ids
            embeddings[row] = known[pieces].mean(0)


def _take_over_positions(
    model: Florence2ForConditionalGeneration,
    smaller: Florence2ForConditionalGeneration,
    cells: int,
    fewer: int,
) -> None:
    """Those of the decoder, and of the encoder: the whole picture, its cells, the prompt."""
    side, old_side = model.model.language_model, smaller.model.language_model
    old = old_side.decoder.embed_positions.weight
    side.decoder.embed_positions.weight[: len(old)] = old
    old, new = old_side.encoder.embed_positions.weight, side.encoder.embed_positions.weight
    first, end, old_end = RESERVED + 1, RESERVED + 1 + cells**2, RESERVED + 1 + fewer**2
    new[:first] = old[:first]
    grid = old[first:old_end].T.reshape(1, -1, fewer, fewer)
    new[first:end] = _finer(grid, cells, cells)[0].flatten(1).T
    prompt = min(len(old) - old_end, len(new) - end)
    new[end : end + prompt] = old[old_end : old_end + prompt]
