"""The adapter class for each row of the catalogue."""

import importlib
from collections.abc import Mapping

from workers.adapters.library_logging import silence_libraries
from workers.adapters.protocol import Adapter
from workers.catalog.serving import ServingMode
from workers.catalog.variant import Variant

# Named, not imported: most of these modules import torch and a model library.
ADAPTERS = {
    "flux": ("workers.adapters.flux.adapter", "FluxAdapter"),
    "florence2": ("workers.adapters.florence2.adapter", "Florence2Adapter"),
    "hosted": ("workers.adapters.hosted.adapter", "HostedAdapter"),
}


def make_adapter(
    variant: Variant,
    device: str,
    overrides: Mapping[str, str],
    mode: ServingMode | None = None,
) -> Adapter:
    """Make the adapter of a variant; it is not loaded yet.

    Args:
        variant: the row.
        device: torch's name for the device: "cpu", "cuda", "cuda:1".
        overrides: local weight folders by variable name, see `workers.adapters.weights`.
        mode: how it is served, None for the bare model as its row says; hosted models have none.

    Raises:
        DeviceError: `device` names no device.
    """
    if not variant.is_hosted:
        silence_libraries()  # before the adapter's module imports them, which warns of things
    module, name = ADAPTERS[variant.adapter]
    adapter_class = getattr(importlib.import_module(module), name)
    adapter: Adapter = (
        adapter_class(variant, device, overrides)
        if variant.is_hosted or mode is None
        else adapter_class(variant, device, overrides, mode)
    )
    return adapter
