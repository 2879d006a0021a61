"""Renderings of an analysis: masks, overlays, a COCO file.

The CPU makes them from a finished answer, while the device already runs the next batch.
"""

from workers.adapters.florence2.renderings.files import MASKS_LIMITED, MAX_MASKS, Renderings

__all__ = ["MASKS_LIMITED", "MAX_MASKS", "Renderings"]
