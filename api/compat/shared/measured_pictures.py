"""The size of a picture that a request names, where its other fields depend on it."""

from dataclasses import dataclass

from api.auth.tenant import Caller
from api.compat.shared.pictures import as_native
from api.compat.shared.usable_key import require_usable_key
from api.jobs.input_pictures import PictureResolver, refused_picture
from api.services import Services
from db.artifacts import uploads
from db.values.pictures import PictureError
from workers.catalog import PictureSize


@dataclass(frozen=True)
class MeasuredPicture:
    """A picture that is stored for a job, and its size.

    Attributes:
        name: the name by which a submission finds it without another fetch.
        size: width and height in pixels, upright.
    """

    name: str
    size: PictureSize


def store_and_measure(
    services: Services, caller: Caller, picture: str, foreign: str
) -> MeasuredPicture:
    """Store a picture as one that was sent with a job, and measure it.

    Args:
        services: the process's services.
        caller: the tenant and key.
        picture: the picture as the client named it.
        foreign: the field that named it.

    Raises:
        InvalidSubmissionError: there is no such picture, or it is not acceptable.
        Exception: as `api.compat.shared.usable_key.require_usable_key`.
    """
    require_usable_key(services, caller)
    try:
        found = PictureResolver(services, caller.tenant_id).resolve(as_native(picture))
    except PictureError as error:
        raise refused_picture((foreign,), error) from error
    with services.database.autocommit() as session:
        row = uploads.find_by_keys(session, caller.tenant_id, [found.key]).get(found.key)
    return MeasuredPicture(row.id if row is not None else as_native(picture), found.size)
