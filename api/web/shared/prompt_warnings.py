"""Warnings about the prompts of a painting, as sentences."""

from collections.abc import Mapping
from typing import Any

_SENTENCES = {
    "prompt_cut": "The prompt is longer than the model reads: its end was not painted.",
    "negative_prompt_cut": "The negative prompt is longer than the model reads: its end was cut.",
}


def prompt_warnings(output: Mapping[str, Any] | None) -> list[str]:
    """The sentences for the warnings of a job's output; none where it has no output yet."""
    return [_SENTENCES[each] for each in (output or {}).get("warnings", ()) if each in _SENTENCES]
