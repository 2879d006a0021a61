"""The form: rendered for a model, read as a submission, and priced while the user fills it in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import FormData

from api.core.errors import KNOWN, ProblemError, problem_of
from api.jobs.quote import quote_submission
from api.schemas.jobs import Submission
from api.services import Services, ServicesDep
from api.web.playground.error_hints import field_errors, request_hint
from api.web.playground.form.fields import Field, FieldKind, Place, form_of
from api.web.playground.form.form_parser import CUSTOM, form_values_of, input_of
from api.web.playground.form.models import groups
from api.web.playground.form.samples import ClientSamples, code_samples
from api.web.playground.pages import page
from api.web.playground.pictures import Thumb, thumbs
from api.web.playground.session import CurrentTenant, FormDep, WriterDep
from api.web.shared.job_labels import unserved_text
from api.web.shared.literals import Sample
from api.web.shared.security import site_url

router = APIRouter()

INITIAL_VALUES: dict[str, Any] = {"previews": True, "tasks": ["<CAPTION>", "<OD>"]}
"""The values of a new form; a user of the page wants previews."""

_MISSING = frozenset(
    {"missing", "string_too_short", "task_or_tasks", "text_required", "region_required"}
)
"""The validation errors of values that are still missing."""


@dataclass(frozen=True)
class FormView:
    """The content of a submitted form.

    Attributes:
        fields: of the model that it was rendered for.
        submission: the job that it requests.
    """

    fields: Sequence[Field]
    submission: Submission

    @property
    def body(self) -> dict[str, Any]:
        """The body of the same request to `POST /v1/jobs`."""
        return {"model": self.submission.model, "input": self.submission.input}


def form_view(services: Services, form: FormData) -> FormView:
    """Parse a form.

    Raises:
        workers.catalog.UnknownVariantError: it names a model that is not offered.
    """
    variant = services.catalogue.find(str(form.get("drawn_for", "")))
    fields = form_of(variant)
    submission = Submission(model=variant.id, input=input_of(fields, form))
    return FormView(fields, submission)


def form_values(
    services: Services, tenant: CurrentTenant, model: str, job_input: Mapping[str, Any]
) -> dict[str, Any]:
    """The template values of `form.html`.

    Raises:
        workers.catalog.UnknownVariantError: there is no such model.
    """
    variant = services.catalogue.find(model)
    fields = form_of(variant)
    values = form_values_of(job_input)
    with services.database.transaction(durable=False) as session:
        offered = groups(session, services.catalogue)
    choice = next(each for group in offered for each in group.choices if each.id == variant.id)
    return {
        "groups": offered,
        "model": choice,
        "places": {place: [each for each in fields if each.place is place] for place in Place},
        "values": values,
        "shape": _shape(fields, values),
        "pictures": _pictures(services, tenant, fields, values),
        "limits": services.settings,
        "csrf": tenant.csrf,
    }


def _shape(fields: Sequence[Field], values: Mapping[str, Any]) -> str:
    """The selected preset of the size; empty when none is."""
    ratio, size = values.get("aspect_ratio"), (values.get("width"), values.get("height"))
    presets = [shape for field in fields for shape in field.shapes]
    matches = [shape.ratio for shape in presets if (shape.width, shape.height) == size]
    if ratio or size == (None, None):
        return str(ratio or "")
    return matches[0] if matches else CUSTOM


def _pictures(
    services: Services, tenant: CurrentTenant, fields: Sequence[Field], values: Mapping[str, Any]
) -> dict[str, list[Thumb]]:
    names = [field.name for field in fields if field.kind in (FieldKind.PICTURES, FieldKind.MASK)]
    return {name: thumbs(services, tenant, _as_list(values.get(name))) for name in names}


def _as_list(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str)]


@router.post("/form")
def render_form(
    request: Request, services: ServicesDep, tenant: WriterDep, form: FormDep
) -> HTMLResponse:
    """The form of another model, with the current values that make sense there."""
    current = form_view(services, form)
    job_input = _portable_values(current.submission.input)
    values = form_values(services, tenant, str(form.get("model", "")), job_input)
    return page(request, "form.html", **values)


def _portable_values(job_input: Mapping[str, Any]) -> dict[str, Any]:
    """The values for another model's form: the content stays, settings of one model do not."""
    names = ("prompt", "image", "images", "seed", "task", "tasks", "text", "num_images")
    return INITIAL_VALUES | {name: job_input[name] for name in names if name in job_input}


@router.post("/quote")
def quote(
    request: Request, services: ServicesDep, tenant: WriterDep, form: FormDep
) -> HTMLResponse:
    """The price of the form's job, and code that submits the same job.

    The status is always 200: an incomplete form is no error while the user is still typing.
    """
    view = form_view(services, form)
    price, problem = None, None
    try:
        price = quote_submission(services, tenant.caller, view.submission)
    except KNOWN as error:
        problem = problem_of(error)
    return page(
        request,
        "quote.html",
        quote=price,
        unserved=unserved_text(price.unserved_reason) if price else "",
        errors=field_errors(problem) if problem else [],
        hint=request_hint(problem) if problem else "",
        samples=_samples(request, services, view.body),
        language=str(form.get("language", "")),
        missing=_missing_labels(problem, view.fields),
    )


def _samples(request: Request, services: Services, body: Mapping[str, Any]) -> Sequence[Sample]:
    base = site_url(request, services)
    of_clients: ClientSamples = request.app.state.client_samples
    return [*code_samples(base, body), *of_clients(base, body)]


def _missing_labels(problem: ProblemError | None, fields: Sequence[Field]) -> list[str]:
    """The labels of missing values; none when there are other errors, too."""
    items = problem.extra.get("errors", ()) if problem else ()
    if not all(item["type"] in _MISSING for item in items):
        return []
    labels = {field.name: field.label for field in fields}
    names = ["tasks" if item["loc"][-1] == "task" else item["loc"][-1] for item in items]
    return list(dict.fromkeys(labels.get(name, str(name)) for name in names))
