"""The reading of prompts for FLUX.2 [dev], without the packages that its reading of pictures needs.

Its checkpoint names transformers' `PixtralProcessor`, a class that cannot be loaded without
torchvision, although the pipeline gives it text alone. So its text part is loaded in its place,
always: token ids do not depend on the packages that are installed. `make torchvision-check`
compares both.
"""

from pathlib import Path
from typing import Any

from diffusers import DiffusionPipeline
from transformers import ProcessorMixin


class PromptProcessor(ProcessorMixin):  # type: ignore[misc]  # has no types
    """A multimodal processor's tokenizer and chat template.

    The pipeline calls `apply_chat_template`, which both classes have from transformers. A prompt
    that spells the token for a picture is text here; there it is an error.
    """

    text_kwargs = {"return_tensors": "pt"}  # noqa: RUF012 - as PixtralProcessor declares it

    def __init__(self, tokenizer: Any = None, chat_template: str | None = None) -> None:
        """Combine the two; `from_pretrained` reads them from a processor's folder."""
        super().__init__(tokenizer, chat_template=chat_template)


_REPLACED = {"PixtralProcessor": PromptProcessor}


def replaced_components(folder: Path) -> dict[str, Any]:
    """The components of a checkpoint that are loaded here, by name, for `from_pretrained`.

    Args:
        folder: the checkpoint's; without `model_index.json` it has none.
    """
    if not (folder / "model_index.json").is_file():
        return {}
    index = DiffusionPipeline.load_config(folder, local_files_only=True)
    named = {name: own[1] for name, own in index.items() if isinstance(own, list)}
    return {
        name: _REPLACED[class_name].from_pretrained(folder / name, trust_remote_code=False)
        for name, class_name in named.items()
        if class_name in _REPLACED
    }
