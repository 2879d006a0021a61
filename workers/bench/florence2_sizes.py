"""Florence-2 of a given size with random weights, for measuring time and memory alone."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    AutoModelForImageTextToText,
    BartConfig,
    Florence2Config,
    Florence2Processor,
    Florence2VisionConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from workers.demo import weights_folder
from workers.training.florence2.components import (
    BICUBIC,
    DEVIATION,
    END,
    MEAN,
    PAD,
    POST_PROCESSING,
    START,
)

STRIDE = 32
"""Side of a picture token in pixels: the four stages of the vision tower scale by 4, 2, 2, 2."""

Quadruple = tuple[int, int, int, int]


@dataclass(frozen=True)
class Florence2Shape:
    """The size of a Florence-2.

    Attributes:
        side: width and height in pixels that pictures are resized to.
        widths, depths, heads: of the four stages of the vision tower; there are as many groups as
            heads.
        width: width of the language model.
        layers: layers of its encoder, and of its decoder.
        text_heads: its attention heads.
        feed_forward: inner width of its feed-forward layers.
        vocabulary: its number of tokens, padded.
        positions: the longest prompt with picture tokens, and the longest answer.
    """

    side: int
    widths: Quadruple
    depths: Quadruple
    heads: Quadruple
    width: int
    layers: int
    text_heads: int
    feed_forward: int
    vocabulary: int
    positions: int = 1024

    @property
    def picture_tokens(self) -> int:
        """One token per cell, and one for the whole picture."""
        return (self.side // STRIDE) ** 2 + 1


LARGE = Florence2Shape(
    side=768,
    widths=(256, 512, 1024, 2048),
    depths=(1, 1, 9, 1),
    heads=(8, 16, 32, 64),
    width=1024,
    layers=12,
    text_heads=16,
    feed_forward=4096,
    # 51,289 and the picture's token, rounded up to a multiple of 64 as in the conversion.
    vocabulary=51_328,
)
TINY = Florence2Shape(
    side=64,
    widths=(8, 16, 32, 64),
    depths=(1, 1, 1, 1),
    heads=(1, 2, 4, 8),
    width=64,
    layers=2,
    text_heads=4,
    feed_forward=128,
    vocabulary=2048,
)


def new_processor(shape: Florence2Shape) -> Any:
    """A processor for pictures of that size, with the demo's tokenizer: lengths are similar."""
    images = CLIPImageProcessorPil(
        size={"height": shape.side, "width": shape.side},
        do_center_crop=False,
        resample=BICUBIC,
        image_mean=list(MEAN),
        image_std=list(DEVIATION),
    )
    images.image_seq_length = shape.picture_tokens
    demo = Florence2Processor.from_pretrained(weights_folder("florence-2-demo"))
    demo.tokenizer.model_max_length = shape.positions
    return Florence2Processor(images, demo.tokenizer, post_processor_config=POST_PROCESSING)


def new_model(
    shape: Florence2Shape, processor: Any, *, device: str, dtype: torch.dtype, attention: str
) -> Any:
    """A model with random weights, created on the device; on "meta" it has no weights."""
    tokens = {
        "bos_token_id": START,
        "pad_token_id": PAD,
        "eos_token_id": END,
        "decoder_start_token_id": END,
    }
    config = Florence2Config(
        vision_config=_vision_config(shape),
        text_config=_text_config(shape),
        image_token_id=processor.tokenizer.image_token_id,
        is_encoder_decoder=True,
        **tokens,
    )
    with torch.device(device):
        model = AutoModelForImageTextToText.from_config(
            config, dtype=dtype, attn_implementation=attention
        )
    model.generation_config.update(**tokens)
    return model.eval()


def _vision_config(shape: Florence2Shape) -> Any:
    """The vision settings; all others have the library's defaults, those of the base checkpoint."""
    return Florence2VisionConfig(
        embed_dim=shape.widths,
        depths=shape.depths,
        num_heads=shape.heads,
        num_groups=shape.heads,
        projection_dim=shape.width,
    )


def _text_config(shape: Florence2Shape) -> Any:
    return BartConfig(
        vocab_size=shape.vocabulary,
        d_model=shape.width,
        encoder_layers=shape.layers,
        decoder_layers=shape.layers,
        encoder_attention_heads=shape.text_heads,
        decoder_attention_heads=shape.text_heads,
        encoder_ffn_dim=shape.feed_forward,
        decoder_ffn_dim=shape.feed_forward,
        max_position_embeddings=shape.positions,
        forced_bos_token_id=START,
        forced_eos_token_id=None,
    )
