"""One worker's settings of how it serves its models, from its environment."""

from pydantic_settings import BaseSettings, SettingsConfigDict

from workers.catalog.serving import AUTO, Compile, Offload, Precision, ServingRequest


class ServingSettings(BaseSettings):
    """A worker's request to the memory plan; it goes before that of a model's row.

    Attributes:
        precision: the number format of the large weights (`BOTTEGA_PRECISION`).
        offload: what waits in the host's memory (`BOTTEGA_OFFLOAD`).
        attention: diffusers' name of the kernels of attention (`BOTTEGA_ATTENTION`).
        compile: whether the transformer's blocks are compiled (`BOTTEGA_COMPILE`).
    """

    model_config = SettingsConfigDict(env_prefix="BOTTEGA_", hide_input_in_errors=True)

    precision: Precision = Precision.AUTO
    offload: Offload = Offload.AUTO
    attention: str = AUTO
    compile: Compile = Compile.AUTO

    @property
    def request(self) -> ServingRequest:
        """The settings as a request."""
        return ServingRequest(self.precision, self.offload, self.attention, self.compile)
