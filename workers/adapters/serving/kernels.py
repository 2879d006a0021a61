"""The record of compiled kernels that are kept, by card, version of torch, model and way to serve.

Compiling takes minutes unless the kernels are in `BOTTEGA_CACHE_DIR`. After a compiled model has
painted its first pictures a file is left there, and a later start knows that it need not wait.
"""

import hashlib
import os
from pathlib import Path

from workers.adapters.pinning import Device
from workers.catalog.serving import ServingMode

KERNELS_FOLDER = "TORCHINDUCTOR_CACHE_DIR"
"""The variable that names torch's folder of kernels; a worker sets it from its own setting."""


def kernels_are_kept(variant_id: str, mode: ServingMode, device: Device) -> bool:
    """True when the model was compiled before on such a card, and its kernels are still there."""
    marker = _marker(variant_id, mode, device)
    return marker is not None and marker.is_file()


def record_kernels(variant_id: str, mode: ServingMode, device: Device) -> None:
    """Record that the model's kernels are in the folder now; nothing without a folder."""
    marker = _marker(variant_id, mode, device)
    if marker is not None:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


def _marker(variant_id: str, mode: ServingMode, device: Device) -> Path | None:
    folder = os.environ.get(KERNELS_FOLDER)
    if not folder or device.kind != "cuda":
        return None
    # Imported here: the name of a way to serve is no reason to load torch.
    import torch  # noqa: PLC0415

    # Offloading changes no kernel: blocks are compiled as they compute.
    parts = (
        torch.__version__,
        torch.cuda.get_device_name(device.index),
        variant_id,
        mode.precision,
        mode.attention,
    )
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return Path(folder) / "compiled" / digest
