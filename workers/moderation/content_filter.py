"""The interface of content filters, and the facts about a job that they get."""

from dataclasses import dataclass
from typing import Protocol

from PIL.Image import Image


@dataclass(frozen=True)
class Subject:
    """The job to judge.

    Attributes:
        job_id: its id.
        model: its variant.
        tier: its tenant's tier.
    """

    job_id: str
    model: str
    tier: str


class ContentFilter(Protocol):
    """A judge of a model's inputs and outputs; it raises an error, or returns nothing."""

    def check_prompt(self, prompt: str, subject: Subject) -> None:
        """Judge a prompt before a model reads it.

        Raises:
            workers.adapters.protocol.RequestModeratedError: it is refused.
            workers.adapters.protocol.FilterUnavailableError: the filter does not answer.
        """
        ...

    def check_input(self, picture: Image, subject: Subject) -> None:
        """Judge an input picture before a model gets it.

        Raises:
            workers.adapters.protocol.RequestModeratedError: it is refused.
            workers.adapters.protocol.FilterUnavailableError: the filter does not answer.
        """
        ...

    def check_picture(self, picture: Image, subject: Subject) -> None:
        """Judge a painted picture before it is stored.

        Raises:
            workers.adapters.protocol.ContentModeratedError: it is refused.
            workers.adapters.protocol.FilterUnavailableError: the filter does not answer.
        """
        ...
