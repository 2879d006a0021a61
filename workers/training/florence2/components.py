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

from workers.training.export import readable
from workers.training.scenes.canvas import Canvas, sample_canvas
from workers.training.scenes.palette import lots
from workers.training.scenes.wording import (
    BINS,
    caption,
    detailed_caption,
    more_detailed_caption,
    sized,
)

SIDE = 192
"""Pixels to a side that every picture is stretched to."""
GRID = 12
"""Picture tokens to a side; one more stands for the whole."""
START, PAD, END = 0, 1, 2
"""Token ids."""
POSITIONS = 320
LONGEST_ANSWER = 100
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of each channel, 0 to 1, as the family's pictures are normalised."""
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
"""All eight parsers need an entry, or the processor refuses every answer."""


@dataclass(frozen=True)
class Florence2Size:
    """How large a demo Florence-2 is; the defaults are the shipped one's.

    Attributes:
        widths, depths, heads, groups: of the three stages of the vision tower; the last width is
            the language model's too.
        layers: of the encoder, and as many of the decoder.
        text_heads: attention heads of the language model.
        feed_forward: its inner width.
    """

    widths: tuple[int, int, int] = (32, 64, 192)
    depths: tuple[int, int, int] = (1, 2, 2)
    heads: tuple[int, int, int] = (1, 2, 4)
    groups: tuple[int, int, int] = (2, 4, 8)
    layers: int = 2
    text_heads: int = 3
    feed_forward: int = 512


def new_processor() -> Florence2Processor:
    """A processor whose tokenizer is learnt from what there is to say about drawn canvases."""
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
    """A byte-level BPE, and the family's markers as whole tokens."""
    learnt = _learnt_bpe()
    tokenizer = BartTokenizer(
        vocab=learnt["vocab"],
        merges=[tuple(merge) for merge in learnt["merges"]],
        model_max_length=POSITIONS,
        clean_up_tokenization_spaces=False,
        extra_special_tokens={"image_token": "<image>"},
    )
    markers = [AddedToken(marker, special=True, normalized=False) for marker in MARKERS]
    tokenizer.add_tokens(markers, special_tokens=True)
    return tokenizer


def _learnt_bpe() -> dict[str, Any]:
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
"""The sentences into which the processor turns the task tokens."""


def _corpus() -> Iterator[str]:
    rng = lots(1)
    for _ in range(CORPUS_CANVASES):
        yield from _sayings(sample_canvas(rng, text=""))


def _sayings(canvas: Canvas) -> Iterator[str]:
    yield caption(canvas)
    yield detailed_caption(canvas) + " The text reads"
    yield more_detailed_caption(canvas) + " black text white text"
    yield from PROMPTS
    for item in canvas.items:
        yield from (item.name, item.shape, "the " + item.name, sized(canvas, item))


def new_model(
    size: Florence2Size, processor: Florence2Processor
) -> Florence2ForConditionalGeneration:
    """An untrained model for a processor; its weights come from torch's global generator."""
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
    _initialise(model, first_location(processor))
    return model


def first_location(processor: Florence2Processor) -> int:
    """The id of `<loc_0>`; those of the other 999 follow it."""
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
def _initialise(model: Florence2ForConditionalGeneration, first: int) -> None:
    """Start where so small a model can learn.

    Neighbouring locations and positions begin alike (waves of several lengths over the axis), and
    the language model's matrices begin with a deviation of 1/√inputs: with the family's 0.02 its
    attention would add next to nothing at this width.
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
        _initialise_module(name, module)


def _waves(x: Tensor, cycles: Tensor) -> Tensor:
    """Sines and cosines (n, 2k) of k numbers of cycles per unit at n places, phases by lot."""
    angles = 2 * math.pi * (cycles * x[:, None] + torch.rand(1, len(cycles)))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _initialise_module(name: str, module: nn.Module) -> None:
    match module:
        case nn.Linear():
            gain = QUERY_GAIN if name.endswith(("q_proj", "k_proj")) else 1.0
            nn.init.normal_(module.weight, std=gain * module.in_features**-0.5)
            nn.init.zeros_(module.bias)
        case nn.Embedding() if "positions" in name:
            nn.init.normal_(module.weight, std=TEXT_POSITION_DEVIATION)


def load(folder: Path) -> tuple[Florence2ForConditionalGeneration, Florence2Processor]:
    """A model in float32 and its processor from a folder in the stock layout."""
    model = Florence2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return model, Florence2Processor.from_pretrained(folder)


def save(
    model: Florence2ForConditionalGeneration, processor: Florence2Processor, folder: Path
) -> None:
    """Write both in the stock layout, the model as bfloat16, which it is left in."""
    model.generation_config.update(
        decoder_start_token_id=END,
        bos_token_id=START,
        pad_token_id=PAD,
        eos_token_id=END,
        forced_bos_token_id=START,
        forced_eos_token_id=END,
        max_new_tokens=LONGEST_ANSWER,
    )
    model.to("cpu", torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    processor.save_pretrained(folder)
    readable(folder)
