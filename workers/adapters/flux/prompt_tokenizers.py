"""Tokenizers that read a prompt as text alone, and tell when they cut it.

A checkpoint's tokenizer turns the spelling of a control token, such as `</s>`, into that token,
wherever it stands: a prompt could end its own text, or open another turn of a chat. transformers'
`split_special_tokens` does not suffice. T5's pieces of words hold the spellings too, and a chat
template, which is rendered to text first, needs its own control tokens. So the tokenizers here are
copies in which control tokens have other spellings, drawn at random: no prompt contains them. All
ids stay, so a prompt without such a spelling gives the ids that the checkpoint's tokenizer gives.
"""

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast, ProcessorMixin

Names = Mapping[str, str]
"""The new spelling of each control token, by the checkpoint's."""

_COMPONENTS = ("tokenizer", "tokenizer_2")
_COPIED = ("model_max_length", "padding_side", "truncation_side", "model_input_names")


class TokenizerError(ValueError):
    """A tokenizer that cannot be copied with other spellings; the message names it."""


class PromptTokenizer(PreTrainedTokenizerFast):  # type: ignore[misc]  # has no types
    """A tokenizer whose control tokens no prompt can spell.

    Attributes:
        was_cut: true once a text was longer than the limit it was read with. Whoever looks resets
            it.
    """

    was_cut = False

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Read text; see transformers' class for the arguments."""
        read = super().__call__(*arguments, **named)
        self.was_cut |= any(each.overflowing for each in read.encodings or ())
        return read


def prompt_components(pipeline: Any) -> dict[str, Any]:
    """Copies of a pipeline's tokenizers, or of the processor that holds one, by component.

    Raises:
        TokenizerError: one cannot be copied.
    """
    found = {name: getattr(pipeline, name, None) for name in _COMPONENTS}
    return {name: _copy(name, each) for name, each in found.items() if each is not None}


def main_tokenizer(pipeline: Any) -> PromptTokenizer:
    """The tokenizer of the text encoder that reads whole prompts.

    FLUX.1's other one reads the first 77 tokens, for one vector that sets the tone.
    """
    component = getattr(pipeline, "tokenizer_2", None) or pipeline.tokenizer
    tokenizer: PromptTokenizer = getattr(component, "tokenizer", component)
    return tokenizer


def _copy(name: str, component: Any) -> Any:
    if isinstance(component, PromptTokenizer):
        return component
    if not isinstance(component, ProcessorMixin):
        return _with_new_names(name, component, _new_names(name, component))
    names = _new_names(name, component.tokenizer)
    template = _renamed_template(component.chat_template, names)
    return type(component)(
        _with_new_names(name, component.tokenizer, names), chat_template=template
    )


def _new_names(name: str, tokenizer: Any) -> Names:
    """A new spelling for each control token.

    Added tokens of white space are text. Small letters and digits are what no normalizer changes,
    and the last letter keeps any spelling from beginning another.
    """
    if not isinstance(tokenizer, PreTrainedTokenizerBase) or not tokenizer.is_fast:
        raise TokenizerError(f"its {name} has no tokenizer.json")
    secret = secrets.token_hex(16)
    spelled = [each.content for each in tokenizer.added_tokens_decoder.values()]
    controls = [each for each in spelled if not each.isspace()]
    return {control: f"{secret}n{number}z" for number, control in enumerate(controls)}


def _with_new_names(name: str, tokenizer: Any, names: Names) -> PromptTokenizer:
    described = json.loads(tokenizer.backend_tokenizer.to_str())
    _rename(described, names)
    special = {role: names.get(each, each) for role, each in tokenizer.special_tokens_map.items()}
    copied = PromptTokenizer(
        tokenizer_object=Tokenizer.from_str(json.dumps(described)),
        chat_template=_renamed_template(tokenizer.chat_template, names),
        **{each: getattr(tokenizer, each) for each in _COPIED},
        **special,
    )
    _check(name, tokenizer, copied, names)
    return copied


def _rename(described: dict[str, Any], names: Names) -> None:
    """Rename the control tokens of a tokenizer.json, also where the model's vocabulary has them."""
    for token in described["added_tokens"]:
        token["content"] = names.get(token["content"], token["content"])
    model = described["model"]
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        model["vocab"] = {names.get(piece, piece): number for piece, number in vocabulary.items()}
    else:
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in vocabulary]
    if unknown := model.get("unk_token"):
        model["unk_token"] = names.get(unknown, unknown)
    # Each call sets them.
    described["truncation"] = described["padding"] = None


def _renamed_template(template: Any, names: Names) -> Any:
    """A chat template with the new spellings; some checkpoints have several, by name."""
    if isinstance(template, dict):
        return {name: _renamed_template(each, names) for name, each in template.items()}
    if template is None or not names:
        return template
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return pattern.sub(lambda match: names[match[0]], template)


def _check(name: str, tokenizer: Any, copied: PromptTokenizer, names: Names) -> None:
    """Refuse a copy that does not give the same ids, also for each control token."""
    words = ("a red circle", " on the left of 2 cats", ", ")
    texts = [words[n % len(words)] + control for n, control in enumerate((*names, ""))]
    own = "".join(texts)
    renamed = _renamed_template(own, names)
    if tokenizer(own).input_ids != copied(renamed).input_ids:
        raise TokenizerError(f"its {name} cannot be copied so that prompts spell no control token")
