"""The plan's working set against the tensors that really live, on models of the published sizes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.conformance.workers.adapters.serving.live_bytes import peak_bytes
from tests.conformance.workers.adapters.serving.published_models import meta_model
from workers.adapters.serving.published_sizes import PUBLISHED
from workers.adapters.serving.working_set import NUMBERS_PER_TOKEN, VAE_BYTES_PER_PIXEL

TEXT_TOKENS = 512
MEGAPIXEL_TOKENS = 4096


def empty(*shape: int) -> torch.Tensor:
    return torch.empty(*shape, device="meta", dtype=torch.bfloat16)


def step_of(name: str, tokens: int) -> Callable[[], Any]:
    """One step of a transformer."""
    model: Any = meta_model(name).to(torch.bfloat16)
    settings = model.config
    arguments = {
        "hidden_states": empty(1, tokens, settings.in_channels),
        "encoder_hidden_states": empty(1, TEXT_TOKENS, settings.joint_attention_dim),
        "timestep": empty(1),
        "guidance": empty(1),
    }
    if name.startswith("flux1"):
        arguments |= {
            "pooled_projections": empty(1, settings.pooled_projection_dim),
            "img_ids": empty(tokens, 3),
            "txt_ids": empty(TEXT_TOKENS, 3),
        }
    else:
        arguments |= {"img_ids": empty(1, tokens, 4), "txt_ids": empty(1, TEXT_TOKENS, 4)}
    return lambda: model(**arguments)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["flux1", "flux2-klein-4b", "flux2-klein-9b", "flux2-dev"])
@pytest.mark.parametrize("megapixels", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_step_takes_what_the_plan_says(name: str, megapixels: int) -> None:
    tokens = megapixels * MEGAPIXEL_TOKENS
    part = PUBLISHED[name]
    planned = (tokens + TEXT_TOKENS) * part.width * NUMBERS_PER_TOKEN[part.component_class] * 2
    assert peak_bytes(step_of(name, tokens)) == pytest.approx(planned, rel=0.03)


@pytest.mark.parametrize(("name", "channels"), [("flux1-vae", 16), ("flux2-vae", 32)])
@pytest.mark.parametrize("side", [1024, 2048])
def test_decoding_takes_what_the_plan_says(name: str, channels: int, side: int) -> None:
    vae: Any = meta_model(name).to(torch.bfloat16)
    found = peak_bytes(lambda: vae.decode(empty(1, channels, side // 8, side // 8)))
    assert found == pytest.approx(VAE_BYTES_PER_PIXEL * side * side, rel=0.01)
