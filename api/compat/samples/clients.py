"""Samples of a job by the clients of other services, where these have its model."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.compat.samples import bfl, fal, huggingface, openai, replicate
from api.compat.samples.job_input import JobInput
from api.web.shared.literals import Sample, shortened
from workers.catalog import Catalogue

_CLIENTS = (bfl, fal, huggingface, openai, replicate)


class ClientSamples:
    """Writes the samples of jobs.

    Args:
        catalogue: the offered models.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __call__(self, base_url: str, body: Mapping[str, Any]) -> Sequence[Sample]:
        """The samples of a job.

        Args:
            base_url: the service's URL, without a trailing slash.
            body: the body of `POST /v1/jobs`; pictures as data URIs are shortened.

        Raises:
            workers.catalog.UnknownVariantError: the model is not offered.
        """
        variant = self._catalogue.find(body["model"])
        job = JobInput(base_url, self._catalogue, variant, shortened(dict(body["input"])))
        if job.has_several_texts:
            return []
        return [sample for client in _CLIENTS for sample in client.samples(job)]
