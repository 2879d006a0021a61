"""LoRA files of every kind that trainers write, of random numbers."""

import json
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

RANK = 4

Weights = dict[str, Tensor]


def linear_layers(transformer: Any, *endings: str) -> dict[str, torch.nn.Linear]:
    """The transformer's linear layers whose names end like this."""
    return {
        name: layer
        for name, layer in transformer.named_modules()
        if isinstance(layer, torch.nn.Linear) and name.endswith(endings)
    }


def attention_layers(transformer: Any) -> dict[str, torch.nn.Linear]:
    """The projections to queries, keys and values, of both kinds of block."""
    return linear_layers(transformer, ".to_q", ".to_k", ".to_v", ".to_qkv_mlp_proj")


def drawn(seed: int = 1) -> Any:
    """Random matrices of given sizes."""
    generator = torch.Generator().manual_seed(seed)
    return lambda *size: torch.randn(*size, generator=generator) / 4


def pairs(layers: dict[str, Any], seed: int = 1, prefix: str = "transformer.") -> Weights:
    """A pair of matrices for each layer, in diffusers' names."""
    random, made = drawn(seed), {}
    for name, layer in layers.items():
        made[f"{prefix}{name}.lora_A.weight"] = random(RANK, layer.in_features)
        made[f"{prefix}{name}.lora_B.weight"] = random(layer.out_features, RANK)
    return made


def plain(transformer: Any) -> bytes:
    """Weights alone."""
    return save(pairs(attention_layers(transformer)))


def alpha_in_metadata(transformer: Any) -> bytes:
    """As diffusers' trainers save it: r and lora_alpha in the header."""
    layers = attention_layers(transformer)
    config = {"r": RANK, "lora_alpha": 4 * RANK, "target_modules": sorted(layers)}
    config["alpha_pattern"] = {next(iter(layers)): RANK}
    return save(pairs(layers), config)


def rank_stabilized(transformer: Any) -> bytes:
    """Alpha divided by the root of the rank, as its metadata asks for."""
    layers = attention_layers(transformer)
    config = {"r": RANK, "lora_alpha": 3, "use_rslora": True, "target_modules": sorted(layers)}
    return save(pairs(layers), config)


def unlike_ranks(transformer: Any) -> bytes:
    """Another rank for one layer, as its metadata says too."""
    layers = attention_layers(transformer)
    first = next(iter(layers))
    weights, random = pairs(layers), drawn(2)
    weights[f"transformer.{first}.lora_A.weight"] = random(2, layers[first].in_features)
    weights[f"transformer.{first}.lora_B.weight"] = random(layers[first].out_features, 2)
    config = {"r": RANK, "lora_alpha": 8, "rank_pattern": {first: 2}}
    return save(weights, {**config, "target_modules": sorted(layers)})


def biases(transformer: Any) -> bytes:
    """A bias for each layer beside its matrices."""
    layers, random = attention_layers(transformer), drawn(3)
    weights = pairs(layers)
    for name, layer in layers.items():
        weights[f"transformer.{name}.lora_B.bias"] = random(layer.out_features)
    return save(weights)


def norms(transformer: Any) -> bytes:
    """Norms of attention, which replace the transformer's, beside matrices, as control LoRAs."""
    weights, random = pairs(attention_layers(transformer)), drawn(4)
    for name, value in transformer.named_parameters():
        if name.endswith((".norm_q.weight", ".norm_k.weight", ".norm_added_q.weight")):
            weights[f"transformer.{name}"] = 1 + random(*value.shape)
    return save(weights)


def embedder(transformer: Any, width: int) -> bytes:
    """A LoRA whose model reads so many channels of a picture."""
    random = drawn(5)
    weights = pairs(attention_layers(transformer))
    weights["transformer.x_embedder.lora_A.weight"] = random(RANK, width)
    rows = transformer.x_embedder.out_features
    weights["transformer.x_embedder.lora_B.weight"] = random(rows, RANK)
    return save(weights)


def kohya(transformer: Any) -> bytes:
    """One layer in kohya's names, with an alpha beside it."""
    random, layer = drawn(6), transformer.transformer_blocks[0].attn.to_out[0]
    name = "lora_unet_double_blocks_0_img_attn_proj"
    return save(
        {
            f"{name}.lora_down.weight": random(RANK, layer.in_features),
            f"{name}.lora_up.weight": random(layer.out_features, RANK),
            f"{name}.alpha": torch.tensor(2.0),
        }
    )


def xlabs(transformer: Any) -> bytes:
    """Both projections of a block in xlabs' names."""
    random, attn = drawn(7), transformer.transformer_blocks[0].attn
    width, name = attn.to_q.in_features, "double_blocks.0.processor"
    weights = {}
    for number in (1, 2):
        weights[f"{name}.qkv_lora{number}.down.weight"] = random(RANK, width)
        weights[f"{name}.qkv_lora{number}.up.weight"] = random(3 * width, RANK)
        weights[f"{name}.proj_lora{number}.down.weight"] = random(RANK, width)
        weights[f"{name}.proj_lora{number}.up.weight"] = random(width, RANK)
    return save(weights)


def network_alpha(transformer: Any) -> bytes:
    """diffusers' names with alphas beside the layers."""
    weights = pairs(attention_layers(transformer))
    for name in [name for name in weights if name.endswith(".lora_A.weight")]:
        weights[name.replace(".lora_A.weight", ".alpha")] = torch.tensor(2.0)
    return save(weights)


def ai_toolkit(transformer: Any) -> bytes:
    """Fused projections in the vendor's names (FLUX.2), as ai-toolkit saves them."""
    random, attn = drawn(8), transformer.transformer_blocks[0].attn
    width, name = attn.to_q.in_features, "diffusion_model.double_blocks.0.img_attn"
    return save(
        {
            f"{name}.qkv.lora_A.weight": random(RANK, width),
            f"{name}.qkv.lora_B.weight": random(3 * width, RANK),
            f"{name}.proj.lora_A.weight": random(RANK, width),
            f"{name}.proj.lora_B.weight": random(width, RANK),
        }
    )


def peft_names(transformer: Any) -> bytes:
    """The vendor's names under peft's prefix, as hosts of training save them."""
    random, attn = drawn(9), transformer.transformer_blocks[0].attn
    width, name = attn.to_q.in_features, "base_model.model.double_blocks.0.img_attn.proj"
    return save(
        {f"{name}.lora_A.weight": random(RANK, width), f"{name}.lora_B.weight": random(width, RANK)}
    )


def lokr(transformer: Any) -> bytes:
    """Kronecker factors under lycoris' names: one whole, one as a product."""
    layer = transformer.transformer_blocks[0].attn.to_k
    name = "lycoris_transformer_blocks_0_attn_to_k"
    return save({**_lokr(name, layer.out_features, layer.in_features), f"{name}.alpha": _ALPHA})


_ALPHA = torch.tensor(2.0)


def lokr_fused(transformer: Any) -> bytes:
    """Factors for three projections at once, in the vendor's names."""
    layer = transformer.transformer_blocks[0].attn.to_q
    name = "diffusion_model.double_blocks.0.img_attn.qkv"
    return save(_lokr(name, 3 * layer.out_features, layer.in_features))


def lokr_metadata(transformer: Any) -> bytes:
    """diffusers' names with the configuration in the header."""
    name, layer = next(iter(attention_layers(transformer).items()))
    weights = _lokr(f"transformer.{name}", layer.out_features, layer.in_features)
    config = {"r": 64, "alpha": 32, "decompose_factor": 4, "target_modules": [name]}
    return save(weights, config)


def _lokr(name: str, height: int, width: int) -> Weights:
    random = drawn(10)
    return {
        f"{name}.lokr_w1": random(4, 4),
        f"{name}.lokr_w2": random(height // 4, width // 4),
    }


def save(weights: Weights, config: dict[str, Any] | None = None) -> bytes:
    """A file, whose header has the configuration as diffusers' trainers write it."""
    header = None
    if config is not None:
        named = {f"transformer.{name}": value for name, value in config.items()}
        header = {"lora_adapter_metadata": json.dumps(named), "format": "pt"}
    data: bytes = safetensors.torch.save(weights, metadata=header)
    return data


WIDTH, HEAD = 3072, 128
"""Of FLUX.1, which diffusers' converter of the vendor's control LoRAs takes for granted."""
_DOUBLE = {
    "img_mod.lin": (WIDTH, 6 * WIDTH),
    "txt_mod.lin": (WIDTH, 6 * WIDTH),
    "img_attn.qkv": (WIDTH, 3 * WIDTH),
    "txt_attn.qkv": (WIDTH, 3 * WIDTH),
    "img_attn.proj": (WIDTH, WIDTH),
    "txt_attn.proj": (WIDTH, WIDTH),
    "img_mlp.0": (WIDTH, 4 * WIDTH),
    "txt_mlp.0": (WIDTH, 4 * WIDTH),
    "img_mlp.2": (4 * WIDTH, WIDTH),
    "txt_mlp.2": (4 * WIDTH, WIDTH),
}
_SINGLE = {
    "modulation.lin": (WIDTH, 3 * WIDTH),
    "linear1": (WIDTH, 7 * WIDTH),
    "linear2": (5 * WIDTH, WIDTH),
}
_AROUND = {
    "img_in": (128, WIDTH),
    "txt_in": (4096, WIDTH),
    "time_in.in_layer": (256, WIDTH),
    "time_in.out_layer": (WIDTH, WIDTH),
    "vector_in.in_layer": (768, WIDTH),
    "vector_in.out_layer": (WIDTH, WIDTH),
    "guidance_in.in_layer": (256, WIDTH),
    "guidance_in.out_layer": (WIDTH, WIDTH),
    "final_layer.linear": (WIDTH, 64),
    "final_layer.adaLN_modulation.1": (WIDTH, 2 * WIDTH),
}


def vendors_control_lora(rank: int = 2) -> bytes:
    """Every tensor of the vendor's LoRAs for Canny and Depth: matrices, biases and norms."""
    layers = dict(_AROUND)
    norms = []
    for n in range(19):
        layers |= {f"double_blocks.{n}.{name}": size for name, size in _DOUBLE.items()}
        norms += [f"double_blocks.{n}.{side}_attn.norm" for side in ("img", "txt")]
    for n in range(38):
        layers |= {f"single_blocks.{n}.{name}": size for name, size in _SINGLE.items()}
        norms.append(f"single_blocks.{n}.norm")
    made: Weights = {}
    for name, (width, height) in layers.items():
        made[f"{name}.lora_A.weight"] = torch.zeros(rank, width)
        made[f"{name}.lora_B.weight"] = torch.zeros(height, rank)
        made[f"{name}.lora_B.bias"] = torch.zeros(height)
    for name in norms:
        made |= {f"{name}.{part}_norm.scale": torch.ones(HEAD) for part in ("query", "key")}
    return save(made)
