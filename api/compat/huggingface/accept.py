"""The format of a painted picture, by the `Accept` header."""

_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/webp": "webp"}


def output_format(accept: str) -> str:
    """The format that a client prefers among those that can be painted; PNG by default."""
    offers = [_offer(part) for part in accept.split(",")]
    # Sorting keeps the order of equal preferences.
    offers.sort(key=lambda offer: -offer[1])
    return next((_FORMATS[kind] for kind, quality in offers if quality and kind in _FORMATS), "png")


def _offer(part: str) -> tuple[str, float]:
    """A media type and its quality, from 0 to 1; an unreadable quality counts as none."""
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
    try:
        return kind, float(quality)
    except ValueError:
        return kind, 0.0
