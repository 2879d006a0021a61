"""Preparation of a submission: validate it, store its pictures and LoRAs, and price it."""

import difflib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from api.core.domain_errors import InvalidField, InvalidSubmissionError
from api.jobs.adjustments import size_adjustments
from api.jobs.effects import Sizes, without_effect
from api.jobs.input_loras import check_lora_source, resolve_lora
from api.jobs.input_pictures import InputPicture, PictureResolver, refused_picture
from api.jobs.picture_checks import CHECKED, PictureChecks
from api.jobs.webhook_urls import check_webhook_url
from api.resources.lora_files import LoraError
from api.schemas.jobs import Submission
from api.schemas.webhooks import WebhookRequest
from api.services import Services
from db.core.plain_words import message_of
from db.jobs.types import RequestWarning
from db.values.pictures import PictureError
from db.webhooks.types import Webhook
from workers import catalog
from workers.catalog import Variant
from workers.catalog.flux.loras import Lora
from workers.outbound import OutboundError

_SEED_BITS = 32

Named = Mapping[str, Sequence[InputPicture]]
"""The pictures, by the parameter that names them."""


@dataclass(frozen=True)
class PreparedSubmission:
    """A valid submission: its parameters, an input that needs no other host, and its price.

    Attributes:
        variant: the model.
        parameters: the validated parameters.
        input_pixels: the pixels of each input picture; a mask is none.
        input: the parameters as the worker gets them, with storage keys and a seed.
        units: the units that the price and the allowance count.
        price_micros: the price in micro-USD.
        vendor_micros: the cost of one task at the vendor; None for a model of our own devices.
        webhook: the webhook, when one was requested.
        sizes: the sizes of the input pictures.
        warnings: what is not honoured or has no effect; see `api.jobs.adjustments.in_words_of`.
    """

    variant: Variant
    parameters: BaseModel
    input_pixels: tuple[int, ...]
    input: dict[str, Any]
    units: int
    price_micros: int
    vendor_micros: int | None
    webhook: Webhook | None
    sizes: Sizes
    warnings: tuple[RequestWarning, ...] = ()

    @property
    def cost_seconds(self) -> float:
        """The estimated device-seconds."""
        return self.variant.cost_seconds(self.parameters, self.input_pixels)


def prepare(
    services: Services, tenant_id: str, submission: Submission, *, stores: bool = True
) -> PreparedSubmission:
    """Validate a submission against its model, and store the pictures and LoRAs that it names.

    Args:
        services: the process's services.
        tenant_id: the tenant.
        submission: the request's content.
        stores: False for a quote: pictures are measured, since their sizes have a price, and
            LoRAs are not fetched, since they have none. Such an input cannot be run.

    Raises:
        api.core.domain_errors.InvalidSubmissionError: the input does not fit the model, or the
            webhook's URL is refused.
        api.core.domain_errors.TooManyFetchesError: too many files are being fetched by URL.
        db.artifacts.storage_limit.StorageFullError: a file exceeds the tenant's limit.
        workers.catalog.UnknownVariantError: there is no such model.
    """
    variant = services.catalogue.find(submission.model)
    webhook = _webhook(services, submission.webhook) if submission.webhook else None
    parameters = _validate(variant, submission.input)
    named = _resolve_pictures(PictureResolver(services, tenant_id, stores=stores), parameters)
    sizes = {name: [picture.size for picture in own] for name, own in named.items()}
    parameters = _resolve_sizes(variant, parameters, sizes)
    told = _check_pictures(PictureChecks(services, tenant_id), parameters, named)
    # Keys replace the names that the client gave: jobs from one picture can share a batch.
    parameters = parameters.model_copy(update=_keys(parameters, named))
    pixels = input_pixels(sizes)
    _refuse_too_long(variant, parameters, pixels)
    parameters = _resolve_loras(services, tenant_id, parameters, stores=stores)
    measure = variant.measure(parameters, pixels)
    return PreparedSubmission(
        variant=variant,
        parameters=parameters,
        input_pixels=pixels,
        input={**parameters.model_dump(mode="json"), **_random_seed(parameters)},
        units=measure.units,
        price_micros=variant.price.amount_micros(measure),
        vendor_micros=variant.vendor_micros(measure),
        webhook=webhook,
        sizes=sizes,
        warnings=(
            *size_adjustments(submission.input, parameters, sizes),
            *without_effect(submission.input, parameters, sizes),
            *told,
        ),
    )


def input_pixels(sizes: Sizes) -> tuple[int, ...]:
    """The pixels of each input picture; a mask is not one: it only marks a region."""
    inputs = [of_name for name, of_name in sizes.items() if name != "mask"]
    return tuple(width * height for of_name in inputs for width, height in of_name)


def _webhook(services: Services, request: WebhookRequest) -> Webhook:
    try:
        check_webhook_url(request.url, services.outbound)
    except OutboundError as error:
        loc = ("webhook", "url")
        raise InvalidSubmissionError.of_field(loc, str(error), "invalid_url") from None
    events = tuple(dict.fromkeys(request.events))
    return Webhook(request.url, events, base_url=services.settings.public_url)


def _validate(variant: Variant, raw_input: dict[str, Any]) -> BaseModel:
    try:
        return variant.parameters.model_validate(raw_input)
    except ValidationError as error:
        raise _invalid_input(variant, error) from None


def _resolve_sizes(variant: Variant, parameters: BaseModel, sizes: Sizes) -> BaseModel:
    try:
        return variant.resolve_sizes(parameters, sizes)
    except ValidationError as error:
        raise _invalid_input(variant, error) from None


def _refuse_too_long(variant: Variant, parameters: BaseModel, pixels: tuple[int, ...]) -> None:
    if variant.exceeds_deadline(parameters, pixels):
        seconds = variant.cost_seconds(parameters, pixels)
        message = (
            f"this job would take about {seconds:.0f} s of its device; an attempt may run for "
            f"{variant.longest_deadline:.0f} s: ask for fewer pictures, steps, pixels or references"
        )
        raise InvalidSubmissionError.of_field(["input"], message, "too_long")


def _invalid_input(variant: Variant, error: ValidationError) -> InvalidSubmissionError:
    # The rejected values are omitted: they may be prompts, pictures or secrets.
    try:
        items = error.errors()
    except UnicodeEncodeError:  # pydantic cannot write a message that quotes such text
        message = "holds half of a surrogate pair, which is no text"
        return InvalidSubmissionError.of_field(["input"], message)
    return InvalidSubmissionError.of_fields([_invalid_field(variant, item) for item in items])


def _invalid_field(variant: Variant, item: Mapping[str, Any]) -> InvalidField:
    place, kind = ("input", *item["loc"]), item["type"]
    if kind == _TOO_LONG and item["loc"][0] in catalog.picture_fields(variant.parameters):
        most, sent = item["ctx"]["max_length"], item["ctx"]["actual_length"]
        pictures = "one picture" if most == 1 else f"{most} pictures"
        # The first picture that is too many: elsewhere each may have a field of its own.
        return InvalidField((*place, most), f"{variant.id} takes {pictures}, not {sent}", kind)
    if kind == "string_type" and item["loc"][0] in catalog.picture_fields(variant.parameters):
        message = f"{message_of(item)}: a URL, a data URI or the id of a file"
        return InvalidField(place, message, kind)
    if kind == _UNKNOWN and len(item["loc"]) == 1:
        return InvalidField(place, _unknown(variant, str(item["loc"][0])), kind)
    return InvalidField(place, message_of(item), kind)


def _unknown(variant: Variant, name: str) -> str:
    """The sentence about a parameter that does not exist, with the one that was meant."""
    known = variant.parameters.model_fields
    foreign = [each for each in _FOREIGN_NAMES.get(name.lower(), ()) if each in known]
    near = foreign or difflib.get_close_matches(name[:100].lower(), known, n=1)
    meant = " and ".join(near)
    hint = f"; did you mean {meant}?" if meant else f"; there are {', '.join(known)}"
    return f"{variant.id} has no such parameter{hint}"


_FOREIGN_NAMES: Mapping[str, Sequence[str]] = {
    "n": ("num_images",),
    "num_outputs": ("num_images",),
    "num_images_per_prompt": ("num_images",),
    "num_inference_steps": ("steps",),
    "guidance_scale": ("guidance",),
    "true_cfg_scale": ("true_guidance",),
    "size": ("width", "height"),
    "image_size": ("width", "height"),
    "image_url": ("image",),
    "input_image": ("image", "images"),
    "image_urls": ("images",),
    "mask_url": ("mask",),
    "mask_image": ("mask",),
    "image_prompt_strength": ("strength",),
    "prompt_strength": ("strength",),
    "text_input": ("text",),
    "max_tokens": ("max_new_tokens",),
    "threshold": ("min_score",),
}
"""Native parameters by the names that other APIs have for them, where these are not alike."""

_TOO_LONG = "too_long"
_UNKNOWN = "extra_forbidden"


def _random_seed(parameters: BaseModel) -> dict[str, int]:
    """A seed when none was given: drawn here, so that every attempt makes the same picture."""
    if getattr(parameters, "seed", 0) is not None:
        return {}
    return {"seed": secrets.randbits(_SEED_BITS)}


def _resolve_loras(
    services: Services, tenant_id: str, parameters: BaseModel, *, stores: bool
) -> BaseModel:
    loras: Sequence[Lora] = getattr(parameters, "loras", ())
    if not loras:
        return parameters
    _refuse_repeated([lora.source for lora in loras])
    resolved = [
        _resolve_lora(services, tenant_id, lora, n, stores=stores) for n, lora in enumerate(loras)
    ]
    _refuse_repeated([lora.source for lora in resolved])
    return parameters.model_copy(update={"loras": tuple(resolved)})


def _refuse_repeated(sources: Sequence[str]) -> None:
    # As sent, and as resolved: two names may be one file, of which one scale would count.
    for n, source in enumerate(sources):
        if source in sources[:n]:
            message = "this LoRA is given twice: give it once, with the sum of the scales"
            raise InvalidSubmissionError.of_field(["input", "loras", n], message, "repeated_lora")


def _resolve_lora(services: Services, tenant_id: str, lora: Lora, n: int, *, stores: bool) -> Lora:
    try:
        if stores:
            return resolve_lora(services, tenant_id, lora)
        check_lora_source(services, lora)
    except LoraError as error:
        loc = ("input", "loras", n)
        raise InvalidSubmissionError.of_field(loc, str(error), "invalid_lora") from error
    return lora


def _resolve_pictures(resolver: PictureResolver, parameters: BaseModel) -> Named:
    named: dict[str, list[InputPicture]] = {}
    for name in catalog.picture_fields(type(parameters)):
        value = getattr(parameters, name)
        if not value:
            continue
        is_list = isinstance(value, (list, tuple))
        named[name] = [
            _resolve_picture(resolver, text, [name, n] if is_list else [name])
            for n, text in enumerate(value if is_list else [value])
        ]
    return named


def _keys(parameters: BaseModel, named: Named) -> dict[str, str | tuple[str, ...]]:
    """The storage keys of the pictures, by the parameter that names them."""
    keys: dict[str, str | tuple[str, ...]] = {}
    for name, own in named.items():
        is_list = isinstance(getattr(parameters, name), (list, tuple))
        keys[name] = tuple(picture.key for picture in own) if is_list else own[0].key
    return keys


def _check_pictures(
    checks: PictureChecks, parameters: BaseModel, named: Named
) -> list[RequestWarning]:
    told: list[RequestWarning] = []
    for name in CHECKED:
        for picture in named.get(name, ()):
            try:
                told += checks.check(name, parameters, picture.read())
            except PictureError as error:
                raise refused_picture(("input", name), error) from error
    return told


def _resolve_picture(resolver: PictureResolver, name: str, loc: list[str | int]) -> InputPicture:
    try:
        return resolver.resolve(name)
    except PictureError as error:
        raise refused_picture(("input", *loc), error) from error
