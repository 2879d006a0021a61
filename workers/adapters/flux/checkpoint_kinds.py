"""The kinds of FLUX checkpoints: their pipeline modes, and the weights that each one loads.

A row of the catalogue names its kind in `options["kind"]`.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import diffusers
import torch
from PIL import Image, ImageOps
from PIL.Image import Resampling

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
    fit_to_output,
)
from workers.catalog.flux.fit import BLACK, PAD, changes_shape, pad
from workers.catalog.flux.parameters import FluxParameters

Embeddings = tuple[torch.Tensor, ...]

FLUX1_TEXT = ("prompt_embeds", "pooled_prompt_embeds")
FLUX2_TEXT = ("prompt_embeds",)

OWN_CLASSES = {KleinInpaintPipeline.__name__: KleinInpaintPipeline}
"""Pipelines of this project, which diffusers does not have, by name."""


@dataclass(frozen=True)
class CheckpointKind:
    """A kind of checkpoint.

    Attributes:
        pipeline: the name of the pipeline class in its folder.
        mode: chooses a job's pipeline mode by its parameters.
        text_arguments: the pipeline's arguments for the leading values of `encode_prompt`.
        make_map: makes the control map of a picture, where the checkpoint uses one. None where
            that needs a model of its own, see `extra_weights`.
        extra_weights: the row's options that name further weights to load.
    """

    pipeline: str
    mode: Callable[[FluxParameters], PipelineMode]
    text_arguments: tuple[str, ...] = FLUX1_TEXT
    make_map: Callable[[Image.Image], Image.Image] | None = None
    extra_weights: tuple[str, ...] = field(default=())


def _flux1(parameters: FluxParameters) -> PipelineMode:
    if parameters.get("mask"):
        return INPAINT
    return IMAGE if parameters.get("image") else TEXT


def _kontext(parameters: FluxParameters) -> PipelineMode:
    return KONTEXT_INPAINT if parameters.get("mask") else KONTEXT


def _klein(parameters: FluxParameters) -> PipelineMode:
    return KLEIN_INPAINT if parameters.get("mask") else KLEIN


def _always(mode: PipelineMode) -> Callable[[FluxParameters], PipelineMode]:
    return lambda _parameters: mode


KINDS = {
    "flux1": CheckpointKind("FluxPipeline", _flux1),
    "fill": CheckpointKind("FluxFillPipeline", _always(FILL)),
    "kontext": CheckpointKind("FluxKontextPipeline", _kontext),
    "canny": CheckpointKind("FluxControlPipeline", _always(CONTROL), make_map=canny_map),
    "depth": CheckpointKind(
        "FluxControlPipeline", _always(CONTROL), extra_weights=("depth_weights",)
    ),
    "redux": CheckpointKind("FluxPipeline", _always(TEXT), extra_weights=("prior_weights",)),
    "klein": CheckpointKind("Flux2KleinPipeline", _klein, FLUX2_TEXT),
    "flux2": CheckpointKind("Flux2Pipeline", _always(FLUX2), FLUX2_TEXT),
}


def sibling(pipeline: Any, class_name: str) -> Any:
    """A pipeline of another class with the same components: nothing is loaded or copied.

    Args:
        pipeline: a loaded pipeline.
        class_name: the class to make, diffusers' or one of `OWN_CLASSES`.
    """
    pipeline_class = OWN_CLASSES.get(class_name) or getattr(diffusers, class_name)
    if type(pipeline) is pipeline_class:
        return pipeline
    components = {**pipeline.components, "is_distilled": pipeline.config.get("is_distilled")}
    accepted = inspect.signature(pipeline_class.__init__).parameters
    other = pipeline_class(
        **{name: components[name] for name in accepted if components.get(name) is not None}
    )
    other.set_progress_bar_config(disable=True)
    return other


def control_map(
    make_map: Callable[[Image.Image], Image.Image], parameters: FluxParameters, pictures: Pictures
) -> Image.Image:
    """The job's finished control map, or one made from its picture, in the output's size.

    Padding is black: outlines and depths that go on beyond the picture would be painted.
    """
    finished: Sequence[Image.Image] = pictures.get("control_image", ())
    if finished:
        return fit_to_output(finished[0], parameters, padding=BLACK)
    picture, output = pictures["image"][0], parameters.size
    if parameters.get("fit") == PAD and changes_shape(picture.size, output, parameters.limits.step):
        contained = ImageOps.contain(picture, output, Resampling.LANCZOS)
        return pad(make_map(contained), output, BLACK)
    return make_map(fit_to_output(picture, parameters))
