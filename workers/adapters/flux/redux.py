"""FLUX.1 Redux: pictures encoded as prompt embeddings for FLUX.1 [dev]."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import FluxPriorReduxPipeline
from PIL import Image

from workers.adapters.image_processors import on_pillow


class ReduxPrior:
    """The prior of a loaded pipeline, whose text encoders it shares."""

    def __init__(self, prior: Any, painter: Any) -> None:
        """Combine the prior with the pipeline's text encoders.

        Args:
            prior: a loaded `FluxPriorReduxPipeline`.
            painter: the loaded `FluxPipeline`.
        """
        takes = inspect.signature(FluxPriorReduxPipeline.__init__).parameters
        has = {**painter.components, **{k: v for k, v in prior.components.items() if v is not None}}
        has["feature_extractor"] = on_pillow(has["feature_extractor"])
        self._prior = FluxPriorReduxPipeline(**{name: has[name] for name in takes if name in has})
        self._prior.set_progress_bar_config(disable=True)

    def encode(self, prompt: str, pictures: Sequence[Image.Image]) -> tuple[torch.Tensor, ...]:
        """`prompt_embeds` (1, words, width) and `pooled_prompt_embeds` (1, width).

        Several pictures are mixed in equal shares.
        """
        share = 1.0 / len(pictures)
        read = self._prior(
            image=list(pictures),
            prompt=[prompt] * len(pictures),
            prompt_embeds_scale=[share] * len(pictures),
            pooled_prompt_embeds_scale=[share] * len(pictures),
        )
        return read.prompt_embeds, read.pooled_prompt_embeds
