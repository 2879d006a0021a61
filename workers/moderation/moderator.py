"""Content filters on a job's way: before the model reads and sees, before what it painted is kept.

Requests are judged here, in the worker, and not at the edge: a callout takes long, and an owner
finds every refusal in the same place, a job that failed and cost nothing.
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
        rules: the operator's.
        database: knows a tenant's tier, which is as it stands now and not as at submission.
    """

    def __init__(self, rules: Rules, database: Database) -> None:
        self._rules = rules
        self._database = database

    def check_request(self, job: Job, parameters: BaseModel) -> None:
        """Judge what the model is about to read.

        Raises:
            RequestModeratedError: a filter refuses it.
            FilterUnavailableError: a filter does not answer.
        """
        texts = [text for name in _TEXTS if (text := getattr(parameters, name, None))]
        for chosen, subject in self._chosen(job):
            for text in texts:
                chosen.check_prompt(text, subject)

    def check_inputs(self, job: Job, pictures: Collection[Sequence[Image]]) -> None:
        """Judge the pictures that the model is about to see.

        Args:
            job: whose they are.
            pictures: those of each parameter; read one by one, and only where a filter sees them.

        Raises:
            RequestModeratedError: a filter refuses one.
            FilterUnavailableError: a filter does not answer.
        """
        chosen = self._chosen(job) if any(map(len, pictures)) else []
        for picture in chain.from_iterable(pictures if chosen else ()):
            for one, subject in chosen:
                one.check_input(picture, subject)

    def check_output(self, job: Job, output: Output) -> None:
        """Judge what was painted.

        Raises:
            ContentModeratedError: a filter refuses a picture, and so all of them.
            FilterUnavailableError: a filter does not answer.
        """
        if not output.images:
            return
        for chosen, subject in self._chosen(job):
            for painted in output.images:
                chosen.check_picture(painted.image, subject)

    def judges(self, job: Job) -> bool:
        """Whether any filter is asked about a job: what it paints is not to be seen before."""
        return bool(self._chosen(job))

    def _chosen(self, job: Job) -> list[tuple[ContentFilter, Subject]]:
        if not self._rules.concern(job.variant):
            return []
        with self._database.transaction(durable=False) as session:
            tier = tenants.tier_of(session, job.tenant_id)
        subject = Subject(job.id, job.variant, tier)
        return [(chosen, subject) for chosen in self._rules.chosen(job.variant, tier)]
