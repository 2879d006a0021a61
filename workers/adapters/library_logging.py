"""Silence the model libraries: a worker's log is structured, and they write plain text."""

import importlib
import logging


def silence_libraries() -> None:
    """Turn off progress bars and warnings of transformers and diffusers in this process.

    Errors remain. Their warnings are of no use here: the choice of a fallback image processor, a
    prompt that was cut off. Some come with the import of a model's modules, and tell people to
    install what nothing here needs: call it before.
    """
    # Of every CPU it tells that a kernel from the hub would be faster; none is ever fetched.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    for name in ("transformers.utils.logging", "diffusers.utils.logging"):
        library = importlib.import_module(name)
        library.disable_progress_bar()
        library.set_verbosity_error()
