"""A FLUX.2 [dev] pipeline with a few thousand random weights: the same structure, untrained."""

import json
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLFlux2,
    FlowMatchEulerDiscreteScheduler,
    Flux2Pipeline,
    Flux2Transformer2DModel,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    PixtralImageProcessorPil,
    PreTrainedTokenizerFast,
)

from workers.adapters.flux.processors import PromptProcessor

CHAT = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}[SYSTEM_PROMPT]{% else %}[INST]{% endif %}"
    "{% for part in message.content %}{{ part.text }}{% endfor %}"
    "{% if message.role == 'system' %}[/SYSTEM_PROMPT]{% else %}[/INST]{% endif %}{% endfor %}"
)
CONTROLS = (
    *("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]"),
    *("[IMG]", "[IMG_BREAK]", "[IMG_END]"),
)
PROCESSOR = {
    "image_break_token": "[IMG_BREAK]",
    "image_end_token": "[IMG_END]",
    "image_token": "[IMG]",
    "patch_size": 14,
    "processor_class": "PixtralProcessor",
    "spatial_merge_size": 2,
}
WIDTH = 16


def save_tiny_flux2(folder: Path) -> None:
    """Write the pipeline as `save_pretrained` does."""
    torch.manual_seed(0)
    tokenizer = _tokenizer()
    Flux2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=AutoencoderKLFlux2(
            block_out_channels=(8, 8, 8, 8),
            latent_channels=4,
            norm_num_groups=4,
            layers_per_block=1,
            sample_size=64,
        ),
        text_encoder=_text_encoder(len(tokenizer)),
        tokenizer=PromptProcessor(tokenizer, chat_template=CHAT),
        transformer=Flux2Transformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=3 * WIDTH,  # the states of three layers, side by side
            timestep_guidance_channels=32,
            axes_dims_rope=(4, 4, 4, 4),
            guidance_embeds=True,
        ),
    ).save_pretrained(folder, safe_serialization=True)
    _name_the_vendors_processor(folder)


def _name_the_vendors_processor(folder: Path) -> None:
    """Write what the published checkpoint has: a processor that also reads pictures."""
    index = folder / "model_index.json"
    named = json.loads(index.read_text(encoding="utf-8"))
    named["tokenizer"] = ["transformers", "PixtralProcessor"]
    index.write_text(json.dumps(named), encoding="utf-8")
    PixtralImageProcessorPil().save_pretrained(folder / "tokenizer")
    path = folder / "tokenizer" / "processor_config.json"
    path.write_text(json.dumps(PROCESSOR), encoding="utf-8")


def _tokenizer() -> PreTrainedTokenizerFast:
    words = [*sorted(pre_tokenizers.ByteLevel.alphabet())]
    words += ["<pad>", "<s>", "</s>", *CONTROLS]
    made = Tokenizer(models.BPE({word: n for n, word in enumerate(words)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=[*CONTROLS],
    )


def _text_encoder(words: int) -> Mistral3ForConditionalGeneration:
    # The pipeline reads layers 10, 20 and 30, so the model needs 30.
    text = {
        "model_type": "mistral",
        "vocab_size": words,
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 31,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 1024,
    }
    vision = {
        "model_type": "pixtral",
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 16,
    }
    return Mistral3ForConditionalGeneration(
        Mistral3Config(text_config=text, vision_config=vision, image_token_index=words - 3)
    )
