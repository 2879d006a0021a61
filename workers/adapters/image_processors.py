"""Image processors of transformers, always in their form for Pillow and NumPy.

With torchvision installed, transformers would scale pictures with that: results, such as the
coordinates of boxes, would depend on what else is installed. The vendors' own code uses Pillow.
"""

import importlib
from typing import Any

BACKEND = "pil"
"""transformers' name for the form that needs no torchvision."""


def on_pillow(processor: Any) -> Any:
    """The same image processor, with the same settings, in its form for Pillow and NumPy."""
    name = type(processor).__name__
    if name.endswith("Pil"):
        return processor
    library = importlib.import_module("transformers")
    return getattr(library, f"{name.removesuffix('Fast')}Pil").from_dict(processor.to_dict())
