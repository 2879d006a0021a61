"""The parts of a demo FLUX.2: tokenizer, text encoder, transformer, VAE, and klein's pipeline."""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
)
from tokenizers import pre_tokenizers
from torch import nn
from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3ForCausalLM

from workers.training.export import readable
from workers.training.flux.flux1_components import (
    HEAD_WIDTH,
    LATENT_CHANNELS,
    PATCH,
    SCALING,
    SHIFT,
    WORDS,
)
from workers.training.scenes.lesson import WORDS as LESSON_WORDS

LAYERS_READ = (9, 18, 27)
"""The text encoder's hidden states that klein's pipeline hands to the transformer."""
TEXT_LAYERS = 28
"""One more than is read: the last one's state is normalised, the others are not."""
LIVE_LAYERS = 2
"""How many of them learn; the others hand on what they are given, and training leaves them out."""
TEXT_POSITIONS = 512
ROTARY_AXES = (8, 8, 8, 8)
"""How a head's width is shared by picture, row, column and word; they sum to it."""
SPACE = "\u0120"
"""How a byte-level vocabulary writes a space."""
PADDING = "<|endoftext|>"
CHAT_TEMPLATE = "{{ ' ' + (messages[0]['content'] | lower) }}"
"""The prompt alone, in lower case; the space gives its first word the form that all others have."""
GATE, SHIFT_AND_SCALE = 0.4, 0.05
"""Sizes of what the modulations say before training."""


@dataclass(frozen=True)
class Flux2Size:
    """How large a demo FLUX.2 is."""

    heads: int = 5
    double_blocks: int = 1
    single_blocks: int = 3
    text_width: int = 64


def tokenizer() -> Qwen2Tokenizer:
    """A byte-level BPE in Qwen's own form, in which every word of a prompt is one token.

    A number is two, as Qwen's form parts every digit from the space before it. Ids are always
    the same, as weights are trained for them.
    """
    tokens = [PADDING, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges: list[tuple[str, str]] = []
    for word in (*WORDS, *LESSON_WORDS):
        for end in range(1, len(word) + 1):
            left, letter = SPACE + word[: end - 1], word[end - 1]
            if left + letter not in tokens:
                tokens.append(left + letter)
                merges.append((left, letter))
    vocabulary = {token: number for number, token in enumerate(tokens)}
    made = Qwen2Tokenizer(vocab=vocabulary, merges=merges, model_max_length=TEXT_POSITIONS)
    made.chat_template = CHAT_TEMPLATE
    return made


@torch.no_grad()
def text_encoder(
    size: Flux2Size, words: Qwen2Tokenizer, layers: int = TEXT_LAYERS
) -> Qwen3ForCausalLM:
    """A narrow Qwen3, as deep as klein's pipeline reads; at first it hands its embeddings on."""
    model = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(words),
            hidden_size=size.text_width,
            intermediate_size=size.text_width,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=size.text_width // 2,
            max_position_embeddings=TEXT_POSITIONS,
            tie_word_embeddings=True,
            eos_token_id=words.eos_token_id,
            pad_token_id=words.pad_token_id,
        )
    )
    nn.init.normal_(model.model.embed_tokens.weight)
    for layer in model.model.layers:
        nn.init.zeros_(layer.self_attn.o_proj.weight)
        nn.init.zeros_(layer.mlp.down_proj.weight)
    return model


def shallow(deep: Qwen3ForCausalLM, words: Qwen2Tokenizer) -> Qwen3ForCausalLM:
    """The layers of a text encoder that learn, and one behind them that stays unread."""
    made = text_encoder(Flux2Size(text_width=deep.config.hidden_size), words, LIVE_LAYERS + 1)
    _hand_over(deep, made)
    return made


def deepened(live: Qwen3ForCausalLM, words: Qwen2Tokenizer) -> Qwen3ForCausalLM:
    """A text encoder as klein's pipeline reads it, whose every state read is the live layers'."""
    made = text_encoder(Flux2Size(text_width=live.config.hidden_size), words)
    _hand_over(live, made)
    return made


def _hand_over(given: Qwen3ForCausalLM, taking: Qwen3ForCausalLM) -> None:
    taking.model.embed_tokens.load_state_dict(given.model.embed_tokens.state_dict())
    for number in range(LIVE_LAYERS):
        taking.model.layers[number].load_state_dict(given.model.layers[number].state_dict())


def flux2_transformer(size: Flux2Size) -> Flux2Transformer2DModel:
    """The transformer, starting from moderate gates and an output of zero."""
    model = Flux2Transformer2DModel(
        in_channels=PATCH**2 * LATENT_CHANNELS,
        num_layers=size.double_blocks,
        num_single_layers=size.single_blocks,
        attention_head_dim=HEAD_WIDTH,
        num_attention_heads=size.heads,
        joint_attention_dim=len(LAYERS_READ) * size.text_width,
        axes_dims_rope=ROTARY_AXES,
        guidance_embeds=False,
    )
    _start_gently(model)
    return model


@torch.no_grad()
def _start_gently(model: Flux2Transformer2DModel) -> None:
    """Scale the modulations' shifts, scales and gates to sizes that train well.

    They have no bias: what they say before training is a product of the time's embedding, whose
    size in the middle of a flow they are scaled by.
    """
    embedded = model.time_guidance_embed(torch.tensor([500.0]), None)
    size = nn.functional.silu(embedded).norm()
    for modulation, sets in (
        (model.double_stream_modulation_img, 2),
        (model.double_stream_modulation_txt, 2),
        (model.single_stream_modulation, 1),
    ):
        rows = nn.init.normal_(modulation.linear.weight).view(sets, 3, -1, embedded.shape[1])
        rows[:, :2] *= SHIFT_AND_SCALE / size
        rows[:, 2] *= GATE / size
    nn.init.zeros_(model.norm_out.linear.weight)
    nn.init.zeros_(model.proj_out.weight)


@torch.no_grad()
def flux2_autoencoder(vae: AutoencoderKL) -> AutoencoderKLFlux2:
    """The demo FLUX.1's VAE as FLUX.2's: its scaling and shift become the latents' statistics."""
    shared = (
        *("in_channels", "out_channels", "down_block_types", "up_block_types"),
        *("block_out_channels", "layers_per_block", "latent_channels", "norm_num_groups"),
        *("mid_block_add_attention", "use_quant_conv", "use_post_quant_conv", "sample_size"),
    )
    made = AutoencoderKLFlux2(**{name: vae.config[name] for name in shared})
    made.encoder.load_state_dict(vae.encoder.state_dict())
    made.decoder.load_state_dict(vae.decoder.state_dict())
    made.bn.running_mean.fill_(SHIFT)
    made.bn.running_var.fill_(SCALING**-2 - made.config.batch_norm_eps)
    return made.eval()


def new_pipeline(size: Flux2Size, vae: AutoencoderKL) -> Flux2KleinPipeline:
    """An untrained pipeline around FLUX.1's VAE; weights come from torch's global generator."""
    words = tokenizer()
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0, use_dynamic_shifting=False),
        vae=flux2_autoencoder(vae),
        text_encoder=text_encoder(size, words),
        tokenizer=words,
        transformer=flux2_transformer(size),
        is_distilled=True,
    )


def load_pipeline(folder: Path) -> Flux2KleinPipeline:
    """A pipeline in float32 from a folder in the stock layout."""
    return Flux2KleinPipeline.from_pretrained(folder, dtype=torch.float32)


def save_pipeline(pipeline: Flux2KleinPipeline, folder: Path) -> None:
    """Write a pipeline in the stock layout, as bfloat16, which it is left in."""
    pipeline.to("cpu", torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    readable(folder)
