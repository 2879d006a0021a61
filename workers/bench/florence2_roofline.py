"""Roofline model of Florence-2: a lower bound of the time, by arithmetic and memory bandwidth."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from workers.bench.florence2_sizes import Florence2Shape, new_model, new_processor

CAPTION_PROMPT = "What does the image describe?"
_BYTES = 2
"""Bytes of one value in bfloat16."""


@dataclass(frozen=True)
class DevicePeaks:
    """The peak rates of a device from its vendor's data sheet.

    Attributes:
        flops: dense bfloat16 matrix operations per second.
        bandwidth: bytes per second from its memory.
    """

    flops: float
    bandwidth: float


CARD_PEAKS = {"h100": DevicePeaks(989e12, 3.35e12), "h200": DevicePeaks(989e12, 4.8e12)}
"""Peaks from NVIDIA's data sheets, SXM versions."""


@dataclass(frozen=True)
class Roofline:
    """The costs of one picture and of one token of its answer.

    Attributes:
        parameters: the number of parameters of the whole model.
        vision_flops: operations of the vision tower and the projection for one picture.
        encoder_flops: operations of the encoder for picture and prompt, and of the decoder's keys
            and values of the encoder's output.
        token_flops: operations of the decoder and the vocabulary for one token of one sequence.
        decoder_bytes: weights that every step of the decoder reads.
        sequence_bytes: keys and values of one sequence that every step reads; those of the answer
            at half of its final length.
    """

    parameters: int
    vision_flops: float
    encoder_flops: float
    token_flops: float
    decoder_bytes: float
    sequence_bytes: float

    def seconds(self, peaks: DevicePeaks, *, batch: int, beams: int, tokens: int) -> float:
        """The lower bound for one batch: the pictures are encoded, then one step follows another.

        A step takes as long as its arithmetic or its memory reads, whichever is longer:
        `batch * (vision + encoder) / flops + tokens * max(rows * token / flops,
        (weights + rows * sequence) / bandwidth)`, with `rows = batch * beams`.
        """
        rows = batch * beams
        encoding = batch * (self.vision_flops + self.encoder_flops) / peaks.flops
        arithmetic = rows * self.token_flops / peaks.flops
        memory = (self.decoder_bytes + rows * self.sequence_bytes) / peaks.bandwidth
        return encoding + tokens * max(arithmetic, memory)


def count_operations(shape: Florence2Shape, tokens: int) -> Roofline:
    """Count the operations of a model without weights, for answers of so many tokens."""
    processor = new_processor(shape)
    # Eager attention consists of matrix products, which are counted; "meta" has no fused kernels.
    model = new_model(shape, processor, device="meta", dtype=torch.bfloat16, attention="eager")
    words = processor.tokenizer(CAPTION_PROMPT)["input_ids"]
    length = shape.picture_tokens + len(words)
    one, many = (_decoder_flops(model, length, n) for n in (1, tokens + 1))
    token_flops = (many - one) / tokens
    return Roofline(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        vision_flops=_vision_flops(model, shape),
        encoder_flops=_encoder_flops(model, length) + one - token_flops,
        token_flops=token_flops,
        decoder_bytes=_BYTES * _parameters_per_step(model),
        sequence_bytes=_BYTES * 2 * shape.layers * shape.width * (length + tokens / 2),
    )


@contextmanager
def _flop_counter() -> Iterator[FlopCounterMode]:
    with torch.inference_mode(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        yield counter


def _vision_flops(model: Any, shape: Florence2Shape) -> int:
    with _flop_counter() as counter:
        model.get_image_features(torch.empty(1, 3, shape.side, shape.side, dtype=model.dtype))
    return counter.get_total_flops()


def _encoder_flops(model: Any, length: int) -> int:
    with _flop_counter() as counter:
        model.get_encoder()(inputs_embeds=_states(model, length))
    return counter.get_total_flops()


def _decoder_flops(model: Any, length: int, tokens: int) -> int:
    """Operations for so many tokens at once; one after another with a cache costs the same."""
    with _flop_counter() as counter:
        states = model.model.language_model.decoder(
            input_ids=torch.zeros(1, tokens, dtype=torch.long),
            encoder_hidden_states=_states(model, length),
            use_cache=False,
        ).last_hidden_state
        model.lm_head(states)
    return counter.get_total_flops()


def _states(model: Any, length: int) -> torch.Tensor:
    return torch.empty(1, length, model.config.text_config.d_model, dtype=model.dtype)


def _parameters_per_step(model: Any) -> int:
    """The decoder's parameters with the vocabulary's, but without those with cached products."""
    cached = ("encoder_attn.k_proj", "encoder_attn.v_proj")
    decoder = model.model.language_model.decoder.named_parameters()
    return sum(
        weight.numel() for name, weight in decoder if not any(part in name for part in cached)
    )
