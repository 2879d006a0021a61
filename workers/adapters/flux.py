"""FLUX.1 and FLUX.2 [klein]: text to image through diffusers' own pipelines.

A batch is one call of the pipeline. What a picture depends on is kept apart from its
batch-mates: its prompt is encoded alone, and its noise comes from a generator of its own.
"""

import importlib
import secrets
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, cast

import torch

from workers.adapters.devices import choose_dtype, translating_device_errors
from workers.adapters.lru import LeastRecentlyUsed
from workers.adapters.pinning import Device, parse_device
from workers.adapters.protocol import Output, Painted, Report, ShouldStop, Stopped, Work
from workers.adapters.quiet import quieten_libraries
from workers.adapters.weights import load_pretrained, locate
from workers.catalog.flux_parameters import MAX_SEED, FluxParameters
from workers.catalog.variant import Family, Variant

PIPELINES = {Family.FLUX1: "FluxPipeline", Family.FLUX2: "Flux2KleinPipeline"}

EMBEDDINGS = {
    Family.FLUX1: ("prompt_embeds", "pooled_prompt_embeds"),
    Family.FLUX2: ("prompt_embeds",),
}
"""The leading values of the pipeline's `encode_prompt`, by the arguments that take them."""

DRAWN_SEEDS = 2**32
"""Seeds drawn here stay below this: any JSON reader holds them exactly, and torch's CPU
generator looks at the low 32 bits alone."""

Embeddings = tuple[torch.Tensor, ...]


class FluxAdapter:
    """One FLUX variant on one device; see `workers.adapters.protocol.Adapter`.

    Row options: `max_sequence_length`, the tokens of a prompt that are read, and
    `prompt_cache`, how many encoded prompts are kept.
    """

    def __init__(self, variant: Variant, device: str, overrides: Mapping[str, str]) -> None:
        self._variant = variant
        self._device: Device = parse_device(device)
        self._overrides = overrides
        self._pipeline: Any = None
        self._encoded: LeastRecentlyUsed[str, Embeddings] = LeastRecentlyUsed(
            variant.options["prompt_cache"]
        )

    def load(self) -> None:
        """Bring the weights onto the device."""
        quieten_libraries()
        pipeline_class = getattr(
            importlib.import_module("diffusers"), PIPELINES[self._variant.family]
        )
        source = locate(self._variant, self._overrides)
        dtype = choose_dtype(self._variant.dtype, self._device)
        pipeline = load_pretrained(
            pipeline_class, self._variant, source, dtype=dtype, use_safetensors=True
        )
        pipeline.set_progress_bar_config(disable=True)
        pipeline.vae.enable_slicing()  # a batch of large pictures decodes in the memory of one
        with translating_device_errors(self._device):
            self._pipeline = pipeline.to(str(self._device))
        self._warm_up()

    def _warm_up(self) -> None:
        """One step of a picture: kernels are chosen and memory is taken before the first job."""
        parameters = self._variant.parameters(prompt="a warm start", steps=1)
        self.run([Work(parameters)], lambda _step, _steps: None, lambda: False)

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Paint every job's pictures in one call of the pipeline."""
        jobs = [cast("FluxParameters", work.parameters) for work in batch]
        seeds = [seeds_of(job) for job in jobs]
        with translating_device_errors(self._device), torch.inference_mode():
            pictures = iter(self._paint(jobs, seeds, report, should_stop))
        return [Output(tuple(map(Painted, islice(pictures, len(own)), own))) for own in seeds]

    def _paint(
        self,
        jobs: Sequence[FluxParameters],
        seeds: Sequence[Sequence[int]],
        report: Report,
        should_stop: ShouldStop,
    ) -> list[Any]:
        """The pictures of all jobs, flat and in order."""
        shared = jobs[0]
        try:
            pictures: list[Any] = self._pipeline(
                **self._embeddings(jobs, should_stop),
                width=shared.width,
                height=shared.height,
                num_inference_steps=shared.steps,
                guidance_scale=shared.guidance,
                generator=[torch.Generator().manual_seed(seed) for own in seeds for seed in own],
                callback_on_step_end=_StepEnd(shared.steps, report, should_stop),
            ).images
        finally:
            # Left out by the pipeline when a callback raises.
            self._pipeline.maybe_free_model_hooks()
        return pictures

    def _embeddings(
        self, jobs: Sequence[FluxParameters], should_stop: ShouldStop
    ) -> dict[str, torch.Tensor]:
        """The pipeline's text arguments, one row per picture."""
        rows: list[Embeddings] = []
        for job in jobs:
            if should_stop():
                raise Stopped("stopped on request")
            rows.extend([self._encode(job.prompt)] * job.num_images)
        names = EMBEDDINGS[self._variant.family]
        return dict(zip(names, map(torch.cat, zip(*rows, strict=True)), strict=True))

    def _encode(self, prompt: str) -> Embeddings:
        known = self._encoded.get(prompt)
        if known is not None:
            return known
        encoded = self._pipeline.encode_prompt(
            prompt=prompt, max_sequence_length=self._variant.options["max_sequence_length"]
        )
        kept: Embeddings = tuple(encoded[: len(EMBEDDINGS[self._variant.family])])
        self._encoded.put(prompt, kept)
        return kept


class _StepEnd:
    """What the pipeline calls after each denoising step."""

    def __init__(self, steps: int, report: Report, should_stop: ShouldStop) -> None:
        self._steps = steps
        self._report = report
        self._should_stop = should_stop

    def __call__(
        self, _pipeline: Any, index: int, _timestep: Any, _tensors: dict[str, Any]
    ) -> dict[str, Any]:
        """Report the step; give up between it and the next if asked to."""
        self._report(index + 1, self._steps)
        if self._should_stop():
            raise Stopped("stopped on request")
        return {}


def seeds_of(parameters: FluxParameters) -> tuple[int, ...]:
    """The seed of each of a job's pictures: `seed + i`, beginning anew after 2⁶⁴ - 1."""
    first = secrets.randbelow(DRAWN_SEEDS) if parameters.seed is None else parameters.seed
    return tuple((first + i) % (MAX_SEED + 1) for i in range(parameters.num_images))
