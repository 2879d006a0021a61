"""Model growth: initializes a larger demo Florence-2 with the weights of a smaller one."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Florence2ForConditionalGeneration, Florence2Processor

RESERVED = 2
"""The number of unused rows at the start of BART's position embeddings."""


@torch.no_grad()
def grow(
    model: Florence2ForConditionalGeneration,
    processor: Florence2Processor,
    smaller: Florence2ForConditionalGeneration,
    smaller_processor: Florence2Processor,
) -> None:
    """Copy the knowledge of a smaller model into an untrained one.

    Weights of equal shape are copied. Tokens keep their embeddings even if their ids change, and a
    new token starts as the mean of the old tokens that spell it. Position embeddings move to the
    same place in the finer grid. Blocks that the smaller model lacks start as identities.

    Args:
        model: the untrained model.
        processor: its processor.
        smaller: the trained model, with a coarser grid or fewer blocks.
        smaller_processor: the processor of the smaller model.
    """
    known = smaller.state_dict()
    for name, weight in model.state_dict().items():
        if name in known and known[name].shape == weight.shape:
            weight.copy_(known[name])
    _zero_new_blocks(model, known)
    _copy_tokens(model, processor, smaller, smaller_processor)
    cells, old_cells = (math.isqrt(p.num_image_tokens - 1) for p in (processor, smaller_processor))
    places = model.model.multi_modal_projector.image_position_embed
    old_places = smaller.model.multi_modal_projector.image_position_embed
    for axis in ("row_embeddings", "column_embeddings"):
        old = getattr(old_places, axis).weight[:old_cells]
        getattr(places, axis).weight[:cells] = _interpolate(old.T[None], cells)[0].T
    _copy_positions(model, smaller, cells, old_cells)


def _interpolate(samples: Tensor, *lengths: int) -> Tensor:
    """Interpolate samples (1, d, …) to other lengths along one or two axes."""
    mode = "linear" if len(lengths) == 1 else "bilinear"
    return functional.interpolate(samples, size=lengths, mode=mode, align_corners=False)


def _zero_new_blocks(model: nn.Module, known: dict[str, Any]) -> None:
    """Set the last layers of a new block to zero, so that it adds nothing to its input."""
    for name, module in model.named_modules():
        adds = name.endswith((".proj", ".fc2", ".conv1", ".conv2"))
        if adds and ".blocks." in name and f"{name}.weight" not in known:
            for parameter in module.parameters():
                parameter.zero_()


def _copy_tokens(
    model: Florence2ForConditionalGeneration,
    processor: Florence2Processor,
    smaller: Florence2ForConditionalGeneration,
    smaller_processor: Florence2Processor,
) -> None:
    embeddings = model.get_input_embeddings().weight
    known = smaller.get_input_embeddings().weight
    ids = smaller_processor.tokenizer.get_vocab()
    for token, row in processor.tokenizer.get_vocab().items():
        if token in ids:
            embeddings[row] = known[ids[token]]
        else:
            text = processor.tokenizer.convert_tokens_to_string([token])
            pieces = smaller_processor.tokenizer(text, add_special_tokens=False).input_ids
            embeddings[row] = known[pieces].mean(0)


def _copy_positions(
    model: Florence2ForConditionalGeneration,
    smaller: Florence2ForConditionalGeneration,
    cells: int,
    old_cells: int,
) -> None:
    """Copy the decoder's positions, and the encoder's: whole picture, cells, prompt."""
    side, old_side = model.model.language_model, smaller.model.language_model
    old = old_side.decoder.embed_positions.weight
    side.decoder.embed_positions.weight[: len(old)] = old
    old, new = old_side.encoder.embed_positions.weight, side.encoder.embed_positions.weight
    first, end, old_end = RESERVED + 1, RESERVED + 1 + cells**2, RESERVED + 1 + old_cells**2
    new[:first] = old[:first]
    grid = old[first:old_end].T.reshape(1, -1, old_cells, old_cells)
    new[first:end] = _interpolate(grid, cells, cells)[0].flatten(1).T
    prompt = min(len(old) - old_end, len(new) - end)
    new[end : end + prompt] = old[old_end : old_end + prompt]
