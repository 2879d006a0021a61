"""The parts of a demo Florence-2: tokenizer, processor, and a model with its initial weights."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import (
    BartConfig,
    BartTokenizer,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    Florence2VisionConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from workers.training.common.export import make_readable
from workers.training.scenes.canvas import Canvas, sample_canvas
from workers.training.scenes.descriptions import (
    BINS,
    caption,
    detailed_caption,
    more_detailed_caption,
    sized,
)
from workers.training.scenes.palette import seeded_random

SIDE = 192
"""Width and height in pixels that every picture is resized to."""
GRID = 12
"""Picture tokens per side; one more token stands for the whole picture."""
START, PAD, END = 0, 1, 2
"""Ids of the special tokens."""
POSITIONS = 320
MAX_ANSWER_TOKENS = 100
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and deviation of each channel, 0 to 1, for the family's normalization."""
BICUBIC = 3

VOCABULARY = 600
CORPUS_CANVASES = 3000
MARKERS = (
    *("<od>", "</od>", "<ocr>", "</ocr>"),
    *(f"<loc_{n}>" for n in range(BINS)),
    *("<cap>", "</cap>", "<ncap>", "</ncap>", "<dcap>", "</dcap>"),
    *("<grounding>", "</grounding>", "<seg>", "</seg>", "<sep>", "<region_cap>", "</region_cap>"),
    *("<region_to_desciption>", "</region_to_desciption>"),  # spelt so in the family's vocabulary
    *("<proposal>", "</proposal>", "<poly>", "</poly>", "<and>", "<image>"),
)

QUAD = r"(.+?)" + r"<loc_(\d+)>" * 8
PRONOUNS = ["it", "I", "they", "we", "you", "he", "she", "the image", "the picture"]
POST_PROCESSING: dict[str, dict[str, Any]] = {
    "ocr": {"PATTERN": QUAD, "AREA_THRESHOLD": 0.0},
    "phrase_grounding": {"banned_grounding_tokens": PRONOUNS},
    "pure_text": {},
    "description_with_bboxes": {},
    "description_with_polygons": {},
    "polygons": {},
    "bboxes": {},
    "description_with_bboxes_or_polygons": {},
}
"""All eight parsers need an entry, or the processor rejects every answer."""


@dataclass(frozen=True)
class Florence2Size:
    """The size of a demo Florence-2; the defaults are those of the shipped weights.

    Attributes:
        widths, depths, heads, groups: of the three stages of the vision tower; the last width is
            also that of the language model.
        layers: layers of the encoder, and of the decoder.
        text_heads: attention heads of the language model.
        feed_forward: inner width of the language model's feed-forward layers.
    """

    widths: tuple[int, int, int] = (32, 64, 192)
    depths: tuple[int, int, int] = (1, 2, 2)
    heads: tuple[int, int, int] = (1, 2, 4)
    groups: tuple[int, int, int] = (2, 4, 8)
    layers: int = 2
    text_heads: int = 3
    feed_forward: int = 512


def new_processor() -> Florence2Processor:
    """A processor with a tokenizer trained on descriptions of drawn canvases."""
    images = CLIPImageProcessorPil(
        size={"height": SIDE, "width": SIDE},
        do_center_crop=False,
        resample=BICUBIC,
        image_mean=list(MEAN),
        image_std=list(DEVIATION),
    )
    images.image_seq_length = GRID**2 + 1
    return Florence2Processor(images, _new_tokenizer(), post_processor_config=POST_PROCESSING)


def _new_tokenizer() -> BartTokenizer:
    """A byte-level BPE tokenizer with the family's markers as whole tokens."""
    bpe = _train_bpe()
    tokenizer = BartTokenizer(
        vocab=bpe["vocab"],
        merges=[tuple(merge) for merge in bpe["merges"]],
        model_max_length=POSITIONS,
        clean_up_tokenization_spaces=False,
        extra_special_tokens={"image_token": "<image>"},
    )
    markers = [AddedToken(marker, special=True, normalized=False) for marker in MARKERS]
    tokenizer.add_tokens(markers, special_tokens=True)
    return tokenizer


def _train_bpe() -> dict[str, Any]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return model


PROMPTS = (
    "What is the text in the image?",
    "What is the text in the image, with regions?",
    "What does the image describe?",
    "Describe in detail what is shown in the image.",
    "Describe with a paragraph what is shown in the image.",
    "Locate the objects with category name in the image.",
    "Locate the objects in the image, with their descriptions.",
    "Locate the region proposals in the image.",
    "Locate the phrases in the caption: a",
    "Locate a red circle in the image with mask",
    "What is the polygon mask of region ",
    "Locate a star in the image.",
    "What is the region ?",
    "What does the region describe?",
    "What text is in the region ?",
)
"""The sentences that the processor replaces the task tokens with."""


def _corpus() -> Iterator[str]:
    rng = seeded_random(1)
    for _ in range(CORPUS_CANVASES):
        yield from _descriptions(sample_canvas(rng, text=""))


def _descriptions(canvas: Canvas) -> Iterator[str]:
    yield caption(canvas)
    yield detailed_caption(canvas) + " The text reads"
    yield more_detailed_caption(canvas) + " black text white text"
    yield from PROMPTS
    for item in canvas.items:
        yield from (item.name, item.shape, "the " + item.name, sized(canvas, item))


def new_model(
    size: Florence2Size, processor: Florence2Processor
) -> Florence2ForConditionalGeneration:
    """An untrained model for a processor; the weights come from torch's global generator."""
    tokenizer = processor.tokenizer
    model = Florence2ForConditionalGeneration(
        Florence2Config(
            vision_config=_vision_config(size),
            text_config=_text_config(size, len(tokenizer)),
            image_token_id=tokenizer.image_token_id,
            bos_token_id=START,
            pad_token_id=PAD,
            eos_token_id=END,
            decoder_start_token_id=END,
            is_encoder_decoder=True,
        )
    )
    _initialize(model, first_location(processor))
    return model


def first_location(processor: Florence2Processor) -> int:
    """The id of `<loc_0>`; the ids of the other 999 locations follow it."""
    token: int = processor.tokenizer.convert_tokens_to_ids("<loc_0>")
    return token


def _vision_config(size: Florence2Size) -> Florence2VisionConfig:
    return Florence2VisionConfig(
        embed_dim=size.widths,
        depths=size.depths,
        num_heads=size.heads,
        num_groups=size.groups,
        patch_size=(7, 3, 3),
        patch_stride=(4, 2, 2),
        patch_padding=(3, 1, 1),
        patch_prenorm=(False, True, True),
        window_size=GRID,
        drop_path_rate=0.0,
        mlp_ratio=2.0,
        projection_dim=size.widths[-1],
        max_temporal_embeddings=4,
        max_position_embeddings=2 * GRID,
    )


def _text_config(size: Florence2Size, vocabulary: int) -> BartConfig:
    return BartConfig(
        vocab_size=vocabulary,
        d_model=size.widths[-1],
        encoder_layers=size.layers,
        decoder_layers=size.layers,
        encoder_attention_heads=size.text_heads,
        decoder_attention_heads=size.text_heads,
        encoder_ffn_dim=size.feed_forward,
        decoder_ffn_dim=size.feed_forward,
        max_position_embeddings=POSITIONS,
        dropout=0.0,
        attention_dropout=0.0,
        scale_embedding=False,
        forced_bos_token_id=START,
        forced_eos_token_id=END,
    )


LOCATION_SCALE, POSITION_SCALE = 0.03, 0.5
QUERY_GAIN = 1.4
TEXT_POSITION_DEVIATION = 0.05


@torch.no_grad()
def _initialize(model: Florence2ForConditionalGeneration, first: int) -> None:
    """Initialize the weights so that such a small model can learn.

    Neighbouring locations and positions start with similar embeddings (waves of several lengths
    along the axis). The language model's matrices start with a deviation of 1/√inputs: with the
    family's 0.02 its attention would contribute almost nothing at this width.
    """
    tokens = model.get_input_embeddings().weight
    waves = _waves(torch.arange(BINS) / BINS, torch.logspace(-0.3, 1.3, tokens.shape[1] // 2))
    tokens[first : first + BINS] = LOCATION_SCALE * waves[:, torch.randperm(tokens.shape[1])]
    place = model.model.multi_modal_projector.image_position_embed
    for table in (place.row_embeddings.weight, place.column_embeddings.weight):
        count, width = table.shape
        cycles = torch.linspace(0.25, GRID / 2, (width + 1) // 2)
        waves = _waves((torch.arange(count) + 0.5) / GRID, cycles)
        table.copy_(POSITION_SCALE * waves[:, :width])
    for name, module in model.model.language_model.named_modules():
        _initialize_module(name, module)


def _waves(x: Tensor, cycles: Tensor) -> Tensor:
    """Sines and cosines (n, 2k) of k frequencies at n positions, with random phases."""
    angles = 2 * math.pi * (cycles * x[:, None] + torch.rand(1, len(cycles)))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _initialize_module(name: str, module: nn.Module) -> None:
    match module:
        case nn.Linear():
            gain = QUERY_GAIN if name.endswith(("q_proj", "k_proj")) else 1.0
            nn.init.normal_(module.weight, std=gain * module.in_features**-0.5)
            nn.init.zeros_(module.bias)
        case nn.Embedding() if "positions" in name:
            nn.init.normal_(module.weight, std=TEXT_POSITION_DEVIATION)


def load(folder: Path) -> tuple[Florence2ForConditionalGeneration, Florence2Processor]:
    """Load a model in float32 and its processor from a folder in the stock layout."""
    model = Florence2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return model, Florence2Processor.from_pretrained(folder)


def save(
    model: Florence2ForConditionalGeneration, processor: Florence2Processor, folder: Path
) -> None:
    """Write both in the stock layout; converts the model to bfloat16 in place."""
    model.generation_config.update(
        decoder_start_token_id=END,
        bos_token_id=START,
        pad_token_id=PAD,
        eos_token_id=END,
        forced_bos_token_id=START,
        forced_eos_token_id=END,
        max_new_tokens=MAX_ANSWER_TOKENS,
    )
    model.to("cpu", torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    processor.save_pretrained(folder)
    make_readable(folder)
