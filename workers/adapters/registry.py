"""The adapter class for each row of the catalogue."""

import importlib
from collections.abc import Mapping

from workers.adapters.protocol import Adapter
from workers.catalog.variant import Variant

# Named, not imported: most of these modules import torch and a model library.
ADAPTERS = {
    "flux": ("workers.adapters.flux.adapter", "FluxAdapter"),
    "florence2": ("workers.adapters.florence2.adapter", "Florence2Adapter"),
    "hosted": ("workers.adapters.hosted.adapter", "HostedAdapter"),
}


def make_adapter(variant: Variant, device: str, overrides: Mapping[str, str]) -> Adapter:
    """Make the adapter of a variant; it is not loaded yet.

    Args:
        variant: the row.
        device: torch's name for the device: "cpu", "cuda", "cuda:1".
        overrides: local weight folders by variable name, see `workers.adapters.weights`.

    Raises:
        DeviceError: `device` names no device.
    """
    module, name = ADAPTERS[variant.adapter]
    adapter: Adapter = getattr(importlib.import_module(module), name)(variant, device, overrides)
    return adapter
