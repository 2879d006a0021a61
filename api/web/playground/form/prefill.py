"""Values for a new form: a former job's settings, or a painted picture to analyse."""

from collections.abc import Mapping
from typing import Any

from api.core.errors import not_found
from api.services import Services
from api.web.playground.pictures import own_job, stored_file_ids
from api.web.playground.session import CurrentTenant
from api.web.shared.job_pictures import input_keys
from db.jobs.queries import find_artifact
from db.storage.keys import lora_name
from db.values.pictures import SUFFIXES

Values = dict[str, Any]


def former_settings(services: Services, tenant: CurrentTenant, job_id: str) -> tuple[str, Values]:
    """A former job's model and input, with file ids for its pictures.

    Raises:
        api.core.errors.ProblemError: 404, the tenant has no such job.
    """
    job = own_job(services, tenant, job_id)
    keys = set(input_keys(job))
    file_ids = dict.fromkeys(keys) | dict(stored_file_ids(services, tenant, keys))
    values = {name: _with_file_ids(value, file_ids) for name, value in job.input.items()}
    values["loras"] = _loras(job.input.get("loras") or ())
    return job.variant, {name: value for name, value in values.items() if value not in (None, [])}


def _with_file_ids(value: Any, file_ids: Mapping[str, str | None]) -> Any:
    if isinstance(value, list):
        replaced = [_with_file_ids(each, file_ids) for each in value]
        return [each for each in replaced if each is not None]
    return file_ids.get(value, value) if isinstance(value, str) else value


def _loras(loras: Any) -> list[Mapping[str, Any]]:
    """The LoRAs with a name; the user must enter the URL of any other one again."""
    named = [(lora_name(lora["source"]), lora) for lora in loras]
    return [{**lora, "source": name} for name, lora in named if name is not None]


def analysis_input(
    services: Services, tenant: CurrentTenant, job_id: str, n: int, *, site: str
) -> Values:
    """An input that analyses a picture that a job painted, by the URL of this artifact.

    Raises:
        api.core.errors.ProblemError: 404, the tenant has no such picture.
    """
    job = own_job(services, tenant, job_id)
    with services.database.transaction(durable=False) as session:
        row = find_artifact(session, job.id, n)
    if row is None or row.removed_at is not None or row.media_type not in SUFFIXES:
        raise not_found("picture")
    return {"image": site + services.artifact_urls.path(job.id, n, row.media_type)}
