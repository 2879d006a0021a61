"""FLUX.1 checkpoints of a few thousand random weights, one for each pipeline class."""

from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import AutoencoderKL, FluxPriorReduxPipeline, FluxTransformer2DModel
from diffusers.pipelines.flux.modeling_flux import ReduxImageEncoder
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTImageProcessorPil,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
    SiglipVisionModel,
    T5Config,
    T5EncoderModel,
)

from workers.demo import weights_folder

LATENTS = 4
PACKED = 4 * LATENTS
FACTOR = 8
CHANNELS = {
    "FluxPipeline": PACKED,
    "FluxKontextPipeline": PACKED,
    "FluxControlPipeline": 2 * PACKED,
    # the masked picture's latents, and the mask's pixels under each of them
    "FluxFillPipeline": 2 * PACKED + 4 * FACTOR**2,
}
"""Input channels of each transformer for a 2 x 2 patch."""
WORDS = 128
"""Width of the demo's text encoders, which these checkpoints use."""


def save_tiny_flux1(class_name: str, folder: Path, words: Any = None) -> None:
    """Write a pipeline as `save_pretrained` does, by default with the demo's text encoders."""
    torch.manual_seed(0)
    words = words or _demo_words()
    getattr(diffusers, class_name)(
        scheduler=words.scheduler,
        vae=_vae(),
        text_encoder=words.text_encoder,
        tokenizer=words.tokenizer,
        text_encoder_2=words.text_encoder_2,
        tokenizer_2=words.tokenizer_2,
        transformer=FluxTransformer2DModel(
            in_channels=CHANNELS[class_name],
            out_channels=PACKED,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=words.text_encoder_2.config.d_model,
            pooled_projection_dim=words.text_encoder.config.hidden_size,
            guidance_embeds=True,
            axes_dims_rope=(4, 6, 6),
        ),
    ).save_pretrained(folder, safe_serialization=True)


def _vae() -> AutoencoderKL:
    kind: dict[str, Any] = {
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
    }
    return AutoencoderKL(
        **kind,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=LATENTS,
        norm_num_groups=4,
        layers_per_block=1,
        shift_factor=0.1,
        scaling_factor=0.5,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


TEXT_COMPONENTS = ("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2")


def save_true_width_redux(folder: Path) -> None:
    """Write a prior and a painter whose texts have the published widths, which diffusers assumes.

    Below the folder, as "prior" and "painter".
    """
    save_tiny_redux(folder / "prior", width=T5_WIDTH)
    save_tiny_flux1("FluxPipeline", folder / "painter", words=_true_width_words())


T5_WIDTH, CLIP_WIDTH = 4096, 768


def _true_width_words() -> Any:
    words = _demo_words()
    tiny = {"num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    words.text_encoder = CLIPTextModel(
        CLIPTextConfig(**{**words.text_encoder.config.to_dict(), "hidden_size": CLIP_WIDTH, **tiny})
    )
    sizes = {"d_model": T5_WIDTH, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 1}
    words.text_encoder_2 = T5EncoderModel(
        T5Config(**{**words.text_encoder_2.config.to_dict(), **sizes})
    )
    return words


def _demo_words() -> Any:
    return diffusers.FluxPipeline.from_pretrained(
        weights_folder("flux.1-demo"), transformer=None, vae=None
    )


def save_tiny_redux(folder: Path, width: int = WORDS) -> None:
    """Write the prior alone: the main pipeline has the text encoders."""
    torch.manual_seed(0)
    vision = SiglipVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
    )
    FluxPriorReduxPipeline(
        image_encoder=SiglipVisionModel(vision),
        feature_extractor=SiglipImageProcessorPil(size={"height": 32, "width": 32}),
        image_embedder=ReduxImageEncoder(redux_dim=16, txt_in_features=width),
    ).save_pretrained(folder, safe_serialization=True)


def save_tiny_depth(folder: Path) -> None:
    """Write a Depth Anything checkpoint."""
    torch.manual_seed(0)
    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
    )
    DepthAnythingForDepthEstimation(
        DepthAnythingConfig(
            backbone_config=backbone,
            patch_size=14,
            reassemble_hidden_size=16,
            neck_hidden_sizes=[8, 8, 8, 8],
            fusion_hidden_size=8,
            head_hidden_size=4,
        )
    ).save_pretrained(folder)
    DPTImageProcessorPil(size={"height": 28, "width": 28}).save_pretrained(folder)
