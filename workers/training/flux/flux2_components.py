"""The parts of a demo FLUX.2: tokenizer, text encoder, transformer, VAE and klein pipeline."""

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

from workers.training.common.export import make_readable
from workers.training.flux.flux1_components import (
    HEAD_WIDTH,
    LATENT_CHANNELS,
    PATCH,
    SCALING,
    SHIFT,
    WORDS,
)
from workers.training.scenes.reference_example import WORDS as EXAMPLE_WORDS

LAYERS_READ = (9, 18, 27)
"""The hidden states of the text encoder that the klein pipeline passes to the transformer."""
TEXT_LAYERS = 28
"""One more than is read: only the state of the last layer is normalized."""
LIVE_LAYERS = 2
"""The number of layers that learn; the others are identities, and training omits them."""
TEXT_POSITIONS = 512
ROTARY_AXES = (8, 8, 8, 8)
"""The shares of a head's width of picture, row, column and word; their sum is the width."""
SPACE = "\u0120"
"""The space in a byte-level vocabulary."""
PADDING = "<|endoftext|>"
CHAT_TEMPLATE = "{{ ' ' + (messages[0]['content'] | lower) }}"
"""The prompt alone, in lower case; with the space its first word is tokenized like the others."""
GATE, SHIFT_AND_SCALE = 0.4, 0.05
"""The sizes of the modulations' outputs before training."""


@dataclass(frozen=True)
class Flux2Size:
    """The size of a demo FLUX.2; the defaults are those of the shipped weights."""

    heads: int = 5
    double_blocks: int = 1
    single_blocks: int = 3
    text_width: int = 64


def tokenizer() -> Qwen2Tokenizer:
    """A byte-level BPE in Qwen's format, in which every word of a prompt is one token.

    A number is two tokens, because Qwen splits every digit from the space before it. The ids are
    always the same, because weights depend on them.
    """
    tokens = [PADDING, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges: list[tuple[str, str]] = []
    for word in (*WORDS, *EXAMPLE_WORDS):
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
    """A narrow Qwen3 with the depth that the klein pipeline reads; its layers are identities."""
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


def make_shallow(encoder: Qwen3ForCausalLM, words: Qwen2Tokenizer) -> Qwen3ForCausalLM:
    """Copy a text encoder's layers that learn, with one more layer, which is not read."""
    size = Flux2Size(text_width=encoder.config.hidden_size)
    shallow = text_encoder(size, words, LIVE_LAYERS + 1)
    _copy_live_layers(encoder, shallow)
    return shallow


def make_full_depth(encoder: Qwen3ForCausalLM, words: Qwen2Tokenizer) -> Qwen3ForCausalLM:
    """Copy a text encoder to the depth of the klein pipeline.

    Every state that the pipeline reads is then the output of the layers that learn.
    """
    deep = text_encoder(Flux2Size(text_width=encoder.config.hidden_size), words)
    _copy_live_layers(encoder, deep)
    return deep


def _copy_live_layers(source: Qwen3ForCausalLM, target: Qwen3ForCausalLM) -> None:
    target.model.embed_tokens.load_state_dict(source.model.embed_tokens.state_dict())
    for number in range(LIVE_LAYERS):
        target.model.layers[number].load_state_dict(source.model.layers[number].state_dict())


def flux2_transformer(size: Flux2Size) -> Flux2Transformer2DModel:
    """The transformer, initialized with moderate gates and an output of zero."""
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
    _initialize(model)
    return model


@torch.no_grad()
def _initialize(model: Flux2Transformer2DModel) -> None:
    """Scale the modulations' shifts, scales and gates to sizes that train well.

    They have no bias, so their output before training is a product of the time's embedding. They
    are therefore divided by the norm of that embedding in the middle of the flow.
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
    """The demo FLUX.1's VAE in FLUX.2's format: scaling and shift become batch norm statistics."""
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
    """An untrained pipeline with FLUX.1's VAE; the weights come from torch's global generator."""
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
    """Load a pipeline in float32 from a folder in the stock layout."""
    return Flux2KleinPipeline.from_pretrained(folder, dtype=torch.float32)


def save_pipeline(pipeline: Flux2KleinPipeline, folder: Path) -> None:
    """Write a pipeline in the stock layout; converts it to bfloat16 in place."""
    pipeline.to("cpu", torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    make_readable(folder)
