"""Keep the model libraries off stderr: a worker's log is structured."""

import importlib


def quieten_libraries() -> None:
    """No progress bars, and errors only, from transformers and diffusers in this process.

    Both say much at warning level that concerns no one here: which of their image processors
    they fell back to, that a prompt was cut off.
    """
    for name in ("transformers.utils.logging", "diffusers.utils.logging"):
        logging = importlib.import_module(name)
        logging.disable_progress_bar()
        logging.set_verbosity_error()
