"""The one Celery task: a ticket is answered by whatever jobs are fairest."""

from collections.abc import Callable

from celery import Celery

from workers.messaging.queue import TASK


def register(app: Celery, answer: Callable[[str], None]) -> None:
    """Let the app's workers answer tickets with `answer(variant)`."""

    @app.task(name=TASK, ignore_result=True)  # type: ignore[untyped-decorator]
    def ring(variant: str, **_for_watchers: object) -> None:
        answer(variant)
