"""The jobs' filters in the URL, so that every view has a link that can be shared."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from api.core.errors import invalid
from db.jobs.search import JobSearch
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName
from workers import catalog

Text = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True)
class JobFilters:
    """The form's fields, "" where nothing is selected. Times are UTC, in the browser's format."""

    state: str = ""
    model: str = ""
    tenant: str = ""
    error: str = ""
    after: str = ""
    before: str = ""
    surface: str = ""

    @property
    def items(self) -> list[tuple[str, str]]:
        """The fields that are set, by name."""
        return [(name, value) for name, value in vars(self).items() if value]

    @property
    def query(self) -> str:
        """The filters as a URL's query; "" when nothing is selected."""
        return f"?{urlencode(self.items)}" if self.items else ""

    @property
    def described(self) -> str:
        """The filters as text."""
        return ", ".join(f"{name} {value}" for name, value in self.items) or "every job"

    def search(self) -> JobSearch:
        """The query for the database.

        Raises:
            api.core.errors.ProblemError: 422, a state, an API or a time is invalid.
        """
        return JobSearch(
            state=_state(self.state),
            variant=catalog.id_of(self.model) if self.model else None,
            tenant_id=self.tenant or None,
            error_code=self.error.strip() or None,
            created_after=utc_time("after", self.after),
            created_before=utc_time("before", self.before),
            surface=_surface(self.surface),
        )


def _state(text: str) -> JobState | None:
    try:
        return JobState(text) if text else None
    except ValueError:
        raise invalid(["query", "state"], f"there is no state {text!r}") from None


def _surface(text: str) -> SurfaceName | None:
    try:
        return SurfaceName(text) if text else None
    except ValueError:
        raise invalid(["query", "surface"], f"there is no API {text!r}") from None


def utc_time(name: str, text: str) -> datetime | None:
    """The time in a form field; None when it is empty.

    Raises:
        api.core.errors.ProblemError: 422, the text is not a time.
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
    surface: Text = "",
) -> JobFilters:
    return JobFilters(state, model, tenant, error, after, before, surface)


JobFiltersDep = Annotated[JobFilters, Depends(_from_query)]
