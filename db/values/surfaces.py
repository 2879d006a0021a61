"""The APIs by which a job can be submitted."""

from enum import StrEnum


class SurfaceName(StrEnum):
    """The API that a job came by: the service's own, or a compatible one."""

    NATIVE = "native"
    OPENAI = "openai"
    REPLICATE = "replicate"
    FAL = "fal"
    BFL = "bfl"
    HUGGINGFACE = "huggingface"
