"""The published models on torch's meta device: their real classes and sizes, without weights."""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    Flux2Transformer2DModel,
    FluxTransformer2DModel,
)
from diffusers.pipelines.flux.modeling_flux import ReduxImageEncoder
from transformers import (
    BartConfig,
    CLIPTextConfig,
    CLIPTextModel,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2VisionConfig,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    Qwen3Config,
    Qwen3ForCausalLM,
    SiglipVisionConfig,
    SiglipVisionModel,
    T5Config,
    T5EncoderModel,
)

from workers.bench.flux_sizes import KLEIN_4B, SCHNELL

_QWEN3_4B = KLEIN_4B.text[0]
_QWEN3_8B = {**_QWEN3_4B, "hidden_size": 4096, "intermediate_size": 12_288}


def _flux1(**changes: Any) -> Any:
    return FluxTransformer2DModel(**{**SCHNELL.transformer, "patch_size": 1, **changes})


def _flux2(**changes: Any) -> Any:
    return Flux2Transformer2DModel(**{**KLEIN_4B.transformer, "patch_size": 1, **changes})


def _qwen3(settings: Any, *, tied: bool) -> Any:
    return Qwen3ForCausalLM(Qwen3Config(**settings, tie_word_embeddings=tied))


def _mistral() -> Any:
    text = {
        "model_type": "mistral",
        "vocab_size": 131_072,
        "hidden_size": 5120,
        "intermediate_size": 32_768,
        "num_hidden_layers": 40,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
    }
    vision = {
        "model_type": "pixtral",
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 1540,
        "patch_size": 14,
    }
    return Mistral3ForConditionalGeneration(
        Mistral3Config(text_config=text, vision_config=vision, tie_word_embeddings=False)
    )


def _depth_anything() -> Any:
    backbone = Dinov2Config(
        hidden_size=384,
        num_attention_heads=6,
        image_size=518,
        patch_size=14,
        out_features=["stage3", "stage6", "stage9", "stage12"],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    return DepthAnythingForDepthEstimation(
        DepthAnythingConfig(
            backbone_config=backbone,
            patch_size=14,
            reassemble_hidden_size=384,
            neck_hidden_sizes=[48, 96, 192, 384],
            fusion_hidden_size=64,
            head_in_channels=64,
        )
    )


def _florence2(widths: tuple[int, ...], heads: tuple[int, ...], width: int, layers: int) -> Any:
    vision = Florence2VisionConfig(
        embed_dim=widths, num_heads=heads, num_groups=heads, projection_dim=width
    )
    text = BartConfig(
        vocab_size=51_328,
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=width // 64,
        decoder_attention_heads=width // 64,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        max_position_embeddings=1024,
    )
    config = Florence2Config(vision_config=vision, text_config=text, is_encoder_decoder=True)
    return Florence2ForConditionalGeneration(config)


PUBLISHED: dict[str, Callable[[], Any]] = {
    "flux1": lambda: _flux1(guidance_embeds=True),
    "flux1-schnell": _flux1,
    "flux1-fill": lambda: _flux1(in_channels=384, out_channels=64, guidance_embeds=True),
    "flux1-control": lambda: _flux1(in_channels=128, out_channels=64, guidance_embeds=True),
    "flux2-klein-4b": _flux2,
    "flux2-klein-9b": lambda: _flux2(
        num_layers=8, num_single_layers=24, num_attention_heads=32, joint_attention_dim=12_288
    ),
    "flux2-dev": lambda: _flux2(
        num_layers=8,
        num_single_layers=48,
        num_attention_heads=48,
        joint_attention_dim=15_360,
        guidance_embeds=True,
    ),
    "t5-xxl": lambda: T5EncoderModel(
        T5Config(**SCHNELL.text[1], feed_forward_proj="gated-gelu", is_encoder_decoder=False)
    ),
    "clip-l": lambda: CLIPTextModel(CLIPTextConfig(**SCHNELL.text[0])),
    "qwen3-4b": lambda: _qwen3(_QWEN3_4B, tied=True),
    "qwen3-8b": lambda: _qwen3(_QWEN3_8B, tied=False),
    "mistral-small-24b": _mistral,
    "flux1-vae": lambda: AutoencoderKL(**SCHNELL.vae),
    "flux2-vae": lambda: AutoencoderKLFlux2(**KLEIN_4B.vae),
    "siglip-so400m": lambda: SiglipVisionModel(
        SiglipVisionConfig(
            hidden_size=1152,
            intermediate_size=4304,
            num_hidden_layers=27,
            num_attention_heads=16,
            image_size=384,
            patch_size=14,
        )
    ),
    "redux-embedder": ReduxImageEncoder,
    "depth-anything-small": _depth_anything,
    "florence-2-base": lambda: _florence2((128, 256, 512, 1024), (4, 8, 16, 32), 768, 6),
    "florence-2-large": lambda: _florence2((256, 512, 1024, 2048), (8, 16, 32, 64), 1024, 12),
}
"""Makers of the models, by the names of `workers.adapters.serving.architectures`."""


def meta_model(name: str) -> torch.nn.Module:
    """A published model without weights."""
    with torch.device("meta"):
        model: torch.nn.Module = PUBLISHED[name]()
    return model
