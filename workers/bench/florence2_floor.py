"""The least time in which a device can answer, by arithmetic and by what it must read."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from workers.bench.florence2_sizes import Florence2Shape, new_model, new_processor

CAPTION_PROMPT = "What does the image describe?"
_BYTES = 2
"""Of one number in bfloat16."""


@dataclass(frozen=True)
class Card:
    """A device's peaks, as its vendor's data sheet states them.

    Attributes:
        flops: bfloat16 matrix operations a second, dense.
        bandwidth: bytes a second from its memory.
    """

    flops: float
    bandwidth: float


CARDS = {"h100": Card(989e12, 3.35e12), "h200": Card(989e12, 4.8e12)}
"""NVIDIA's data sheets, SXM versions."""


@dataclass(frozen=True)
class Floor:
    """What one picture and one token of its answer cost.

    Attributes:
        parameters: of the whole model.
        vision_flops: the vision tower and projection of one picture.
        encoder_flops: the encoder over picture and prompt, and the decoder's keys and values of it.
        token_flops: one token of one sequence through the decoder and the vocabulary.
        decoder_bytes: weights that every step of the decoder reads.
        sequence_bytes: keys and values of one sequence that every step reads, its own at half of
            their final length.
    """

    parameters: int
    vision_flops: float
    encoder_flops: float
    token_flops: float
    decoder_bytes: float
    sequence_bytes: float

    def seconds(self, card: Card, *, batch: int, beams: int, tokens: int) -> float:
        """The floor of one batch: pictures read, then one step after another.

        A step takes as long as its arithmetic or as what it reads, whichever is longer:
        `batch * (vision + encoder) / flops + tokens * max(rows * token / flops,
        (weights + rows * sequence) / bandwidth)`, with `rows = batch * beams`.
        """
        rows = batch * beams
        reading = batch * (self.vision_flops + self.encoder_flops) / card.flops
        arithmetic = rows * self.token_flops / card.flops
        memory = (self.decoder_bytes + rows * self.sequence_bytes) / card.bandwidth
        return reading + tokens * max(arithmetic, memory)


def count(shape: Florence2Shape, tokens: int) -> Floor:
    """Count the operations of a model without weights, for answers of that many tokens."""
    processor = new_processor(shape)
    # Eager attention is matrix products, which are counted; fused kernels are not there on "meta".
    model = new_model(shape, processor, device="meta", dtype=torch.bfloat16, attention="eager")
    words = processor.tokenizer(CAPTION_PROMPT)["input_ids"]
    length = shape.picture_tokens + len(words)
    one, many = (_decoder_flops(model, length, n) for n in (1, tokens + 1))
    token_flops = (many - one) / tokens
    return Floor(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        vision_flops=_vision_flops(model, shape),
        encoder_flops=_encoder_flops(model, length) + one - token_flops,
        token_flops=token_flops,
        decoder_bytes=_BYTES * _numbers_of_a_step(model),
        sequence_bytes=_BYTES * 2 * shape.layers * shape.width * (length + tokens / 2),
    )


@contextmanager
def _counted() -> Iterator[FlopCounterMode]:
    with torch.inference_mode(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        yield counter


def _vision_flops(model: Any, shape: Florence2Shape) -> int:
    with _counted() as counter:
        model.get_image_features(torch.empty(1, 3, shape.side, shape.side, dtype=model.dtype))
    return counter.get_total_flops()


def _encoder_flops(model: Any, length: int) -> int:
    with _counted() as counter:
        model.get_encoder()(inputs_embeds=_states(model, length))
    return counter.get_total_flops()


def _decoder_flops(model: Any, length: int, tokens: int) -> int:
    """That many tokens at once, which costs what one after another with a cache does."""
    with _counted() as counter:
        states = model.model.language_model.decoder(
            input_ids=torch.zeros(1, tokens, dtype=torch.long),
            encoder_hidden_states=_states(model, length),
            use_cache=False,
        ).last_hidden_state
        model.lm_head(states)
    return counter.get_total_flops()


def _states(model: Any, length: int) -> torch.Tensor:
    return torch.empty(1, length, model.config.text_config.d_model, dtype=model.dtype)


def _numbers_of_a_step(model: Any) -> int:
    """The decoder's weights, the vocabulary's among them, but those whose products are cached."""
    cached = ("encoder_attn.k_proj", "encoder_attn.v_proj")
    decoder = model.model.language_model.decoder.named_parameters()
    return sum(
        weight.numel() for name, weight in decoder if not any(part in name for part in cached)
    )
