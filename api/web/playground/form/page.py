"""The form: drawn for a model, read as a submission, and priced while it is filled in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import FormData

from api.core.errors import KNOWN, ProblemError, problem_of
from api.jobs import submit as submissions
from api.schemas.jobs import Submission
from api.services import Services, ServicesDep
from api.web.playground.error_hints import about_request, faults_of
from api.web.playground.form.fields import Field, FieldKind, Place, form_of
from api.web.playground.form.form_parser import CUSTOM, filled, input_of
from api.web.playground.form.models import groups
from api.web.playground.form.samples import code_samples
from api.web.playground.pages import page
from api.web.playground.pictures import Thumb, thumbs
from api.web.playground.session import CurrentTenant, FormDep, WriterDep
from api.web.shared.guard import site_url

router = APIRouter()

FRESH: dict[str, Any] = {"previews": True, "tasks": ["<CAPTION>", "<OD>"]}
"""What a new form says: one who watches wants to see."""


_UNFILLED = frozenset(
    {"missing", "string_too_short", "task_or_tasks", "text_required", "region_required"}
)
"""What validation says of something that is not there yet."""


@dataclass(frozen=True)
class FormView:
    """What a form says.

    Attributes:
        fields: of the model that it was drawn for.
        submission: the job that it asks for.
    """

    fields: Sequence[Field]
    submission: Submission

    @property
    def body(self) -> dict[str, Any]:
        """What `POST /v1/jobs` would be sent."""
        return {"model": self.submission.model, "input": self.submission.input}


def form_view(services: Services, form: FormData) -> FormView:
    """Read a form.

    Raises:
        workers.catalog.UnknownVariantError: it names no model that is offered.
    """
    variant = services.catalogue.find(str(form.get("drawn_for", "")))
    fields = form_of(variant)
    submission = Submission(model=variant.id, input=input_of(fields, form))
    return FormView(fields, submission)


def form_values(
    services: Services, current: CurrentTenant, model: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """The values of `form.html`.

    Raises:
        workers.catalog.UnknownVariantError: there is no such model.
    """
    variant = services.catalogue.find(model)
    fields = form_of(variant)
    values = filled(given)
    with services.database.transaction(durable=False) as session:
        offered = groups(session, services.catalogue)
    choice = next(each for group in offered for each in group.choices if each.id == variant.id)
    return {
        "groups": offered,
        "chosen": choice,
        "places": {place: [each for each in fields if each.place is place] for place in Place},
        "values": values,
        "shape": _shape(fields, values),
        "pictures": _pictures(services, current, fields, values),
        "limits": services.settings,
        "csrf": current.csrf,
    }


def _shape(fields: Sequence[Field], values: Mapping[str, Any]) -> str:
    """Which of the size's presets is chosen; empty for none of them."""
    ratio, size = values.get("aspect_ratio"), (values.get("width"), values.get("height"))
    presets = [shape for field in fields for shape in field.shapes]
    fitting = [shape.ratio for shape in presets if (shape.width, shape.height) == size]
    if ratio or size == (None, None):
        return str(ratio or "")
    return fitting[0] if fitting else CUSTOM


def _pictures(
    services: Services, current: CurrentTenant, fields: Sequence[Field], values: Mapping[str, Any]
) -> dict[str, list[Thumb]]:
    named = [field.name for field in fields if field.kind in (FieldKind.PICTURES, FieldKind.MASK)]
    return {name: thumbs(services, current, _as_list(values.get(name))) for name in named}


def _as_list(value: Any) -> list[str]:
    several = value if isinstance(value, list) else [value]
    return [each for each in several if isinstance(each, str)]


@router.post("/form")
def draw(
    request: Request, services: ServicesDep, current: WriterDep, form: FormDep
) -> HTMLResponse:
    """The form of another model, with what was filled in as far as it takes that."""
    before = form_view(services, form)
    kept = _carried(before.submission.input)
    values = form_values(services, current, str(form.get("model", "")), kept)
    return page(request, "form.html", **values)


def _carried(given: Mapping[str, Any]) -> dict[str, Any]:
    """What another model has a use for: what is meant stays, what was tuned for this one goes."""
    kept = ("prompt", "image", "images", "seed", "task", "tasks", "text", "num_images")
    carried = {name: given[name] for name in kept if name in given}
    return FRESH | carried


@router.post("/quote")
def quote(
    request: Request, services: ServicesDep, current: WriterDep, form: FormDep
) -> HTMLResponse:
    """What the form as it stands would cost, and the code that sends it.

    Answered with 200 whatever it says: whoever is still writing has done nothing wrong.
    """
    asked = form_view(services, form)
    found, problem = None, None
    try:
        found = submissions.quote(services, current.caller, asked.submission)
    except KNOWN as error:
        problem = problem_of(error)
    return page(
        request,
        "quote.html",
        quote=found,
        faults=faults_of(problem) if problem else [],
        advice=about_request(problem) if problem else "",
        samples=code_samples(site_url(request, services), asked.body),
        unfilled=_unfilled(problem, asked.fields),
    )


def _unfilled(problem: ProblemError | None, fields: Sequence[Field]) -> list[str]:
    """The labels of what is not there yet; none where something else is wrong, too."""
    items = problem.extra.get("errors", ()) if problem else ()
    if not all(item["type"] in _UNFILLED for item in items):
        return []
    labels = {field.name: field.label for field in fields}
    names = ["tasks" if item["loc"][-1] == "task" else item["loc"][-1] for item in items]
    return list(dict.fromkeys(labels.get(name, str(name)) for name in names))
