"""What a content filter is asked, and what it may know of a job."""

from dataclasses import dataclass
from typing import Protocol

from PIL.Image import Image


@dataclass(frozen=True)
class Subject:
    """The job in question.

    Attributes:
        job_id: which.
        model: its variant.
        tier: its tenant's.
    """

    job_id: str
    model: str
    tier: str


class ContentFilter(Protocol):
    """Judges what goes into a model and what comes out; says nothing where it has no objection."""

    def check_prompt(self, prompt: str, subject: Subject) -> None:
        """Judge what a model is about to read.

        Raises:
            workers.moderation.errors.RequestModeratedError: it is refused.
            workers.moderation.errors.FilterUnavailableError: nobody can say.
        """
        ...

    def check_input(self, picture: Image, subject: Subject) -> None:
        """Judge a picture that a model is about to see.

        Raises:
            workers.moderation.errors.RequestModeratedError: it is refused.
            workers.moderation.errors.FilterUnavailableError: nobody can say.
        """
        ...

    def check_picture(self, picture: Image, subject: Subject) -> None:
        """Judge what a model painted, before it is stored.

        Raises:
            workers.moderation.errors.ContentModeratedError: it is refused.
            workers.moderation.errors.FilterUnavailableError: nobody can say.
        """
        ...
