"""The kinds of FLUX checkpoints: in which ways each paints, and what it is loaded with.

A row of the catalogue names its kind in `options["kind"]`.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import diffusers
import torch
from PIL import Image

from workers.adapters.flux.control_maps import canny_map
from workers.adapters.flux.klein_inpaint import KleinInpaintPipeline
from workers.adapters.flux.pipeline_modes import (
    CONTROL,
    FILL,
    FLUX2,
    IMAGE,
    INPAINT,
    KLEIN,
    KLEIN_INPAINT,
    KONTEXT,
    KONTEXT_INPAINT,
    TEXT,
    Pictures,
    PipelineMode,
    sized,
)
from workers.catalog.flux.parameters import FluxParameters

Embeddings = tuple[torch.Tensor, ...]

FLUX1_TEXT = ("prompt_embeds", "pooled_prompt_embeds")
FLUX2_TEXT = ("prompt_embeds",)

OWN_CLASSES = {KleinInpaintPipeline.__name__: KleinInpaintPipeline}
"""The pipelines that are not diffusers' own, by name."""


@dataclass(frozen=True)
class CheckpointKind:
    """A kind of checkpoint.

    Attributes:
        loads: the pipeline class of its folder.
        way: which way a job is painted.
        text: the leading values of the pipeline's `encode_prompt`, by the arguments that take them.
        maps: makes the control map of a picture, where the checkpoint paints from one. None where
            a model of its own has to be loaded for it, see `extra`.
        extra: what is loaded beside it, by the row's option that says where from.
    """

    loads: str
    way: Callable[[FluxParameters], PipelineMode]
    text: tuple[str, ...] = FLUX1_TEXT
    maps: Callable[[Image.Image], Image.Image] | None = None
    extra: tuple[str, ...] = field(default=())


def _flux1(parameters: FluxParameters) -> PipelineMode:
    if parameters.given("mask"):
        return INPAINT
    return IMAGE if parameters.given("image") else TEXT


def _kontext(parameters: FluxParameters) -> PipelineMode:
    return KONTEXT_INPAINT if parameters.given("mask") else KONTEXT


def _klein(parameters: FluxParameters) -> PipelineMode:
    return KLEIN_INPAINT if parameters.given("mask") else KLEIN


def _always(way: PipelineMode) -> Callable[[FluxParameters], PipelineMode]:
    return lambda _parameters: way


KINDS = {
    "flux1": CheckpointKind("FluxPipeline", _flux1),
    "fill": CheckpointKind("FluxFillPipeline", _always(FILL)),
    "kontext": CheckpointKind("FluxKontextPipeline", _kontext),
    "canny": CheckpointKind("FluxControlPipeline", _always(CONTROL), maps=canny_map),
    "depth": CheckpointKind("FluxControlPipeline", _always(CONTROL), extra=("depth_weights",)),
    "redux": CheckpointKind("FluxPipeline", _always(TEXT), extra=("prior_weights",)),
    "klein": CheckpointKind("Flux2KleinPipeline", _klein, FLUX2_TEXT),
    "flux2": CheckpointKind("Flux2Pipeline", _always(FLUX2), FLUX2_TEXT),
}


def sibling(pipeline: Any, class_name: str) -> Any:
    """Another pipeline of the same components: nothing is loaded or copied.

    Args:
        pipeline: one that is loaded.
        class_name: the other's class, diffusers' or one of `OWN_CLASSES`.
    """
    wanted = OWN_CLASSES.get(class_name) or getattr(diffusers, class_name)
    if type(pipeline) is wanted:
        return pipeline
    has = {**pipeline.components, "is_distilled": pipeline.config.get("is_distilled")}
    takes = inspect.signature(wanted.__init__).parameters
    made = wanted(**{name: has[name] for name in takes if has.get(name) is not None})
    made.set_progress_bar_config(disable=True)
    return made


def control_map(
    maps: Callable[[Image.Image], Image.Image], parameters: FluxParameters, pictures: Pictures
) -> Image.Image:
    """The map that was given, or one made of the picture that was, of the size that is painted."""
    finished: Sequence[Image.Image] = pictures.get("control_image", ())
    if finished:
        return sized(finished[0], parameters)
    return maps(sized(pictures["image"][0], parameters))
