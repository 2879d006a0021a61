"""Silence the model libraries: a worker's log is structured, and they write plain text."""

import importlib


def silence_libraries() -> None:
    """Turn off progress bars and warnings of transformers and diffusers in this process.

    Errors remain. Their warnings are of no use here: the choice of a fallback image processor, a
    prompt that was cut off.
    """
    for name in ("transformers.utils.logging", "diffusers.utils.logging"):
        logging = importlib.import_module(name)
        logging.disable_progress_bar()
        logging.set_verbosity_error()
