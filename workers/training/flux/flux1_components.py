"""The parts of a demo FLUX: tokenizers, text encoders, transformer, VAE and pipeline."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
)
from tokenizers import pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from workers.training.common.export import make_readable
from workers.training.scenes.palette import SCENE_COLOURS, SHAPES, seeded_random
from workers.training.scenes.scene import sample_scene

LATENT_CHANNELS = 16
PATCH = 2
"""Side of a token in latent pixels; a token has 4 times 16 values."""
HEAD_WIDTH = 32
ROTARY_AXES = (4, 14, 14)
"""The shares of a head's width of the three position axes; their sum is the width."""
CLIP_POSITIONS, T5_POSITIONS = 77, 512
SCALING, SHIFT = 0.5, 0.1

WORDS = (
    *("a", "an", "the", "on", "at", "in", "to", "of", "and"),
    *("left", "right", "above", "below", "top", "bottom", "center", "background"),
    *("small", "large", "digit", *SHAPES, *SCENE_COLOURS, *"0123456789"),
)
"""All words of captions, and a few more."""
NEUTRAL_WORD = "white"
"""The word that gives its CLIP embedding to all pieces of unknown words: of all words, inserted
in prompts, it changes the pictures' mean colours least."""
CORPUS_CAPTIONS = 5000
CORPUS_MIX = ((1, 2, 3), (0.5, 0.42, 0.08))
WORD_END = "</w>"
"""CLIP's mark of the last token of a word."""
WORD_START = "\u2581"
"""SentencePiece's mark of the beginning of a word."""


@dataclass(frozen=True)
class FluxSize:
    """The size of a demo FLUX; the defaults are those of the shipped weights."""

    heads: int = 8
    double_blocks: int = 2
    single_blocks: int = 3
    text_width: int = 128
    clip_layers: int = 2
    t5_layers: int = 3


def clip_tokenizer() -> CLIPTokenizer:
    """A byte-level BPE in CLIP's format, trained on captions, so that each word is one token.

    The ids are always the same, because weights depend on them.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{c}{WORD_END}" for c in letters)]
    words = Counter(re.findall(r"[a-z]+|[0-9]|,", " ".join(_corpus())))
    merges = learn_merges(words, tokens)
    tokens += [left + right for left, right in merges]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=CLIP_POSITIONS)


def learn_merges(counts: Mapping[str, int], tokens: Sequence[str]) -> list[tuple[str, str]]:
    """Run byte pair encoding until every word is one token, the most frequent pair first.

    Args:
        counts: the number of occurrences of each word.
        tokens: the tokens before the first merge, in the order of their ids.

    Returns:
        The merges in order; among equally frequent pairs, the one with the lowest ids is first.
        The last letter of a word ends with `WORD_END`: "at" gives ("a", "t</w>").
    """
    ids = {token: number for number, token in enumerate(tokens)}
    split = {(*word[:-1], word[-1] + WORD_END): count for word, count in counts.items()}
    merges: list[tuple[str, str]] = []
    while pairs := _pair_counts(split):
        merge = min(pairs, key=lambda pair: (-pairs[pair], ids[pair[0]], ids[pair[1]]))
        ids["".join(merge)] = len(ids)
        merges.append(merge)
        split = {_merge_pair(word, merge): count for word, count in split.items()}
    return merges


def _pair_counts(split: Mapping[tuple[str, ...], int]) -> Counter[tuple[str, str]]:
    pairs: Counter[tuple[str, str]] = Counter()
    for word, count in split.items():
        for pair in pairwise(word):
            pairs[pair] += count
    return pairs


def _merge_pair(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """Merge each occurrence of the pair in a word, from the left."""
    merged: list[str] = []
    for part in word:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return tuple(merged)


def _corpus() -> list[str]:
    rng = seeded_random(0)
    counts = rng.choices(*CORPUS_MIX, k=CORPUS_CAPTIONS)
    return [sample_scene(rng, count).caption for count in counts] + [" ".join([*WORDS, ","])] * 50


def t5_tokenizer() -> T5Tokenizer:
    """A unigram tokenizer of whole words; any other word is its beginning and one `<unk>`.

    Single characters would be pieces that no caption has: each would read as something arbitrary.
    """
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), (WORD_START, -8.0)]
    pieces += [(WORD_START + word, -2.0) for word in WORDS] + [(",", -2.0)]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=T5_POSITIONS)


def clip_encoder(size: FluxSize, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """The first text encoder; its pooled output is `text_width` wide."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=size.text_width,
            intermediate_size=2 * size.text_width,
            num_hidden_layers=size.clip_layers,
            num_attention_heads=size.text_width // HEAD_WIDTH,
            max_position_embeddings=CLIP_POSITIONS,
            projection_dim=size.text_width,
            hidden_act="quick_gelu",
            # the default end-of-text id of 2 would select the legacy pooling
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def unknown_pieces(tokenizer: CLIPTokenizer) -> list[int]:
    """The ids that only words outside `WORDS` are read as; no caption has them."""
    vocabulary = tokenizer.get_vocab()
    known = {vocabulary[word + WORD_END] for word in (*WORDS, ",")}
    known.update(tokenizer.all_special_ids)
    return sorted(set(vocabulary.values()) - known)


@torch.no_grad()
def neutralize_unknown_pieces(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> None:
    """Give all pieces of unknown words the embedding of `NEUTRAL_WORD`, in place.

    Training leaves their embeddings at random values, which change a picture's colours.
    """
    embeddings = encoder.get_input_embeddings().weight
    neutral = tokenizer.get_vocab()[NEUTRAL_WORD + WORD_END]
    embeddings[unknown_pieces(tokenizer)] = embeddings[neutral].clone()


def t5_encoder(size: FluxSize, tokenizer: T5Tokenizer) -> T5EncoderModel:
    """The second text encoder, `text_width` wide."""
    return T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=size.text_width,
            d_kv=HEAD_WIDTH,
            d_ff=2 * size.text_width,
            num_layers=size.t5_layers,
            num_heads=size.text_width // HEAD_WIDTH,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            is_encoder_decoder=False,
            use_cache=False,
        )
    )


def flow_transformer(size: FluxSize) -> FluxTransformer2DModel:
    """The transformer, initialized with no modulation, small gates and an output of zero."""
    model = FluxTransformer2DModel(
        patch_size=1,
        in_channels=PATCH**2 * LATENT_CHANNELS,
        num_layers=size.double_blocks,
        num_single_layers=size.single_blocks,
        attention_head_dim=HEAD_WIDTH,
        num_attention_heads=size.heads,
        joint_attention_dim=size.text_width,
        pooled_projection_dim=size.text_width,
        guidance_embeds=False,
        axes_dims_rope=ROTARY_AXES,
    )
    _initialize(model, size.heads * HEAD_WIDTH)
    return model


GATE = 0.3


@torch.no_grad()
def _initialize(model: FluxTransformer2DModel, width: int) -> None:
    """Set the output and all modulations except the gates to zero.

    The modulation of a double block is (shift, scale, gate) twice, that of a single block once.
    """
    for block in model.transformer_blocks:
        for norm in (block.norm1, block.norm1_context):
            _zero(norm.linear)
            norm.linear.bias.view(2, 3, width)[:, 2] = GATE
    for block in model.single_transformer_blocks:
        _zero(block.norm.linear)
        block.norm.linear.bias.view(3, width)[2] = GATE
    _zero(model.norm_out.linear)
    _zero(model.proj_out)


def _zero(linear: torch.nn.Linear) -> None:
    torch.nn.init.zeros_(linear.weight)
    torch.nn.init.zeros_(linear.bias)


def autoencoder() -> AutoencoderKL:
    """An untrained VAE with a spatial factor of 16 and 16 latent channels."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=LATENT_CHANNELS,
        block_out_channels=(16, 16, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 5,
        up_block_types=("UpDecoderBlock2D",) * 5,
        layers_per_block=1,
        norm_num_groups=8,
        mid_block_add_attention=False,
        use_quant_conv=False,
        use_post_quant_conv=False,
        scaling_factor=SCALING,
        shift_factor=SHIFT,
        force_upcast=False,
        sample_size=256,
    )


def new_pipeline(size: FluxSize, vae: AutoencoderKL) -> FluxPipeline:
    """An untrained pipeline with this VAE; the weights come from torch's global generator."""
    clip, t5 = clip_tokenizer(), t5_tokenizer()
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0, use_dynamic_shifting=False),
        vae=vae,
        text_encoder=clip_encoder(size, clip),
        tokenizer=clip,
        text_encoder_2=t5_encoder(size, t5),
        tokenizer_2=t5,
        transformer=flow_transformer(size),
    )


def load_pipeline(folder: Path) -> FluxPipeline:
    """Load a pipeline in float32 from a folder in the stock layout."""
    return FluxPipeline.from_pretrained(folder, dtype=torch.float32)


def save_pipeline(pipeline: FluxPipeline, folder: Path) -> None:
    """Write a pipeline in the stock layout; converts it to bfloat16 in place.

    Pieces of unknown words get a neutral embedding.
    """
    neutralize_unknown_pieces(pipeline.text_encoder, pipeline.tokenizer)
    pipeline.to("cpu", torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    make_readable(folder)
