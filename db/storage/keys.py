"""Keys of the objects in the store."""

from datetime import date


def result_key(tenant: str, day: date, job: str, attempt: int, n: int, ext: str) -> str:
    """One artifact's key, `results/{tenant}/{yyyy-mm-dd}/{job}/{attempt}/{n}.{ext}`.

    It contains the attempt: a worker that lost its lease overwrites nothing.

    Args:
        tenant: tenant id.
        day: a day (UTC), so that results of one age are stored together.
        job: job id.
        attempt: the attempt that made it, from 1.
        n: the number of the artifact in its job, from 0.
        ext: file suffix without its dot.
    """
    return f"results/{tenant}/{day:%Y-%m-%d}/{job}/{attempt}/{n}.{ext}"


def results_prefix(tenant: str, day: date, job: str) -> str:
    """The beginning of the keys of a job's artifacts, of every attempt."""
    return f"results/{tenant}/{day:%Y-%m-%d}/{job}/"


def tenant_prefixes(tenant: str) -> tuple[str, str]:
    """The beginnings of the keys of all inputs and results of a tenant."""
    return f"inputs/{tenant}/", f"results/{tenant}/"


def lora_key(name: str) -> str:
    """The key of a LoRA that the operator offers by name, `loras/{name}.safetensors`."""
    return f"loras/{name}.safetensors"


def input_key(tenant: str, sha256: str) -> str:
    """An input picture's key, `inputs/{tenant}/{sha256}`: a tenant's equal files share it."""
    return f"inputs/{tenant}/{sha256}"


def lora_name(key: str) -> str | None:
    """The name of the LoRA that has this key; None if the key is not of an operator's LoRA."""
    named = key.startswith("loras/") and key.endswith(".safetensors")
    return key.removeprefix("loras/").removesuffix(".safetensors") if named else None
