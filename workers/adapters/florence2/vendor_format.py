"""Recognises checkpoints of Florence-2 in its vendor's own format, which need the vendor's code."""

from pathlib import Path

from workers.adapters.weights import Source, WeightsError
from workers.catalog.variant import Variant

_CODE = "processing_florence2.py"
_VENDOR = "microsoft/florence-2"


def refuse_vendor_format(variant: Variant, source: Source) -> None:
    """Refuse a checkpoint that only code from its own repository can read.

    Raises:
        WeightsError: it is one; the message names the conversions of the same weights.
    """
    if not _is_vendor_format(source):
        return
    raise WeightsError(
        f"{variant.id}: {source.name} is in the format of microsoft/Florence-2, which needs code "
        "from its repository, and such code is never run; use the conversions of the same weights, "
        "florence-community/Florence-2-base, -base-ft, -large and -large-ft"
    )


def _is_vendor_format(source: Source) -> bool:
    if source.revision is not None:
        return source.name.lower().startswith(_VENDOR)
    return (Path(source.name) / _CODE).is_file()
