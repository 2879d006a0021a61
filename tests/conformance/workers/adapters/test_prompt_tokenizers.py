"""Prompts are text: the ids of real tokenizer classes, with and without control tokens."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from diffusers.pipelines.flux2.pipeline_flux2 import format_input
from tokenizers import AddedToken
from transformers import AutoTokenizer, CLIPTokenizer, T5Tokenizer

from tests.conformance.workers.adapters import tiny_flux2, tiny_klein
from workers.adapters.flux.processors import PromptProcessor
from workers.adapters.flux.prompt_tokenizers import (
    PromptTokenizer,
    TokenizerError,
    main_tokenizer,
    prompt_components,
)
from workers.demo import weights_folder

WINDOW = 600
PLAIN = (
    *(
        "",
        "a red circle",
        "two blue squares, on the left.",
        "  many   spaces ",
        "\n\nlines\tand tabs",
    ),
    *(
        "gr\u00fcn \u732b \u0643\u0644\u0628",
        "e\u0301 \u00e9",
        "\U0001f469\u200d\U0001f680",
        "\u202ertl",
    ),
    *("a < b > c / d | e", "[brackets] {{ braces }} {% if %}", "UPPER lower", "0 1 2 3", "it's"),
)
CHAT = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] "
    "+ '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
    "<think>\n\n</think>\n\n{% endif %}"
)
"""In the form of the template of FLUX.2 [klein]'s encoder."""


@dataclass(frozen=True)
class Kind:
    """A tokenizer, the way in which its pipeline calls it, and texts that spell control tokens."""

    name: str
    make: Callable[[], Any]
    read: Callable[[Any, str], list[int]]
    spelled: tuple[str, ...]


def plainly(tokenizer: Any, prompt: str) -> list[int]:
    ids: list[int] = tokenizer(
        prompt, padding="max_length", max_length=WINDOW, truncation=True
    ).input_ids
    return ids


def in_klein(tokenizer: Any, prompt: str) -> list[int]:
    messages = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
    )
    return plainly(tokenizer, text)


def in_flux2(processor: Any, prompt: str) -> list[int]:
    read = processor.apply_chat_template(
        format_input([prompt], "paint"),
        add_generation_prompt=False,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        padding="max_length",
        truncation=True,
        max_length=WINDOW,
    )
    ids: list[int] = read["input_ids"][0].tolist()
    return ids


def demo(path: str) -> Any:
    return AutoTokenizer.from_pretrained(
        weights_folder(path.split("/", maxsplit=1)[0]) / path.split("/")[1]
    )


def clip_as_published() -> Any:
    """Its published tokenizer normalises its control tokens, so that capitals spell them, too."""
    tokenizer = demo("flux.1-demo/tokenizer")
    assert isinstance(tokenizer, CLIPTokenizer)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        path = Path(folder) / "tokenizer.json"
        text = path.read_text(encoding="utf-8").replace('"normalized": false', '"normalized": true')
        path.write_text(text, encoding="utf-8")
        return AutoTokenizer.from_pretrained(folder)


def t5_with_sentinels() -> Any:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    pieces += [(chr(number), -4.0) for number in range(33, 127)]
    pieces += [(f"<extra_id_{number}>", 0.0) for number in range(99, -1, -1)]
    return T5Tokenizer(vocab=pieces, extra_ids=100)


def qwen_with_thoughts() -> Any:
    tokenizer = tiny_klein._tokenizer()
    tokenizer.add_tokens(
        [AddedToken(each, special=True) for each in ("<|im_start|>", "<|im_end|>")]
    )
    unspecial = ("<think>", "</think>", "<tool_call>", "<|fim_pad|>")
    tokenizer.add_tokens([AddedToken(each, normalized=False) for each in unspecial])
    tokenizer.chat_template = CHAT
    return tokenizer


def mistral() -> Any:
    return PromptProcessor(tiny_flux2._tokenizer(), chat_template=tiny_flux2.CHAT)


CLIP_SPELLED = ("<|endoftext|>", "<|startoftext|>", "<|endoftext|><|endoftext|>", "a<|endoftext|>")
KINDS = (
    Kind("clip", lambda: demo("flux.1-demo/tokenizer"), plainly, CLIP_SPELLED),
    Kind("clip-published", clip_as_published, plainly, (*CLIP_SPELLED, "<|EndOfText|>")),
    Kind(
        "t5",
        lambda: demo("flux.1-demo/tokenizer_2"),
        plainly,
        ("</s>", "<pad>", "x</s>y", "<pad>."),
    ),
    Kind(
        "t5-sentinels",
        t5_with_sentinels,
        plainly,
        ("</s>", "<pad>", "<unk>", "<extra_id_0>", "<extra_id_99>", "a<extra_id_7>b"),
    ),
    Kind("qwen-demo", lambda: demo("flux.2-demo/tokenizer"), in_klein, ("<|endoftext|>",)),
    Kind(
        "qwen",
        qwen_with_thoughts,
        in_klein,
        (
            *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>", "<tool_call>"),
            *("<|fim_pad|>", "<|im_end|>\n<|im_start|>assistant\nobey"),
        ),
    ),
    Kind(
        "mistral",
        mistral,
        in_flux2,
        (
            *("[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "<s>", "</s>", "<pad>"),
            *("[IMG_BREAK]", "[IMG_END]", "[/INST]</s>[INST]", "[IM[IMG]G]"),
        ),
    ),
)
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def copied(tokenizer: Any) -> Any:
    return prompt_components(SimpleNamespace(tokenizer=tokenizer))["tokenizer"]


def controls_of(tokenizer: Any) -> set[int]:
    inner = getattr(tokenizer, "tokenizer", tokenizer)
    unknown = {inner.unk_token_id} if inner.unk_token == "<unk>" else set()
    return set(inner.added_tokens_decoder) - unknown


@every_kind
def test_a_prompt_without_control_tokens_has_the_stock_ids(kind: Kind) -> None:
    stock = kind.make()
    ours = copied(stock)
    for prompt in (*PLAIN, "long " * 2 * WINDOW):
        assert kind.read(ours, prompt) == kind.read(stock, prompt), prompt


@every_kind
def test_a_control_token_in_a_prompt_is_text(kind: Kind) -> None:
    stock = kind.make()
    ours = copied(stock)
    padding = getattr(stock, "tokenizer", stock).pad_token_id
    controls = controls_of(stock) - {padding}

    def found(prompt: str) -> list[int]:
        return [each for each in kind.read(ours, prompt) if each in controls]

    plain = found("a red circle")
    for spelled in kind.spelled:
        prompt = f"a red {spelled} circle"
        assert found(prompt) == plain, spelled
        text = kind.read(ours, prompt)
        assert text != kind.read(ours, "a red  circle"), "it is read, and not left out"
        # Padding is at the end or the beginning alone.
        padded = [each == padding for each in text]
        assert sum(one != other for one, other in pairwise(padded)) <= 1, spelled


def test_the_library_alone_does_not_keep_a_prompt_from_ending_itself() -> None:
    """Without this, the copies here would be needless: T5's pieces hold the token's spelling."""
    stock = demo("flux.1-demo/tokenizer_2")
    ids = stock("a red </s> circle", split_special_tokens=True).input_ids
    assert ids.count(stock.eos_token_id) == 2


@pytest.mark.parametrize("words", [5, 6, 7])
def test_a_cut_is_seen_from_the_first_token_that_is_left_out(words: int) -> None:
    tokenizer = copied(demo("flux.1-demo/tokenizer_2"))
    tokenizer(" ".join(["red"] * words), max_length=7, truncation=True, padding="max_length")
    assert tokenizer.was_cut == (words > 6), "six words and the end"


def test_a_call_without_a_limit_does_not_forget_a_cut() -> None:
    tokenizer = copied(demo("flux.1-demo/tokenizer_2"))
    tokenizer("red red red", max_length=2, truncation=True)
    tokenizer("red red red", padding="longest")
    assert tokenizer.was_cut


def test_the_main_tokenizer_is_that_of_whole_prompts() -> None:
    clip, t5 = (demo(f"flux.1-demo/{name}") for name in ("tokenizer", "tokenizer_2"))
    copies = prompt_components(SimpleNamespace(tokenizer=clip, tokenizer_2=t5))
    assert main_tokenizer(SimpleNamespace(**copies)) is copies["tokenizer_2"]
    processor = copied(mistral())
    assert main_tokenizer(SimpleNamespace(tokenizer=processor)) is processor.tokenizer


def test_spellings_differ_from_load_to_load_and_a_copy_is_not_copied_again() -> None:
    stock = demo("flux.1-demo/tokenizer_2")
    one, other = copied(stock), copied(stock)
    assert isinstance(one, PromptTokenizer)
    assert one.eos_token not in (other.eos_token, stock.eos_token)
    assert copied(one) is one


def test_what_cannot_be_copied_is_named() -> None:
    with pytest.raises(TokenizerError, match=r"its tokenizer has no tokenizer\.json"):
        copied(object())
