"""FLUX.1 Redux: pictures encoded as prompt embeddings for FLUX.1 [dev]."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import FluxPriorReduxPipeline
from PIL import Image

from workers.adapters.image_processors import on_pillow

_PICTURE_PARTS = ("image_encoder", "feature_extractor", "image_embedder")


class ReduxPrior:
    """The prior of a loaded pipeline, whose text encoders it shares."""

    def __init__(self, prior: Any, painter: Any) -> None:
        """Combine the prior with the pipeline's text encoders.

        Args:
            prior: a loaded `FluxPriorReduxPipeline`.
            painter: the loaded `FluxPipeline`.
        """
        own = {name: value for name, value in prior.components.items() if value is not None}
        own["feature_extractor"] = on_pillow(own["feature_extractor"])
        self._prior = _make_prior({**painter.components, **own})
        # As in the vendor's example, which has no prompt and loads no text encoders.
        self._wordless = _make_prior({name: own[name] for name in _PICTURE_PARTS})

    def encode(self, prompt: str, pictures: Sequence[Image.Image]) -> tuple[torch.Tensor, ...]:
        """`prompt_embeds` (1, words, width) and `pooled_prompt_embeds` (1, width).

        Several pictures are mixed in equal shares. Without a prompt the words are all zero.
        """
        share = 1.0 / len(pictures)
        prior, words = (self._prior, [prompt] * len(pictures)) if prompt else (self._wordless, None)
        read = prior(
            image=list(pictures),
            prompt=words,
            prompt_embeds_scale=[share] * len(pictures),
            pooled_prompt_embeds_scale=[share] * len(pictures),
        )
        return read.prompt_embeds, read.pooled_prompt_embeds


def _make_prior(components: Mapping[str, Any]) -> Any:
    takes = inspect.signature(FluxPriorReduxPipeline.__init__).parameters
    given = {name: components[name] for name in takes if name in components}
    prior = FluxPriorReduxPipeline(**given)
    prior.set_progress_bar_config(disable=True)
    return prior
