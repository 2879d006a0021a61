"""Florence-2 through transformers' own implementation: several tasks on one picture.

A picture is encoded once for all tasks and jobs; its features are cached by the hash of its pixels.
The tasks of a job run one after another, each for all jobs of the batch in one call, because
answers to one task are about equally long.
"""

import copy
import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import torch
from PIL.Image import Image
from PIL.Image import new as new_picture

from workers.adapters import load_progress
from workers.adapters.devices import choose_dtype, free_cache, translating_device_errors
from workers.adapters.florence2.calibration import calibration_of
from workers.adapters.florence2.features import PictureFeatures
from workers.adapters.florence2.generation import Generation
from workers.adapters.florence2.likelihood import Likelihood
from workers.adapters.florence2.renderings import Renderings
from workers.adapters.florence2.task_results import task_result
from workers.adapters.florence2.tokens import Answer, trim_answer
from workers.adapters.florence2.vendor_format import refuse_vendor_format
from workers.adapters.image_processors import on_pillow
from workers.adapters.library_logging import silence_libraries
from workers.adapters.load_progress import LoadStage
from workers.adapters.pinning import Device, parse_device
from workers.adapters.protocol import (
    InvalidInputError,
    OutOfMemoryError,
    Output,
    Report,
    ShouldStop,
    Stopped,
    Work,
)
from workers.adapters.weights import WeightsError, load_pretrained, locate
from workers.catalog.florence2.calibration import Calibration
from workers.catalog.florence2.limits import Florence2Limits
from workers.catalog.florence2.parameters import Florence2Parameters
from workers.catalog.florence2.region import as_tokens
from workers.catalog.florence2.tasks import Florence2Task
from workers.catalog.serving import Precision, ServingMode
from workers.catalog.variant import Variant

DTYPES = {Precision.FP16: "float16", Precision.BF16: "bfloat16"}
"""torch's name of each number format in which the model is served."""


class Florence2Adapter:
    """One Florence-2 variant on one device; see `workers.adapters.protocol.Adapter`.

    Row options: `picture_cache` and `picture_cache_bytes`, most encoded pictures in the cache and
    most device memory for them; `attention`, the library's name for its kernels of attention;
    those of `workers.adapters.florence2.generation.Generation`; and `calibration`, that of its
    scores, in place of the one beside its weights.
    """

    def __init__(
        self,
        variant: Variant,
        device: str,
        overrides: Mapping[str, str],
        mode: ServingMode | None = None,
    ) -> None:
        """Prepare the adapter; nothing is loaded yet.

        Args:
            variant: the row.
            device: torch's name for the device.
            overrides: local weight folders by variable name.
            mode: how it is served; None for the number format of the row.
        """
        self._variant = variant
        self._mode = mode
        self._device: Device = parse_device(device)
        self._overrides = overrides
        self._model: Any = None
        self._processor: Any = None
        self._generation: Generation
        self._likelihood: Likelihood
        self._calibration: Calibration = variant.options.get("calibration", {})
        self._features = PictureFeatures(
            variant.id,
            max_pictures=variant.options["picture_cache"],
            max_bytes=variant.options["picture_cache_bytes"],
        )

    def load(self) -> None:
        """Bring the weights onto the device."""
        silence_libraries()
        library = importlib.import_module("transformers")
        dtype = self._dtype()
        source = locate(self._variant, self._overrides)
        refuse_vendor_format(self._variant, source)
        processor = load_pretrained(library.Florence2Processor, self._variant, source)
        model = load_pretrained(
            library.Florence2ForConditionalGeneration,
            self._variant,
            source,
            dtype=dtype,
            attn_implementation=self._variant.options["attention"],
            use_safetensors=True,
        )
        if model.config.image_token_id != processor.image_token_id:
            message = f"{self._variant.id}: {source.name} lacks the tokenizer of its model"
            raise WeightsError(f"{message}; {source.remedy}")
        self._calibration = calibration_of(self._variant, source)
        self.adopt(model, processor)

    @property
    def processor(self) -> Any:
        """The loaded model's `Florence2Processor`."""
        return self._processor

    @property
    def calibration(self) -> Calibration:
        """The calibration of the loaded model's scores."""
        return self._calibration

    def adopt(self, model: Any, processor: Any) -> None:
        """Use a model that is already in memory, as `load` does after reading it.

        Args:
            model: a `Florence2ForConditionalGeneration`; several adapters may share one.
            processor: its `Florence2Processor`.
        """
        self._processor = processor
        processor.image_processor = on_pillow(processor.image_processor)
        # With a forced end token, a cut-off answer would look like a complete one.
        model.generation_config.forced_eos_token_id = None
        # An answer begins with this token, and no search may choose it (see `Generation`): where a
        # fine-tune's settings do not force it, every answer would be empty.
        model.generation_config.forced_bos_token_id = processor.tokenizer.bos_token_id
        self._generation = Generation(
            self._variant.options,
            self._device,
            positions=model.config.text_config.max_position_embeddings,
            begin=processor.tokenizer.bos_token_id,
        )
        with translating_device_errors(self._device):
            self._model = model.to(str(self._device)).eval()
            self._likelihood = Likelihood(processor, self._device)
        self._warm_up()

    def _dtype(self) -> torch.dtype:
        """The number format: the mode's, or the row's.

        On the CPU bfloat16 is the row's, float32; float16 runs there, in twice the time.
        """
        mode, kind = self._mode, self._device.kind
        if mode is None or (mode.precision is Precision.BF16 and kind == "cpu"):
            return choose_dtype(self._variant.dtype, self._device)
        if mode.precision not in DTYPES:
            raise WeightsError(
                f"{self._variant.id}: Florence-2 is served in 16 bits alone: precision "
                f"{mode.precision} is none of {', '.join(DTYPES)}"
            )
        return choose_dtype({kind: DTYPES[mode.precision]}, self._device)

    def _warm_up(self) -> None:
        """Generate a few tokens for a blank picture: kernels are chosen before the first job."""
        load_progress.begin(LoadStage.PREPARING)
        for jobs, changes in self._generation.warm_up_calls:
            parameters = self._variant.parameters(
                image="warm", task="<CAPTION>", max_new_tokens=4, **changes
            )
            blank = Work(parameters, {"image": [new_picture("RGB", (64, 64))]})
            self.run([blank] * jobs, lambda _step, _steps: None, lambda: False)

    def unload(self) -> None:
        """Free the memory of the weights and of the features."""
        self._model = None
        self._features.clear()
        free_cache(self._device)

    def prepare(self, work: Work) -> Work:
        """Scale the picture to the model's input size."""
        return replace(work, prepared=self._features.prepare(_picture(work), self._processor))

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Run every job's tasks, one task of all jobs at a time."""
        answers = self.answer(batch, report, should_stop)
        return [self._output(work, own) for work, own in zip(batch, answers, strict=True)]

    def answer(
        self, batch: Sequence[Work], report: Report, should_stop: ShouldStop
    ) -> list[tuple[Answer, ...]]:
        """The answers as tokens, one a task of each job; see `run`."""
        shared = _parameters(batch[0])
        prompts = [[self._prompt(task, work) for work in batch] for task in shared.requested_tasks]
        inputs = [self._tokenize(prompt) for prompt in prompts]
        answers: list[list[Answer]] = []
        with self._on_device():
            features = self._encode_pictures(batch, should_stop)
            for task, tokens in zip(shared.requested_tasks, inputs, strict=True):
                arguments = self._generation.arguments(task, shared)
                answers.append(self._generate(tokens, features, arguments, should_stop))
                report(len(answers), len(inputs))
                _raise_if_stopped(should_stop)
        return list(zip(*answers, strict=True))

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        """Run a block on the device; when memory runs out, free the cached features."""
        try:
            with translating_device_errors(self._device), torch.inference_mode():
                yield
        except OutOfMemoryError:
            self._features.clear()
            raise

    def _prompt(self, task: Florence2Task, work: Work) -> str:
        """The text encoder's input: picture tokens, then the task in words."""
        processor = self._processor
        tokenizer = processor.tokenizer
        if task.takes_text or task.takes_region:
            template = processor.task_prompts_with_input[task.token]
            words = template.format(input=_argument(task, work))
        else:
            words = processor.task_prompts_without_inputs[task.token]
        picture = processor.image_token * processor.num_image_tokens
        return f"{picture}{tokenizer.bos_token}{words}{tokenizer.eos_token}"

    def _tokenize(self, prompts: Sequence[str]) -> Any:
        """Token ids and attention mask of one prompt per job, padded.

        Raises:
            InvalidInputError: a prompt has more tokens than the encoder has positions.
        """
        inputs = self._processor.tokenizer(
            prompts, add_special_tokens=False, padding=True, return_tensors="pt"
        )
        excess = inputs["input_ids"].shape[1] - self._generation.positions
        if excess > 0:
            most = _most_text_tokens(self._variant)
            raise InvalidInputError(
                f"text is {excess} tokens longer than this model reads: {most}, and rare words are "
                "several"
            )
        return inputs.to(str(self._device))

    def _encode_pictures(self, batch: Sequence[Work], should_stop: ShouldStop) -> torch.Tensor:
        """Features of every job's picture: (jobs, picture tokens, width of the model)."""
        features = []
        for work in batch:
            _raise_if_stopped(should_stop)
            picture = _picture(work)
            prepared = work.prepared or self._features.prepare(picture, self._processor)
            features.append(self._features.get(picture, prepared, self._model, self._processor))
        return torch.cat(features)

    def _generate(
        self,
        inputs: Any,
        features: torch.Tensor,
        generation: dict[str, Any],
        should_stop: ShouldStop,
    ) -> list[Answer]:
        """One task's answer for every job."""
        mask = inputs["attention_mask"]
        encoded = self._read(inputs["input_ids"], mask, features)
        sequences = self._model.generate(
            # A copy: for a beam search `generate` repeats the rows of its argument.
            encoder_outputs=copy.copy(encoded),
            attention_mask=mask,
            stopping_criteria=[_StopRequested(should_stop)],
            **generation,
        )
        logprobs, spreads = self._likelihood.measure(self._model, sequences, encoded, mask)
        end = self._processor.tokenizer.eos_token_id
        rows = zip(sequences[:, 1:].tolist(), logprobs, spreads, strict=True)
        return [trim_answer(*row, end) for row in rows]

    def _read(self, ids: torch.Tensor, mask: torch.Tensor, features: torch.Tensor) -> Any:
        """The encoder's output for the prompts, with pictures in place of their tokens."""
        embedded = self._model.get_input_embeddings()(ids)
        places = self._model.get_placeholder_mask(ids, embedded, features)
        embedded = embedded.masked_scatter(places, features.to(embedded.dtype))
        return self._model.get_encoder()(inputs_embeds=embedded, attention_mask=mask)

    def _output(self, work: Work, answers: Sequence[Answer]) -> Output:
        picture, parameters = _picture(work), _parameters(work)
        results = [
            task_result(
                self._processor,
                task,
                answer,
                picture.size,
                calibration=self._calibration.get(task.token),
                min_score=parameters.min_score,
            )
            for task, answer in zip(parameters.requested_tasks, answers, strict=True)
        ]
        image = {"width": picture.width, "height": picture.height}
        data = {"image": image, "results": results}
        if not parameters.artifacts:
            return Output(data=data)
        renderings = Renderings(picture, parameters, results)
        renderings.add_warnings()
        return Output(data={**data, "artifacts": []}, files=renderings.files)


class _StopRequested:
    """A stopping criterion that `generate` checks after every token; it stops by raising."""

    def __init__(self, should_stop: ShouldStop) -> None:
        self._should_stop = should_stop

    def __call__(self, sequences: torch.Tensor, _scores: Any, **_: Any) -> torch.Tensor:
        _raise_if_stopped(self._should_stop)
        return torch.zeros(len(sequences), dtype=torch.bool, device=sequences.device)


def _raise_if_stopped(should_stop: ShouldStop) -> None:
    if should_stop():
        raise Stopped("stopped on request")


def _parameters(work: Work) -> Florence2Parameters:
    return cast("Florence2Parameters", work.parameters)


def _most_text_tokens(variant: Variant) -> int:
    limits: Florence2Limits = variant.parameters.limits  # type: ignore[attr-defined]
    return limits.max_text_tokens


def _picture(work: Work) -> Image:
    return work.pictures["image"][0]


def _argument(task: Florence2Task, work: Work) -> str:
    """The task's text input: the region's tokens, or the text."""
    parameters = _parameters(work)
    if task.takes_region and parameters.region is not None:
        return as_tokens(parameters.region, _picture(work).size)
    return parameters.text or ""
