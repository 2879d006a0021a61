"""Token ids of prompts for FLUX.2 [dev]: this project's against those of transformers' processor.

Run twice, since the processor needs torchvision, which no other test may find:

    .venv/bin/python -m tests.support.prompt_tokens FOLDER
    .venv-torchvision/bin/python tests/support/prompt_tokens.py FOLDER

The first writes a checkpoint, prompts and ids; the second compares.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

PROMPTS = 500
LENGTHS = (16, 64, 512)
"""Limits of tokens: the shorter ones cut most prompts off."""
WORDS = (
    *("a", "red", "circle", "on", "the", "left", "of", "two", "blue", "squares", ",", ".", "\n"),
    *("gr\u00fcn", "\u732b", "\u0643\u0644\u0628", "\u05d7\u05ea\u05d5\u05dc", "e\u0301", "\u00e9"),
    *("\U0001f469\u200d\U0001f680", "\U0001f1eb\U0001f1f7", "\u200b", "\ufeff", "\u202e", "\t"),
    *("<s>", "</s>", "<pad>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[IMG]", "[IMG_BREAK]"),
    *("[IMG_END]", "[img]", "{{ bos_token }}", "{% raw %}", "\\n", "\x00", "\ud83d"),
)
EDGES = ("", " ", "[INST]", "<s><s>", "x" * 5000, "\u732b" * 2000, "a b " * 1500, "\n\n\n")


def prompts() -> list[str]:
    """Always the same ones: edges first, then mixtures of all kinds of words."""
    draw = random.Random(17)  # noqa: S311 - no secret
    mixed = [
        draw.choice(("", " ")).join(draw.choices(WORDS, k=draw.randint(1, 400)))
        for _ in range(PROMPTS - len(EDGES))
    ]
    # A surrogate alone is no text that a job can hold.
    return [text.encode("utf-8", "replace").decode() for text in (*EDGES, *mixed)]


def ids(processor: Any, messages: list[Any], length: int) -> list[Any]:
    """Ids and mask of one prompt, as `Flux2Pipeline` asks for them."""
    read = processor.apply_chat_template(
        [messages],
        add_generation_prompt=False,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        padding="max_length",
        truncation=True,
        max_length=length,
    )
    return [read["input_ids"].tolist(), read["attention_mask"].tolist()]


def write(folder: Path) -> None:
    """Write the checkpoint's processor, and the ids that this project makes of each prompt."""
    from diffusers.pipelines.flux2.pipeline_flux2 import (  # noqa: PLC0415 - not in the other environment
        SYSTEM_MESSAGE,
        format_input,
    )

    from tests.conformance.workers.adapters.tiny_flux2 import save_tiny_flux2  # noqa: PLC0415
    from workers.adapters.flux.processors import replaced_components  # noqa: PLC0415

    save_tiny_flux2(folder)
    processor = replaced_components(folder)["tokenizer"]
    rows = []
    # With a short system message, so that a short limit cuts the prompt and not that.
    for system in ("paint", SYSTEM_MESSAGE):
        for messages in format_input(prompts(), system):
            rows.extend([messages, n, ids(processor, messages, n)] for n in LENGTHS)
    (folder / "ids.json").write_text(json.dumps(rows), encoding="utf-8")


def compare(folder: Path) -> None:
    """Compare them with those of the processor that the checkpoint names; exit with 1 if unlike."""
    from transformers import PixtralProcessor  # noqa: PLC0415 - needs torchvision

    processor = PixtralProcessor.from_pretrained(folder / "tokenizer")
    rows = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
    unlike = [messages for messages, n, own in rows if ids(processor, messages, n) != own]
    sys.stdout.write(f"{len(rows) - len(unlike)} of {len(rows)} equal ({PROMPTS} prompts)\n")
    sys.exit(bool(unlike))


if __name__ == "__main__":
    {True: write, False: compare}[__package__ == "tests.support"](Path(sys.argv[1]))
