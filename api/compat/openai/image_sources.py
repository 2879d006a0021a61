"""The pictures of an edit, stored as inputs: a form's files, and the mask by its transparency."""

from collections.abc import Iterator
from dataclasses import replace

from api.auth.tenant import Caller
from api.compat.openai.form import Form
from api.compat.openai.image_fields import MAX_SOURCES, EditFields
from api.compat.openai.image_request import ImageRequest, Named
from api.compat.shared.picture_files import mask_of_transparency
from api.compat.shared.pictures import as_native
from api.compat.shared.usable_key import require_usable_key
from api.core.domain_errors import InvalidSubmissionError
from api.jobs.input_pictures import PictureResolver, refused_picture, store_picture
from api.services import Services
from db.values import pictures
from db.values.mask_levels import has_white
from db.values.pictures import PictureError, PictureLimits
from workers.catalog import Variant

_IMAGES = ("image", "images")


def with_sources(
    services: Services, caller: Caller, variant: Variant, request: ImageRequest, form: Form
) -> ImageRequest:
    """The request with the pictures that its form or its fields name, as the native API takes them.

    Without a mask, the transparent area of the first picture is repainted, where the variant can.

    Raises:
        InvalidSubmissionError: a picture cannot be used, or there are none or too many.
        Exception: as `api.jobs.input_pictures.store_picture`, and
            `api.compat.shared.usable_key.require_usable_key`.
    """
    if not isinstance(request.fields, EditFields):
        return request
    require_usable_key(services, caller)
    named = [*_files(services, caller, form), *_named(request.fields)]
    if not named:
        raise InvalidSubmissionError.of_field(("image",), "send the picture to edit", "missing")
    if len(named) > MAX_SOURCES:
        message = f"{len(named)} pictures; {MAX_SOURCES} is the limit"
        raise InvalidSubmissionError.of_field((named[-1][1],), message)
    mask = _mask(services, caller, request.fields, form)
    if mask is None and "mask" in variant.parameters.model_fields:
        first, field = named[0]
        stored, found = mask_of_transparency(services, caller, first, field)
        named[0], mask = (stored, field), (found, field) if found else None
    return replace(request, pictures=named, mask=mask)


def _files(services: Services, caller: Caller, form: Form) -> Iterator[Named]:
    for name in _IMAGES:
        files = form.files.get(name, ())
        for number, data in enumerate(files, start=1):
            which = f"picture {number}: " if len(files) > 1 else ""
            yield _stored(services, caller, data, name, which), name


def _stored(services: Services, caller: Caller, data: bytes, name: str, which: str) -> str:
    try:
        return store_picture(services, caller.tenant_id, data, is_upload=False).id
    except PictureError as error:
        raise refused_picture((name,), PictureError(f"{which}{error}")) from error


def _named(fields: EditFields) -> Iterator[Named]:
    for name in _IMAGES:
        for source in getattr(fields, name) or ():
            if not source.name:
                message = "name each picture by file_id or image_url"
                raise InvalidSubmissionError.of_field((name,), message, "missing")
            yield as_native(source.name), name


def _mask(services: Services, caller: Caller, fields: EditFields, form: Form) -> Named | None:
    files = form.files.get("mask", ())
    if len(files) > 1:
        raise InvalidSubmissionError.of_field(("mask",), "send one mask")
    try:
        if files:
            data = files[0]
        elif fields.mask is not None and fields.mask.name:
            data = _read(services, caller, as_native(fields.mask.name))
        else:
            return None
        return _native_mask(services, caller, data), "mask"
    except PictureError as error:
        raise refused_picture(("mask",), error) from error


def _read(services: Services, caller: Caller, name: str) -> bytes:
    """The file of a picture that is not in the request itself."""
    return services.store.get(PictureResolver(services, caller.tenant_id).resolve(name).key).data


def _native_mask(services: Services, caller: Caller, data: bytes) -> str:
    """The mask as the native API takes it: white where OpenAI's is transparent."""
    settings = services.settings
    if len(data) > settings.max_picture_bytes:
        raise PictureError(f"the mask has more than {settings.max_picture_bytes} bytes, the limit")
    limits = PictureLimits(settings.max_picture_bytes, settings.max_picture_pixels)
    reserve = services.decode_budget.of(caller.tenant_id)
    white = pictures.transparent_area(data, limits, reserve)
    if white is None or not has_white(white, limits, reserve):
        message = "a mask is transparent where the picture is to be repainted; this one is nowhere"
        raise PictureError(message)
    return store_picture(services, caller.tenant_id, white, is_upload=False).id
