"""The note about precisions whose library this machine lacks."""

from workers.adapters.serving.device_budget import installed_precisions
from workers.catalog.serving import Precision

NOTE = (
    "nf4 needs a library that is missing here: .venv/bin/pip install '.[quantization]' in a "
    "checkout, else pip install 'bottega[quantization]'"
)
"""The missing library, and its installation."""

_WITH_LIBRARY = frozenset({Precision.NF4})


def needs_missing_library(precision: Precision) -> bool:
    """True for a precision whose library is not installed on this machine."""
    return precision in _WITH_LIBRARY and precision not in installed_precisions()
