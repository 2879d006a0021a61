"""Ids of versions, and names of models, as predictions show them."""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache

from api.compat.shared.names import OWNER

_KNOWN: Mapping[str, str] = {
    "florence-2-large": "da53547e17d45b9cfb48174b2f18af8b83ca020fa76db62136bf9c6616762595",
}
"""Versions that users have written into their programs, by variant."""

_SINGLE_OUTPUT = re.compile(
    r"black-forest-labs/flux-(?:pro|1\.1-pro|1\.1-pro-ultra|kontext-\w+|2-(?:dev|pro|flex|max))"
)


@lru_cache(maxsize=1024)
def version_id(variant_id: str) -> str:
    """The id of a variant's one version: the same in every process, for good."""
    digest = hashlib.sha256(f"bottega.replicate.version:{variant_id}".encode())
    return _KNOWN.get(variant_id) or digest.hexdigest()


def has_single_output(name: str) -> bool:
    """True for a model whose output is one URL, and no list of them."""
    return _SINGLE_OUTPUT.fullmatch(name) is not None


def own_name(variant_id: str) -> str:
    """The name of a variant below Bottega's own owner."""
    return f"{OWNER}/{variant_id}"
