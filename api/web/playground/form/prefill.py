"""What a form is filled with: nothing yet, a former job's settings, or a picture to look at."""

from collections.abc import Mapping
from typing import Any

from api.core.errors import not_found
from api.services import Services
from api.web.playground.pictures import named_again, own_job
from api.web.playground.session import CurrentTenant
from api.web.shared.job_pictures import input_keys
from db.jobs.queries import find_artifact
from db.storage.keys import lora_name

Values = dict[str, Any]


def settings_of(services: Services, current: CurrentTenant, job_id: str) -> tuple[str, Values]:
    """A former job's model and input, its pictures by ids that may be given again.

    Raises:
        api.core.errors.ProblemError: it is not the tenant's.
    """
    job = own_job(services, current, job_id)
    keys = frozenset(input_keys(job))
    again = {key: named_again(services, current, key) for key in keys}
    values = {name: _replaced(value, again) for name, value in job.input.items()}
    values["loras"] = _loras(job.input.get("loras") or ())
    return job.variant, {name: value for name, value in values.items() if value not in (None, [])}


def _replaced(value: Any, again: Mapping[str, str | None]) -> Any:
    if isinstance(value, list):
        kept = [_replaced(each, again) for each in value]
        return [each for each in kept if each is not None]
    return again.get(value, value) if isinstance(value, str) else value


def _loras(asked: Any) -> list[Mapping[str, Any]]:
    """Those that have a name; one that was fetched from a URL must be named anew."""
    named = [(lora_name(lora["source"]), lora) for lora in asked]
    return [{**lora, "source": name} for name, lora in named if name is not None]


def picture_of(services: Services, current: CurrentTenant, job_id: str, n: int) -> Values:
    """An input that looks at what a job has painted.

    Raises:
        api.core.errors.ProblemError: the tenant has no such picture.
    """
    job = own_job(services, current, job_id)
    with services.database.transaction(durable=False) as session:
        row = find_artifact(session, job.id, n)
    file_id = None if row is None else named_again(services, current, row.key)
    if file_id is None:
        raise not_found("picture")
    return {"image": file_id}
