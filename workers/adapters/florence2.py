"""Florence-2 through transformers' own implementation: several tasks on one picture.

A picture is encoded once, whatever is asked about it and however often; its features are kept
by the hash of its pixels. The tasks of a job run one after another, each for all jobs of the
batch in one call, because answers to one task are about equally long.
"""

import copy
import hashlib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from PIL.Image import Image
from PIL.Image import new as new_picture

from workers.adapters import florence2_answers
from workers.adapters.devices import choose_dtype, translating_out_of_memory
from workers.adapters.florence2_answers import Answer
from workers.adapters.lru import LeastRecentlyUsed
from workers.adapters.pinning import Device, parse_device
from workers.adapters.protocol import (
    InvalidInputError,
    Output,
    Report,
    ShouldStop,
    Stopped,
    Work,
)
from workers.adapters.quiet import quieten_libraries
from workers.adapters.weights import WeightsError, load_pretrained, locate
from workers.catalog.florence2_parameters import Florence2Parameters
from workers.catalog.florence2_tasks import Florence2Task
from workers.catalog.variant import Variant


class Florence2Adapter:
    """One Florence-2 variant on one device; see `workers.adapters.protocol.Adapter`.

    Row options: `no_repeat_ngram_size` for answers that should not repeat themselves, 0 for no
    such rule, and `picture_cache`, how many encoded pictures are kept.
    """

    def __init__(self, variant: Variant, device: str, overrides: Mapping[str, str]) -> None:
        self._variant = variant
        self._device: Device = parse_device(device)
        self._overrides = overrides
        self._model: Any = None
        self._processor: Any = None
        self._features: LeastRecentlyUsed[bytes, torch.Tensor] = LeastRecentlyUsed(
            variant.options["picture_cache"]
        )

    def load(self) -> None:
        """Bring the weights onto the device."""
        quieten_libraries()
        library = importlib.import_module("transformers")
        source = locate(self._variant, self._overrides)
        self._processor = load_pretrained(library.Florence2Processor, self._variant, source)
        model = load_pretrained(
            library.Florence2ForConditionalGeneration,
            self._variant,
            source,
            dtype=choose_dtype(self._variant.dtype, self._device),
            use_safetensors=True,
        )
        if model.config.image_token_id != self._processor.image_token_id:
            message = f"{self._variant.id}: {source.name} lacks the tokenizer of its model"
            raise WeightsError(f"{message}; {source.remedy}")
        # A forced end would make an answer that was cut off look like one that ended.
        model.generation_config.forced_eos_token_id = None
        with translating_out_of_memory(self._device):
            self._model = model.to(str(self._device)).eval()
        self._warm_up()

    def _warm_up(self) -> None:
        """A few tokens about a blank picture: kernels are chosen before the first job."""
        parameters = self._variant.parameters(image="warm", task="<CAPTION>", max_new_tokens=4)
        blank = new_picture("RGB", (64, 64))
        self.run([Work(parameters, {"image": [blank]})], lambda _step, _steps: None, lambda: False)

    def run(self, batch: Sequence[Work], report: Report, should_stop: ShouldStop) -> list[Output]:
        """Answer every job's tasks, one task of all jobs at a time."""
        shared = _parameters(batch[0])
        prompts = [[self._prompt(task, work) for work in batch] for task in shared.asked]
        inputs = [self._tokenize(prompt) for prompt in prompts]
        answers: list[list[Answer]] = []
        with translating_out_of_memory(self._device), torch.inference_mode():
            features = self._encode_pictures(batch, should_stop)
            for task, tokens in zip(shared.asked, inputs, strict=True):
                config = self._generation(task, shared)
                answers.append(self._answer(tokens, features, config, should_stop))
                report(len(answers), len(inputs))
                _give_up_if(should_stop)
        return [
            self._output(work, own)
            for work, own in zip(batch, zip(*answers, strict=True), strict=True)
        ]

    def _prompt(self, task: Florence2Task, work: Work) -> str:
        """What the text encoder reads: picture tokens, then the task in words."""
        processor = self._processor
        tokenizer = processor.tokenizer
        if task.takes_text:
            template = processor.task_prompts_with_input[task.token]
            words = template.format(input=_parameters(work).text)
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
        excess = inputs["input_ids"].shape[1] - self._positions
        if excess > 0:
            raise InvalidInputError(f"text is {excess} tokens longer than this model reads")
        return inputs.to(str(self._device))

    @property
    def _positions(self) -> int:
        positions: int = self._model.config.text_config.max_position_embeddings
        return positions

    def _encode_pictures(self, batch: Sequence[Work], should_stop: ShouldStop) -> torch.Tensor:
        """Features of every job's picture: (jobs, picture tokens, width of the model)."""
        features = []
        for work in batch:
            _give_up_if(should_stop)
            features.append(self._encode(_picture(work)))
        return torch.cat(features)

    def _encode(self, picture: Image) -> torch.Tensor:
        key = hashlib.sha256(b"%d %d " % picture.size + picture.tobytes()).digest()
        known = self._features.get(key)
        if known is not None:
            return known
        pixels = self._processor.image_processor(picture, return_tensors="pt")["pixel_values"]
        pixels = pixels.to(str(self._device), self._model.dtype)
        features: torch.Tensor = self._model.get_image_features(pixels).pooler_output
        self._features.put(key, features)
        return features

    def _generation(self, task: Florence2Task, parameters: Florence2Parameters) -> dict[str, Any]:
        """The arguments of `generate` for one task."""
        ngrams = 0 if task.repeats else self._variant.options["no_repeat_ngram_size"]
        arguments: dict[str, Any] = {
            "num_beams": parameters.num_beams,
            "do_sample": False,
            "max_new_tokens": min(parameters.max_new_tokens, self._positions - 1),
            "no_repeat_ngram_size": ngrams,
            # Without the rule on repetition the large models may begin, and go on, with <s>.
            "begin_suppress_tokens": [self._processor.tokenizer.bos_token_id],
        }
        return arguments | ({"early_stopping": True} if parameters.num_beams > 1 else {})

    def _answer(
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
            # A copy: for a beam search `generate` repeats the rows of what it is given.
            encoder_outputs=copy.copy(encoded),
            attention_mask=mask,
            stopping_criteria=[_StopRequested(should_stop)],
            **generation,
        )
        logprobs = self._logprobs(sequences, encoded, mask)
        end = self._processor.tokenizer.eos_token_id
        rows = zip(sequences[:, 1:].tolist(), logprobs.tolist(), strict=True)
        return [florence2_answers.cut(tokens, own, end) for tokens, own in rows]

    def _read(self, ids: torch.Tensor, mask: torch.Tensor, features: torch.Tensor) -> Any:
        """The encoder's output: the prompts with pictures in place of their tokens."""
        embedded = self._model.get_input_embeddings()(ids)
        places = self._model.get_placeholder_mask(ids, embedded, features)
        embedded = embedded.masked_scatter(places, features.to(embedded.dtype))
        return self._model.get_encoder()(inputs_embeds=embedded, attention_mask=mask)

    def _logprobs(self, sequences: torch.Tensor, encoded: Any, mask: torch.Tensor) -> torch.Tensor:
        """Log-probabilities of the generated tokens, (jobs, tokens) without the start token.

        The finished answers are read through the decoder once more. Keeping every step's
        logits from `generate` would instead hold steps * jobs * beams * vocabulary floats: some
        gigabytes for a long answer of a large model.
        """
        hidden = self._model.model(
            encoder_outputs=encoded,
            attention_mask=mask,
            decoder_input_ids=sequences[:, :-1],
            use_cache=False,
        ).last_hidden_state
        rows = []
        for row, following in zip(hidden, sequences[:, 1:], strict=True):
            logits = self._model.lm_head(row).float()
            chosen = logits.gather(-1, following[:, None])[:, 0]
            rows.append(chosen - logits.logsumexp(-1))
        return torch.stack(rows)

    def _output(self, work: Work, answers: Sequence[Answer]) -> Output:
        width, height = _picture(work).size
        tokens = _parameters(work).tasks
        results = [
            florence2_answers.result(self._processor, token, answer, (width, height))
            for token, answer in zip(tokens, answers, strict=True)
        ]
        return Output(data={"image": {"width": width, "height": height}, "results": results})


class _StopRequested:
    """Asked by `generate` after every token; ends it by raising, never by its answer."""

    def __init__(self, should_stop: ShouldStop) -> None:
        self._should_stop = should_stop

    def __call__(self, sequences: torch.Tensor, _scores: Any, **_: Any) -> torch.Tensor:
        _give_up_if(self._should_stop)
        return torch.zeros(len(sequences), dtype=torch.bool, device=sequences.device)


def _give_up_if(should_stop: ShouldStop) -> None:
    if should_stop():
        raise Stopped("stopped on request")


def _parameters(work: Work) -> Florence2Parameters:
    return cast("Florence2Parameters", work.parameters)


def _picture(work: Work) -> Image:
    return work.pictures["image"][0]
