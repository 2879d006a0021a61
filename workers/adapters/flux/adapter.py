"""FLUX.1 and FLUX.2 through diffusers' own pipelines, in every way that a variant paints.

A batch is one call of a pipeline. What a picture depends on is kept apart from its
batch-mates: its prompt is encoded alone, and its noise comes from a generator of its own.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, cast

import diffusers
import torch
from PIL import Image

from workers.adapters.devices import choose_dtype, free_cache, translating_device_errors
from workers.adapters.flux.checkpoint_kinds import KINDS, Embeddings, control_map, sibling
from workers.adapters.flux.control_maps import DepthMap
from workers.adapters.flux.decoded_images import as_pictures
from workers.adapters.flux.loras import LoraRack, fuse_loras
from workers.adapters.flux.optimizations import FluxSpeed, tile_if_large
from workers.adapters.flux.pipeline_modes import (
    CONTROL,
    KONTEXT,
    Pictures,
    PipelineMode,
    references_of,
)
from workers.adapters.flux.previews import LatentView, Previews, fitted, wanted_by
from workers.adapters.flux.redux import ReduxPrior
from workers.adapters.library_logging import quieten_libraries
from workers.adapters.lru import LeastRecentlyUsed
from workers.adapters.pinning import Device, parse_device
from workers.adapters.protocol import (
    InvalidLoraError,
    Output,
    Painted,
    Report,
    ShouldStop,
    Stopped,
    Work,
)
from workers.adapters.weights import (
    WeightsError,
    load_pretrained,
    locate,
    locate_lora,
    locate_part,
    telling_the_remedy,
)
from workers.catalog.flux.loras import RowLora
from workers.catalog.flux.parameters import MAX_SEED, FluxParameters
from workers.catalog.variant import Variant, picture_fields

DRAWN_SEEDS = 2**32
"""Seeds drawn here stay below this: any JSON reader holds them exactly, and torch's CPU
generator looks at the low 32 bits alone."""


class FluxAdapter:
    """One FLUX variant on one device; see `workers.adapters.protocol.Adapter`.

    Row options: `kind`, which checkpoint it is, see `workers.adapters.flux.checkpoint_kinds`;
    `max_sequence_length`, the tokens of a prompt that are read; `prompt_cache`, how many encoded
    prompts are kept, and `prompt_cache_bytes`, how much device memory they may take;
    `loras`, those that make the variant, see `workers.catalog.flux.loras.RowLora`;
    `depth_weights`, `prior_weights`, where what the kind needs beside itself comes from;
    `snaps_picture`, whether the picture to edit is brought to a size that the model prefers; and
    those of `workers.adapters.flux.optimizations.FluxSpeed`.
    """

    def __init__(self, variant: Variant, device: str, overrides: Mapping[str, str]) -> None:
        self._variant = variant
        self._device: Device = parse_device(device)
        self._overrides = overrides
        self._kind = KINDS[variant.options["kind"]]
        self._speed = FluxSpeed.of(variant.id, variant.options)
        self._pipeline: Any = None
        self._siblings: dict[str, Any] = {}
        self._maps: Callable[[Image.Image], Image.Image] | None = self._kind.maps
        self._prior: ReduxPrior | None = None
        self._loras: LoraRack | None = None
        self._view: LatentView | None = None
        self._encoded: LeastRecentlyUsed[str, Embeddings] = LeastRecentlyUsed(
            variant.options["prompt_cache"],
            most_weight=variant.options["prompt_cache_bytes"],
            weigh=lambda encoded: sum(part.nbytes for part in encoded),
        )

    def load(self) -> None:
        """Bring the weights onto the device."""
        quieten_libraries()
        self.adopt(self._read(self._kind.loads, locate(self._variant, self._overrides)))

    def adopt(self, pipeline: Any) -> None:
        """Take a pipeline that is in memory already, as `load` does with what it has read.

        Args:
            pipeline: of the class that the row's kind is loaded with.
        """
        pipeline.set_progress_bar_config(disable=True)
        self._fuse_loras(pipeline)
        with translating_device_errors(self._device):
            self._speed.place(pipeline, self._device)
        self._pipeline = pipeline
        self._check_step()
        if "depth_weights" in self._kind.extra:
            source = locate_part(self._variant, "depth_weights", self._overrides)
            with telling_the_remedy(self._variant, source):
                self._maps = DepthMap(source, str(self._device))
        if "prior_weights" in self._kind.extra:
            source = locate_part(self._variant, "prior_weights", self._overrides)
            prior = self._read("FluxPriorReduxPipeline", source)
            with translating_device_errors(self._device):
                self._prior = ReduxPrior(prior.to(str(self._device)), self._pipeline)
        self._warm_up()

    def _fuse_loras(self, pipeline: Any) -> None:
        """Those that make this variant, before its weights are set up in any other way."""
        loras: Sequence[RowLora] = self._variant.options.get("loras", ())
        paths = [locate_lora(self._variant, n + 1, self._overrides) for n in range(len(loras))]
        files = [(path.read_bytes(), lora.scale) for path, lora in zip(paths, loras, strict=True)]
        if not files:
            return
        try:
            fuse_loras(pipeline, files)
        except InvalidLoraError as error:
            raise WeightsError(f"{self._variant.id}: a LoRA of its row: {error}") from error

    def unload(self) -> None:
        """Give the weights' memory back."""
        self._pipeline = self._prior = self._loras = self._view = None
        self._maps = self._kind.maps
        self._siblings.clear()
        self._encoded.clear()
        free_cache(self._device)

    def _check_step(self) -> None:
        """Sides that the VAE cannot paint would be rounded off by the pipeline without a word."""
        step: int = cast("type[FluxParameters]", self._variant.parameters).limits.step
        needed = 2 * self._pipeline.vae_scale_factor
        if step % needed:
            raise WeightsError(
                f"{self._variant.id}: its VAE paints sides that are multiples of {needed}; "
                f"by its row they are multiples of {step}"
            )

    def _read(self, class_name: str, source: Any) -> Any:
        dtype = choose_dtype(self._variant.dtype, self._device)
        pipeline = load_pretrained(
            getattr(diffusers, class_name), self._variant, source, dtype=dtype, use_safetensors=True
        )
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def _warm_up(self) -> None:
        """One step of a picture: kernels are chosen and memory is taken before the first job."""
        for pictures in self._speed.warm_up_pictures:
            self.run([self._first_work()] * pictures, lambda _step, _steps: None, lambda: False)

    def _first_work(self) -> Work:
        """A small job of this variant's; from gray pictures where it needs some."""
        model = cast("type[FluxParameters]", self._variant.parameters)
        needed = [name for name in picture_fields(model) if model.model_fields[name].is_required()]
        if not needed and model.inputs.image == "always":
            needed = ["image"]
        gray = Image.new("RGB", (model.limits.side, model.limits.side), "gray")
        given: dict[str, Any] = dict.fromkeys(needed, "gray")
        parameters = model(prompt="a warm start", steps=1, **given)
        sizes = {name: [gray.size] for name in needed}
        return Work(parameters.settled(sizes), {name: [gray] for name in needed})

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Paint every job's pictures in one call of the pipeline."""
        jobs = [cast("FluxParameters", work.parameters) for work in batch]
        seeds = [seeds_of(job) for job in jobs]
        way = self._kind.way(jobs[0])
        self._put_on_loras(jobs[0], batch[0].stored)
        with translating_device_errors(self._device), torch.inference_mode():
            pictures = iter(self._paint(way, batch, seeds, report, should_stop))
        # By the batch key they were painted from the same pictures.
        finished = (way.finish(each, jobs[0], batch[0].pictures) for each in pictures)
        return [Output(tuple(map(Painted, islice(finished, len(own)), own))) for own in seeds]

    def _put_on_loras(self, job: FluxParameters, stored: Callable[[str], bytes]) -> None:
        asked = [(lora.source, lora.scale) for lora in job.loras]
        if asked and not self._speed.takes_loras:
            raise InvalidLoraError(
                f"{self._variant.id} is served with fused or 8-bit weights, which take no LoRA"
            )
        if asked and self._loras is None:
            self._loras = LoraRack(self._pipeline)
        if self._loras:
            with translating_device_errors(self._device):
                self._loras.use(asked, stored)

    def _paint(
        self,
        way: PipelineMode,
        batch: Sequence[Work],
        seeds: Sequence[Sequence[int]],
        report: Report,
        should_stop: ShouldStop,
    ) -> list[Image.Image]:
        """The pictures of all jobs, flat and in order."""
        pipeline = self._pipeline_for(way)
        shared = cast("FluxParameters", batch[0].parameters)
        tile_if_large(pipeline.vae, shared.size)
        generators = [torch.Generator().manual_seed(seed) for own in seeds for seed in own]
        shown = self._shown(batch)
        try:
            painted: torch.Tensor = pipeline(
                **self._embeddings(batch, should_stop),
                **way.arguments(shared, batch[0].pictures, len(generators)),
                **self._row_arguments(way, shared, batch[0].pictures),
                width=shared.width,
                height=shared.height,
                num_inference_steps=shared.steps,
                guidance_scale=shared.guidance,
                generator=generators,
                callback_on_step_end=_StepEnd(report, should_stop, shown),
                output_type="pt",
            ).images
        finally:
            # Left out by the pipeline when a callback raises.
            pipeline.maybe_free_model_hooks()
        return as_pictures(painted)

    def _shown(self, batch: Sequence[Work]) -> Previews | None:
        if not wanted_by(batch):
            return None
        # Few ask: whoever does first has the map made, once for all.
        self._view = self._view or fitted(self._pipeline)
        return Previews(self._view, batch)

    def _pipeline_for(self, way: PipelineMode) -> Any:
        if way.pipeline not in self._siblings:
            self._siblings[way.pipeline] = sibling(self._pipeline, way.pipeline)
        return self._siblings[way.pipeline]

    def _row_arguments(
        self, way: PipelineMode, parameters: FluxParameters, pictures: Pictures
    ) -> dict[str, Any]:
        """What depends on the row as well."""
        if way is CONTROL and self._maps:
            return {"control_image": control_map(self._maps, parameters, pictures)}
        if way is KONTEXT:
            return {"_auto_resize": self._variant.options["snaps_picture"]}
        return {}

    def _embeddings(
        self, batch: Sequence[Work], should_stop: ShouldStop
    ) -> dict[str, torch.Tensor]:
        """The pipeline's text arguments, one row per picture."""
        rows: list[Embeddings] = []
        for work in batch:
            if should_stop():
                raise Stopped("stopped on request")
            job = cast("FluxParameters", work.parameters)
            rows.extend([self._encode(job.prompt, work.pictures)] * job.num_images)
        columns = map(torch.cat, zip(*rows, strict=True))
        return dict(zip(self._kind.text, columns, strict=True))

    def _encode(self, prompt: str, pictures: Pictures) -> Embeddings:
        if self._prior:
            return self._prior.encode(prompt, references_of(pictures) or [])
        known = self._encoded.get(prompt)
        if known is not None:
            return known
        encoded = self._pipeline.encode_prompt(
            prompt=prompt, max_sequence_length=self._variant.options["max_sequence_length"]
        )
        kept: Embeddings = tuple(encoded[: len(self._kind.text)])
        self._encoded.put(prompt, kept)
        return kept


class _StepEnd:
    """What the pipeline calls after each denoising step."""

    def __init__(self, report: Report, should_stop: ShouldStop, shown: Previews | None) -> None:
        self._report = report
        self._should_stop = should_stop
        self._shown = shown

    def __call__(
        self, pipeline: Any, index: int, _timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        """Report the step; give up between it and the next if asked to."""
        # Where a picture is painted over, its strength leaves some steps out.
        self._report(index + 1, pipeline.num_timesteps)
        if self._should_stop():
            raise Stopped("stopped on request")
        if self._shown:
            latents = tensors["latents"]
            self._shown.after_step(pipeline, index + 1, pipeline.num_timesteps, latents)
        return {}


def seeds_of(parameters: FluxParameters) -> tuple[int, ...]:
    """The seed of each of a job's pictures: `seed + i`, beginning anew after 2⁶⁴ - 1."""
    first = secrets.randbelow(DRAWN_SEEDS) if parameters.seed is None else parameters.seed
    return tuple((first + i) % (MAX_SEED + 1) for i in range(parameters.num_images))
