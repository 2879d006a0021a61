"""Content filters applied to jobs: to inputs before the model, to outputs before they are stored.

Inputs are judged here, in the worker, and not in the API: a callout takes long, and an owner finds
every refusal in the same place, a job that failed and cost nothing.
"""

from collections.abc import Collection, Sequence
from itertools import chain

from PIL.Image import Image
from pydantic import BaseModel

from db.core.session import Database
from db.tables import Job
from db.tenants import tenants
from workers.adapters.protocol import Output
from workers.moderation.content_filter import ContentFilter, Subject
from workers.moderation.filter_file import Rules

_TEXTS = ("prompt", "text")
"""The parameters in which an owner writes to a model."""


class Moderator:
    """Applies the rules to jobs.

    Args:
        rules: the operator's rules.
        database: has a tenant's tier: the current one, not that at submission.
    """

    def __init__(self, rules: Rules, database: Database) -> None:
        self._rules = rules
        self._database = database

    def check_request(self, job: Job, parameters: BaseModel) -> None:
        """Judge the texts before the model reads them.

        Raises:
            RequestModeratedError: a filter refuses it.
            FilterUnavailableError: a filter does not answer.
        """
        texts = [text for name in _TEXTS if (text := getattr(parameters, name, None))]
        for content_filter, subject in self._filters(job):
            for text in texts:
                content_filter.check_prompt(text, subject)

    def check_inputs(self, job: Job, pictures: Collection[Sequence[Image]]) -> None:
        """Judge the input pictures before the model gets them.

        Args:
            job: their job.
            pictures: those of each parameter; loaded one by one, and only where a filter applies.

        Raises:
            RequestModeratedError: a filter refuses one.
            FilterUnavailableError: a filter does not answer.
        """
        filters = self._filters(job) if any(map(len, pictures)) else []
        for picture in chain.from_iterable(pictures if filters else ()):
            for content_filter, subject in filters:
                content_filter.check_input(picture, subject)

    def check_output(self, job: Job, output: Output) -> None:
        """Judge the painted pictures.

        Raises:
            ContentModeratedError: a filter refuses a picture, and so all of them.
            FilterUnavailableError: a filter does not answer.
        """
        if not output.images:
            return
        for content_filter, subject in self._filters(job):
            for painted in output.images:
                content_filter.check_picture(painted.image, subject)

    def judges(self, job: Job) -> bool:
        """True when any filter judges a job: its pictures must not be shown before that."""
        return bool(self._filters(job))

    def _filters(self, job: Job) -> list[tuple[ContentFilter, Subject]]:
        if not self._rules.may_apply(job.variant):
            return []
        with self._database.transaction(durable=False) as session:
            tier = tenants.tier_of(session, job.tenant_id)
        subject = Subject(job.id, job.variant, tier)
        filters = self._rules.filters_for(job.variant, tier)
        return [(content_filter, subject) for content_filter in filters]
