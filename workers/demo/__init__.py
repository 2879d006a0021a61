"""The demo models: weights a few million parameters large, the scenes they know, their training."""

from pathlib import Path


def weights_folder(name: str) -> Path:
    """The folder of a demo model's weights, shipped with this package.

    Args:
        name: the variant, such as "flux.1-demo".

    Raises:
        FileNotFoundError: no such model is shipped.
    """
    folder = Path(__file__).parent / "weights" / name
    if not folder.is_dir():
        raise FileNotFoundError(f"no demo weights named {name!r} beside {__file__}")
    return folder
