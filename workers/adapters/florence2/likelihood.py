"""Likelihood of generated answers, token by token, under the model that generated them."""

from typing import Any

import torch

from workers.adapters.florence2.parsing import LOCATION
from workers.adapters.pinning import Device
from workers.catalog.florence2.region import BINS


class Likelihood:
    """Probabilities of an answer's tokens, and the spread of its locations.

    The finished answers pass through the decoder once more. To store every step's logits in
    `generate` instead would take steps * jobs * beams * vocabulary floats: some gigabytes for a
    long answer of a large model.
    """

    def __init__(self, processor: Any, device: Device) -> None:
        """Measure answers in a processor's tokens, of models on a device."""
        names = [f"{LOCATION}{number}>" for number in range(BINS)]
        ids = processor.tokenizer.convert_tokens_to_ids(names)
        self._locations = torch.tensor(ids, device=str(device))
        self._bins = torch.arange(BINS, device=str(device))

    def measure(
        self, model: Any, sequences: torch.Tensor, encoded: Any, mask: torch.Tensor
    ) -> tuple[list[list[float]], list[list[float]]]:
        """Log-probabilities and spreads of the tokens, without the start token.

        A spread is the mean distance, in bins, of a location from all that could have stood in its
        place, each weighted by its probability: small where the model was sure of the edge, even if
        the probability is shared among neighbours. It is 0 for a token that is no location.

        Args:
            model: the model, on the device.
            sequences: the generated answers, (jobs, tokens).
            encoded: the encoder's output.
            mask: the attention mask of the prompts.
        """
        hidden = model.model(
            encoder_outputs=encoded,
            attention_mask=mask,
            decoder_input_ids=sequences[:, :-1],
            use_cache=False,
        ).last_hidden_state
        logprobs, spreads = [], []
        for row, following in zip(hidden, sequences[:, 1:], strict=True):
            logits = model.lm_head(row).float()
            token_logits = logits.gather(-1, following[:, None])[:, 0]
            logprobs.append((token_logits - logits.logsumexp(-1)).tolist())
            spreads.append(self._spreads(logits, following).tolist())
        return logprobs, spreads

    def _spreads(self, logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        chosen = tokens[:, None] == self._locations
        shares = logits[:, self._locations].softmax(-1)
        bins = (chosen * self._bins).sum(-1, keepdim=True)
        distances = (self._bins - bins).abs()
        return (shares * distances).sum(-1) * chosen.any(-1)
