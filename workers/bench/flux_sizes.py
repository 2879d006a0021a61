"""FLUX of a given size with random weights, for measuring time and memory alone.

The sizes are those in the configuration files of the published checkpoints.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxPipeline,
    FluxTransformer2DModel,
)
from tokenizers import pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    T5Config,
    T5EncoderModel,
)

from workers.training.flux.flux1_components import clip_tokenizer, t5_tokenizer

Settings = Mapping[str, Any]
PATCH_PIXELS = 16
"""Side of a picture token in pixels: the VAE scales by 8, and 2 x 2 latent pixels are a token."""
BLOCKS = 4
_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }} {{ message.content }}<|im_end|>"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
)


@dataclass(frozen=True)
class FluxShape:
    """The size of a FLUX.

    Attributes:
        variant: id of its variant in the catalogue.
        transformer: keyword arguments of the transformer's class.
        vae: keyword arguments of the VAE's class.
        text: configuration of each text encoder.
    """

    variant: str
    transformer: Settings
    vae: Settings
    text: Sequence[Settings]

    @property
    def is_flux2(self) -> bool:
        """True for FLUX.2."""
        return self.variant.startswith("flux.2")


_FLUX1_VAE = {
    "down_block_types": ("DownEncoderBlock2D",) * BLOCKS,
    "up_block_types": ("UpDecoderBlock2D",) * BLOCKS,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
    "scaling_factor": 0.3611,
    "shift_factor": 0.1159,
    "force_upcast": False,
    "sample_size": 1024,
}
SCHNELL = FluxShape(
    "flux.1-schnell",
    transformer={
        "in_channels": 64,
        "num_layers": 19,
        "num_single_layers": 38,
        "attention_head_dim": 128,
        "num_attention_heads": 24,
        "joint_attention_dim": 4096,
        "pooled_projection_dim": 768,
        "axes_dims_rope": (16, 56, 56),
    },
    vae={
        **_FLUX1_VAE,
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "latent_channels": 16,
    },
    text=(
        {
            "vocab_size": 49_408,
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "projection_dim": 768,
        },
        {
            "vocab_size": 32_128,
            "d_model": 4096,
            "d_kv": 64,
            "d_ff": 10_240,
            "num_layers": 24,
            "num_heads": 64,
        },
    ),
)
KLEIN_4B = FluxShape(
    "flux.2-klein-4b",
    transformer={
        "in_channels": 128,
        "num_layers": 5,
        "num_single_layers": 20,
        "attention_head_dim": 128,
        "num_attention_heads": 24,
        "joint_attention_dim": 3 * 2560,
        "axes_dims_rope": (32, 32, 32, 32),
        "guidance_embeds": False,
    },
    vae={},
    text=(
        {
            "vocab_size": 151_936,
            "hidden_size": 2560,
            "intermediate_size": 9728,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
        },
    ),
)
TINY_SCHNELL = FluxShape(
    SCHNELL.variant,
    transformer={
        **SCHNELL.transformer,
        "in_channels": 16,
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 32,
        "pooled_projection_dim": 32,
        "axes_dims_rope": (4, 6, 6),
    },
    vae={
        **_FLUX1_VAE,
        "block_out_channels": (8, 8, 8, 8),
        "layers_per_block": 1,
        "latent_channels": 4,
        "norm_num_groups": 4,
    },
    text=(
        {
            **SCHNELL.text[0],
            "vocab_size": 1024,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "projection_dim": 32,
        },
        {"vocab_size": 256, "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2},
    ),
)
TINY_KLEIN = FluxShape(
    KLEIN_4B.variant,
    transformer={
        **KLEIN_4B.transformer,
        "in_channels": 16,
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 3 * 16,
        "timestep_guidance_channels": 32,
        "axes_dims_rope": (4, 4, 4, 4),
    },
    vae={
        "block_out_channels": (8, 8, 8, 8),
        "layers_per_block": 1,
        "latent_channels": 4,
        "norm_num_groups": 4,
        "sample_size": 64,
    },
    text=(
        {
            "vocab_size": 512,
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 28,  # the pipeline reads the 9th, 18th and 27th
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 8,
        },
    ),
)


def new_transformer(shape: FluxShape, *, device: str, dtype: torch.dtype) -> Any:
    """A transformer with random weights, created on the device; on "meta" it has no weights."""
    kind = Flux2Transformer2DModel if shape.is_flux2 else FluxTransformer2DModel
    return _create(device, dtype, lambda: kind(patch_size=1, **shape.transformer))


def new_vae(shape: FluxShape, *, device: str, dtype: torch.dtype) -> Any:
    """A VAE with random weights, created on the device; on "meta" it has no weights."""
    kind = AutoencoderKLFlux2 if shape.is_flux2 else AutoencoderKL
    return _create(device, dtype, lambda: kind(**shape.vae))


def new_pipeline(shape: FluxShape, *, device: str, dtype: torch.dtype) -> Any:
    """The variant's pipeline with random weights, completely on the device."""
    parts = {
        "transformer": new_transformer(shape, device=device, dtype=dtype),
        "vae": new_vae(shape, device=device, dtype=dtype),
    }
    if shape.is_flux2:
        return _klein(shape, parts, device, dtype)
    return _flux1(shape, parts, device, dtype)


def _flux1(shape: FluxShape, parts: Settings, device: str, dtype: torch.dtype) -> Any:
    """A FLUX.1 pipeline with the demo's tokenizers: padded prompts have the checkpoint's length."""
    clip, t5 = clip_tokenizer(), t5_tokenizer()
    ends = {"eos_token_id": clip.eos_token_id, "pad_token_id": clip.pad_token_id}
    first = CLIPTextConfig(**shape.text[0], bos_token_id=clip.bos_token_id, **ends)
    second = T5Config(
        **shape.text[1], feed_forward_proj="gated-gelu", is_encoder_decoder=False, use_cache=False
    )
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0),
        text_encoder=_create(device, dtype, lambda: CLIPTextModel(first)),
        tokenizer=clip,
        text_encoder_2=_create(device, dtype, lambda: T5EncoderModel(second)),
        tokenizer_2=t5,
        **parts,
    )


def _klein(shape: FluxShape, parts: Settings, device: str, dtype: torch.dtype) -> Any:
    config = Qwen3Config(**shape.text[0], max_position_embeddings=1024, tie_word_embeddings=True)
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        text_encoder=_create(device, dtype, lambda: Qwen3ForCausalLM(config)),
        tokenizer=_byte_tokenizer(),
        is_distilled=True,
        **parts,
    )


def _byte_tokenizer() -> Qwen2Tokenizer:
    words = [*sorted(pre_tokenizers.ByteLevel.alphabet())]
    words += ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    return Qwen2Tokenizer(vocab=vocabulary, merges=[], chat_template=_CHAT)


def _create(device: str, dtype: torch.dtype, make: Callable[[], Any]) -> Any:
    """Create a model directly on its device and in its data type, to save memory."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            return make().eval()
    finally:
        torch.set_default_dtype(before)
