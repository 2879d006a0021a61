"""The jobs' filters as an address carries them, so that every view can be sent to somebody."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from api.core.errors import invalid
from db.jobs.search import JobSearch
from db.values.job_state import JobState

Text = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True)
class JobFilters:
    """The fields of the form, "" where nothing was chosen. Times are UTC, as the browser writes."""

    state: str = ""
    model: str = ""
    tenant: str = ""
    error: str = ""
    after: str = ""
    before: str = ""

    @property
    def items(self) -> list[tuple[str, str]]:
        """What was chosen, by name."""
        return [(name, value) for name, value in vars(self).items() if value]

    @property
    def query(self) -> str:
        """As the end of an address, "" when nothing was chosen."""
        return f"?{urlencode(self.items)}" if self.items else ""

    @property
    def described(self) -> str:
        """In words."""
        return ", ".join(f"{name} {value}" for name, value in self.items) or "every job"

    def search(self) -> JobSearch:
        """What to look for.

        Raises:
            api.core.errors.ProblemError: a state or a time is none.
        """
        return JobSearch(
            state=_state(self.state),
            variant=self.model or None,
            tenant_id=self.tenant or None,
            error_code=self.error.strip() or None,
            created_after=utc_time("after", self.after),
            created_before=utc_time("before", self.before),
        )


def _state(text: str) -> JobState | None:
    try:
        return JobState(text) if text else None
    except ValueError:
        raise invalid(["query", "state"], f"there is no state {text!r}") from None


def utc_time(name: str, text: str) -> datetime | None:
    """What a field for a time holds; None when it is empty.

    Raises:
        api.core.errors.ProblemError: it is no time.
    """
    try:
        when = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise invalid(["query", name], "is not a time such as 2026-01-31T12:00") from None
    return when if when is None or when.tzinfo else when.replace(tzinfo=UTC)


async def _from_query(
    state: Text = "",
    model: Text = "",
    tenant: Text = "",
    error: Text = "",
    after: Text = "",
    before: Text = "",
) -> JobFilters:
    return JobFilters(state, model, tenant, error, after, before)


JobFiltersDep = Annotated[JobFilters, Depends(_from_query)]
