"""What is drawn of an analysis: masks, overlays, a COCO file.

Everything here is drawn by the CPU from a finished answer, while the device is already at the
next batch.
"""

from workers.adapters.florence2.renderings.files import MASKS_LIMITED, MOST_MASKS, Products

__all__ = ["MASKS_LIMITED", "MOST_MASKS", "Products"]
