"""The demo models: weights of a few million parameters each, and pictures of their output."""

from pathlib import Path


def weights_folder(name: str) -> Path:
    """The folder of a demo model's weights inside this package.

    Args:
        name: the variant, such as "flux.1-demo".

    Raises:
        FileNotFoundError: the package has no weights of this name.
    """
    folder = Path(__file__).parent / "weights" / name
    if not folder.is_dir():
        raise FileNotFoundError(f"no demo weights named {name!r} beside {__file__}")
    return folder
