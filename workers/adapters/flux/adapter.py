"""FLUX.1 and FLUX.2 through diffusers' own pipelines, in all modes of a variant.

A batch is one call of a pipeline. Each picture is independent of the rest of its batch: its prompt
is encoded alone, and its noise comes from a generator of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import diffusers
import torch
from PIL import Image

from workers.adapters import load_progress
from workers.adapters.devices import (
    choose_dtype,
    free_bytes,
    free_cache,
    translating_device_errors,
)
from workers.adapters.flux.checkpoint_kinds import KINDS, control_map, sibling
from workers.adapters.flux.control_maps import DepthMap
from workers.adapters.flux.decoded_images import as_pictures
from workers.adapters.flux.loras import PipelineLoras, fuse_loras
from workers.adapters.flux.optimizations import OptionError, make_ready, warm_up_batch_sizes
from workers.adapters.flux.pipeline_modes import CONTROL, KONTEXT, Pictures, PipelineMode
from workers.adapters.flux.previews import (
    LinearDecoder,
    Previews,
    fit_linear_decoder,
    wants_previews,
)
from workers.adapters.flux.processors import replaced_components
from workers.adapters.flux.prompt_tokenizers import TokenizerError, prompt_components
from workers.adapters.flux.prompts import (
    EncodedPrompt,
    PromptEncoder,
    cuts_of,
    prompts_of,
    stack,
)
from workers.adapters.flux.redux import ReduxPrior
from workers.adapters.flux.seeds import seeded_generator, seeds_of
from workers.adapters.flux.vae_memory import tile_if_needed
from workers.adapters.hub.selection import Layout
from workers.adapters.library_logging import silence_libraries
from workers.adapters.load_progress import LoadStage
from workers.adapters.pinning import Device, parse_device
from workers.adapters.protocol import (
    FetchFile,
    InvalidLoraError,
    InvalidOutputError,
    Output,
    Painted,
    Report,
    ShouldStop,
    Stopped,
    Work,
)
from workers.adapters.serving.checkpoints import read_pipeline
from workers.adapters.serving.kernels import record_kernels
from workers.adapters.serving.quantization import MissingLibraryError, QuantizedLinear
from workers.adapters.weights import (
    WeightsError,
    fetched,
    load_pretrained,
    locate,
    locate_lora,
    locate_part,
    translating_library_errors,
)
from workers.catalog.flux.inputs import Presence
from workers.catalog.flux.loras import RowLora
from workers.catalog.flux.parameters import FluxParameters
from workers.catalog.serving import PLAIN, Precision, ServingMode
from workers.catalog.variant import Variant, picture_fields

RunModel = Callable[[Sequence[Work], Report, ShouldStop], list[Output]]


class FluxAdapter:
    """One FLUX variant on one device; see `workers.adapters.protocol.Adapter`.

    Row options: `kind`, the kind of its checkpoint, see `workers.adapters.flux.checkpoint_kinds`;
    `max_sequence_length`, most tokens of a prompt, see `Variant.max_prompt_tokens`;
    `prompt_cache`, most encoded prompts in the cache, and `prompt_cache_bytes`, most device memory
    for them; `loras`, those that are part of the variant, see
    `workers.catalog.flux.loras.RowLora`; `depth_weights` and `prior_weights`, sources of further
    weights that the kind needs; and `snaps_picture`, true to scale the picture to edit to a size
    that the model prefers.
    """

    def __init__(
        self,
        variant: Variant,
        device: str,
        overrides: Mapping[str, str],
        mode: ServingMode = PLAIN,
    ) -> None:
        self._variant = variant
        self._mode = mode
        self._device: Device = parse_device(device)
        self._overrides = overrides
        self._kind = KINDS[variant.options["kind"]]
        self._dtype = computation_dtype(variant, mode, self._device)
        self._row_loras: list[tuple[str, float]] = []
        self._pipeline: Any = None
        self._siblings: dict[str, Any] = {}
        self._make_map: Callable[[Image.Image], Image.Image] | None = self._kind.make_map
        self._prompts: PromptEncoder | None = None
        self._loras: PipelineLoras | None = None
        self._decoder: LinearDecoder | None = None
        self._saves_memory = False

    def load(self) -> None:
        """Bring the weights onto the device."""
        silence_libraries()
        source = locate(self._variant, self._overrides)
        without = ("transformer",) if source.file else ()
        source = fetched(self._variant, source, Layout.PIPELINE, without=without)
        with translating_library_errors(self._variant, source):
            components = replaced_components(Path(source.name))
        try:
            pipeline = read_pipeline(
                self._kind.pipeline, self._variant, source, self._mode, self._dtype, **components
            )
        except MissingLibraryError as error:
            raise OptionError(f"{self._variant.id}: {source.name}: {error}") from error
        self.adopt(pipeline)

    def adopt(self, pipeline: Any) -> None:
        """Use a pipeline that is already in memory, as `load` does after reading it.

        Args:
            pipeline: of the class that the row's kind is loaded with.
        """
        pipeline.set_progress_bar_config(disable=True)
        try:
            pipeline.register_modules(**prompt_components(pipeline))
        except TokenizerError as error:
            raise WeightsError(f"{self._variant.id}: {error}") from error
        self._fuse_loras(pipeline)
        with translating_device_errors(self._device):
            make_ready(pipeline, self._variant.id, self._mode, self._device, self._dtype)
        self._pipeline = pipeline
        self._check_step()
        if "depth_weights" in self._kind.extra_weights:
            source = locate_part(self._variant, "depth_weights", self._overrides)
            source = fetched(self._variant, source, Layout.MODEL)
            with translating_library_errors(self._variant, source):
                self._make_map = DepthMap(source, str(self._device))
        self._prompts = PromptEncoder(
            pipeline, self._variant.options, len(self._kind.text_arguments), self._load_prior()
        )
        self._warm_up()
        if self._mode.compile:
            record_kernels(self._variant.id, self._mode, self._device)

    def _load_prior(self) -> ReduxPrior | None:
        if "prior_weights" not in self._kind.extra_weights:
            return None
        prior = load_pretrained(
            diffusers.FluxPriorReduxPipeline,
            self._variant,
            locate_part(self._variant, "prior_weights", self._overrides),
            dtype=self._dtype,
            use_safetensors=True,
        )
        with translating_device_errors(self._device):
            return ReduxPrior(prior.to(str(self._device)), self._pipeline)

    def _fuse_loras(self, pipeline: Any) -> None:
        """Fuse the row's LoRAs, before its weights are changed in any other way.

        Into weights that are quantised already nothing can be fused: there they are put on for
        each job, beside the job's own.
        """
        loras: Sequence[RowLora] = self._variant.options.get("loras", ())
        paths = [locate_lora(self._variant, n + 1, self._overrides) for n in range(len(loras))]
        if not paths:
            return
        if any(isinstance(each, QuantizedLinear) for each in pipeline.transformer.modules()):
            self._row_loras = [(str(p), lora.scale) for p, lora in zip(paths, loras, strict=True)]
            return
        files = [(path, lora.scale) for path, lora in zip(paths, loras, strict=True)]
        try:
            fuse_loras(pipeline, files)
        except InvalidLoraError as error:
            raise WeightsError(f"{self._variant.id}: a LoRA of its row: {error}") from error

    def unload(self) -> None:
        """Give the weights' memory back."""
        self._pipeline = self._prompts = self._loras = self._decoder = None
        self._make_map = self._kind.make_map
        self._siblings.clear()
        free_cache(self._device)

    def _check_step(self) -> None:
        """Refuse a step that does not fit the VAE: the pipeline would round sides silently."""
        step: int = cast("type[FluxParameters]", self._variant.parameters).limits.step
        needed = 2 * self._pipeline.vae_scale_factor
        if step % needed:
            raise WeightsError(
                f"{self._variant.id}: its VAE paints sides that are multiples of {needed}; "
                f"by its row they are multiples of {step}"
            )

    def _warm_up(self) -> None:
        """Run one step: kernels are chosen and memory is allocated before the first job."""
        load_progress.begin(LoadStage.PREPARING)
        for pictures in warm_up_batch_sizes(self._mode):
            self.run([self._first_work()] * pictures, lambda _step, _steps: None, lambda: False)

    def _first_work(self) -> Work:
        """A small job of this variant, with gray pictures where it requires some."""
        model = cast("type[FluxParameters]", self._variant.parameters)
        needed = [name for name in picture_fields(model) if model.model_fields[name].is_required()]
        if not needed and model.inputs.image is Presence.REQUIRED:
            needed = ["image"]
        gray = Image.new("RGB", (model.limits.side, model.limits.side), "gray")
        named: dict[str, Any] = dict.fromkeys(needed, "gray")
        parameters = model(prompt="a warm start", steps=1, **named)
        sizes = {name: [gray.size] for name in needed}
        return Work(parameters.with_sizes(sizes), {name: [gray] for name in needed})

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Paint every job's pictures in one call of the pipeline."""
        jobs = [cast("FluxParameters", work.parameters) for work in batch]
        mode = self._kind.mode(jobs[0])
        self._put_on_loras(jobs[0], batch[0].stored)
        pipeline = self._pipeline_for(mode)
        try:
            with translating_device_errors(self._device), torch.inference_mode():
                prompts = self._read_prompts(batch, should_stop)
                call = _Call(mode, batch, [seeds_of(job) for job in jobs], prompts)
                pictures = iter(self._painted(call, report, should_stop))
        finally:
            # The pipeline skips this when a callback raises.
            pipeline.maybe_free_model_hooks()
        # The batch key guarantees that all jobs have the same input pictures.
        finished = (mode.postprocess(each, jobs[0], batch[0].pictures) for each in pictures)
        painted = [tuple(map(Painted, islice(finished, len(own)), own)) for own in call.seeds]
        data = [{"warnings": cuts_of(read)} for read in prompts]
        return list(map(Output, painted, data))

    def run_in_least_memory(
        self, batch: Sequence[Work], report: Report, should_stop: ShouldStop
    ) -> list[Output]:
        """Paint one picture after the other, decoded in tiles, after forgetting all prompts."""
        cast("PromptEncoder", self._prompts).clear()
        free_cache(self._device)
        self._saves_memory = True
        try:
            return one_by_one(self.run, batch, report, should_stop)
        finally:
            self._saves_memory = False

    def _put_on_loras(self, job: FluxParameters, stored: FetchFile) -> None:
        own = dict(self._row_loras)
        loras = [*self._row_loras, *((lora.source, lora.scale) for lora in job.loras)]

        def fetch(key: str) -> AbstractContextManager[Path]:
            return nullcontext(Path(key)) if key in own else stored(key)

        if loras and self._loras is None:
            self._loras = PipelineLoras(self._pipeline)
        if self._loras:
            with translating_device_errors(self._device):
                self._loras.activate(loras, fetch)

    def _painted(self, call: "_Call", report: Report, should_stop: ShouldStop) -> list[Image.Image]:
        """The pictures of all jobs; numbers out of range are the fault of the jobs' own LoRAs.

        All jobs of a batch have the same LoRAs. Another try would end in the same way.
        """
        try:
            return self._paint(call, report, should_stop)
        except InvalidOutputError as error:
            if not call.shared.loras:
                raise
            raise InvalidLoraError(
                "the model's numbers ran out of range with the job's LoRAs: lower their scale, or "
                "use others"
            ) from error

    def _paint(self, call: "_Call", report: Report, should_stop: ShouldStop) -> list[Image.Image]:
        """The pictures of all jobs, flat and in order."""
        pipeline, shared = self._pipeline_for(call.mode), call.shared
        free = 0 if self._saves_memory else free_bytes(self._device)
        tile_if_needed(pipeline.vae, shared.size, free)
        generators = [seeded_generator(seed) for own in call.seeds for seed in own]
        previews = self._previews(call.batch)
        painted: torch.Tensor = pipeline(
            **self._text_arguments(call),
            **call.mode.arguments(shared, call.pictures, len(generators)),
            **self._row_arguments(call.mode, shared, call.pictures),
            width=shared.width,
            height=shared.height,
            num_inference_steps=shared.steps,
            guidance_scale=shared.guidance,
            generator=generators,
            callback_on_step_end=_StepEnd(report, should_stop, previews),
            output_type="pt",
        ).images
        return as_pictures(painted)

    def _previews(self, batch: Sequence[Work]) -> Previews | None:
        if not wants_previews(batch):
            return None
        # Few jobs want previews: the first one that does has the map fitted, once for all.
        self._decoder = self._decoder or fit_linear_decoder(self._pipeline)
        return Previews(self._decoder, batch)

    def _pipeline_for(self, mode: PipelineMode) -> Any:
        if mode.pipeline not in self._siblings:
            self._siblings[mode.pipeline] = sibling(self._pipeline, mode.pipeline)
        return self._siblings[mode.pipeline]

    def _row_arguments(
        self, mode: PipelineMode, parameters: FluxParameters, pictures: Pictures
    ) -> dict[str, Any]:
        """The arguments that depend on the row as well."""
        if mode is CONTROL and self._make_map:
            return {"control_image": control_map(self._make_map, parameters, pictures)}
        if mode is KONTEXT:
            return {"_auto_resize": self._variant.options["snaps_picture"]}
        return {}

    def _read_prompts(
        self, batch: Sequence[Work], should_stop: ShouldStop
    ) -> list[list[EncodedPrompt]]:
        """The prompts of each job; the second one, where there is one, is negative."""
        prompts = cast("PromptEncoder", self._prompts)
        read = []
        for work in batch:
            if should_stop():
                raise Stopped("stopped on request")
            texts = prompts_of(cast("FluxParameters", work.parameters))
            read.append([prompts.encode(text, work.pictures) for text in texts])
        return read

    def _text_arguments(self, call: "_Call") -> dict[str, Any]:
        """The pipeline's text arguments, one row per picture."""
        rows = [own for own, n in zip(call.prompts, call.seeds, strict=True) for _ in n]
        arguments: dict[str, Any] = {}
        for prefix, column in zip(("", "negative_"), zip(*rows, strict=True), strict=False):
            names = [prefix + name for name in self._kind.text_arguments]
            arguments |= zip(names, stack(column), strict=True)
        if call.shared.is_truly_guided:
            arguments["true_cfg_scale"] = call.shared.get("true_guidance")
        return arguments


@dataclass(frozen=True)
class _Call:
    """One call of a pipeline: jobs with the same batch key."""

    mode: PipelineMode
    batch: Sequence[Work]
    seeds: Sequence[Sequence[int]]
    prompts: Sequence[Sequence[EncodedPrompt]]

    @property
    def shared(self) -> FluxParameters:
        """The parameters of the first job, for all that the jobs have in common."""
        return cast("FluxParameters", self.batch[0].parameters)

    @property
    def pictures(self) -> Pictures:
        """The input pictures, which are the same for all jobs."""
        return self.batch[0].pictures


class _StepEnd:
    """The pipeline's callback after each denoising step."""

    def __init__(self, report: Report, should_stop: ShouldStop, previews: Previews | None) -> None:
        self._report = report
        self._should_stop = should_stop
        self._previews = previews

    def __call__(
        self, pipeline: Any, index: int, _timestep: Any, tensors: dict[str, Any]
    ) -> dict[str, Any]:
        """Report the step, then stop if requested.

        Raises:
            Stopped: `should_stop` returned true.
        """
        # Not the requested steps: where a picture is painted over, its strength skips some.
        self._report(index + 1, pipeline.num_timesteps)
        if self._should_stop():
            raise Stopped("stopped on request")
        if self._previews:
            latents = tensors["latents"]
            self._previews.after_step(pipeline, index + 1, pipeline.num_timesteps, latents)
        return {}


def one_by_one(
    run: RunModel, batch: Sequence[Work], report: Report, should_stop: ShouldStop
) -> list[Output]:
    """The outputs of a batch by as many calls as it has pictures, each with its picture's seed."""
    outputs, done = [], 0
    pictures = sum(cast("FluxParameters", work.parameters).num_images for work in batch)
    for work in batch:
        painted: list[Painted] = []
        for seed in seeds_of(cast("FluxParameters", work.parameters)):
            single = work.parameters.model_copy(update={"num_images": 1, "seed": seed})

            def report_all(step: int, steps: int, before: int = done) -> None:
                report(before * steps + step, pictures * steps)

            output = run([replace(work, parameters=single)], report_all, should_stop)[0]
            painted.extend(output.images)
            done += 1
        outputs.append(Output(tuple(painted), output.data))
    return outputs


def computation_dtype(variant: Variant, mode: ServingMode, device: Device) -> torch.dtype:
    """The type that a variant computes in: its row's for the device, unless the mode names one."""
    if mode.precision is Precision.FP16:
        return torch.float16
    return choose_dtype(variant.dtype, device)
