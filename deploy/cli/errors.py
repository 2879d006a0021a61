"""Errors of the command line: each failure is one sentence and an exit code.

0 is success, 1 a failure that the sentence explains, 2 a wrong command line. A worker also ends
with 78 for a fault that a restart does not mend (a setting, the device, weights), and with 71 when
its device failed: a supervisor waits longer before it starts the former again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from db.core.plain_words import message_of
from deploy.process.exit_status import EXIT_CONFIGURATION, EXIT_DEVICE_FAILED

_NOT_ALLOWED = "42501"
"""PostgreSQL's code of a missing privilege."""


class LastingFault(click.ClickException):
    """A worker's fault that lasts until an operator mends it, in one sentence."""

    exit_code = EXIT_CONFIGURATION


class DeviceFailure(click.ClickException):
    """The failure of a worker's device, in one sentence; a new process may have better luck."""

    exit_code = EXIT_DEVICE_FAILED


class Group(click.Group):
    """A group whose commands fail with a sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn errors that an operator can remedy into sentences."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except Exception as error:
            message = _message(error)
            if message is None:
                raise
            raise click.ClickException(message) from error


@contextmanager
def worker_faults() -> Iterator[None]:
    """End a worker's process by the status that its fault deserves.

    Raises:
        LastingFault: the block failed, and only an operator can mend it.
        DeviceFailure: the device failed.
    """
    try:
        yield
    except Exception as error:
        message, fault = _message(error), _fault_class(error)
        if message is None or fault is None:
            raise
        raise fault(message) from error


def _fault_class(error: Exception) -> type[click.ClickException] | None:
    """The class of a worker's fault; None for one that may pass by itself."""
    from pydantic import ValidationError  # noqa: PLC0415

    from deploy.local.fleet import FleetFileError  # noqa: PLC0415
    from workers.adapters.protocol import DeviceLostError  # noqa: PLC0415

    if isinstance(error, DeviceLostError):
        return DeviceFailure
    if getattr(error, "transient", False):
        return None
    is_lasting = isinstance(error, (ValidationError, FleetFileError, *_faults_of_workers()))
    return LastingFault if is_lasting else None


def _message(error: Exception) -> str | None:
    """The sentence for an error that an operator can remedy; None for a fault of ours."""
    # Imported once something failed: together these modules take most of a command's start.
    from pydantic import ValidationError  # noqa: PLC0415
    from sqlalchemy.exc import OperationalError, ProgrammingError  # noqa: PLC0415

    if isinstance(error, OperationalError):
        return f"the database does not answer: {error.orig}"
    if isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", "") == _NOT_ALLOWED:
        return (
            f"the role of DATABASE_URL may not do this: {error.orig}; `bottega migrate` needs the "
            "tables' owner (BOTTEGA_MIGRATION_DATABASE_URL), and grants the service what it needs"
        )
    if isinstance(error, ValidationError):
        return _settings_message(error)
    return str(error) if isinstance(error, _explained()) else None


def _explained() -> tuple[type[Exception], ...]:
    """The errors whose text is a sentence for the operator."""
    from db.operators.keys import LastOperatorError  # noqa: PLC0415
    from db.storage.object_store import StoreError  # noqa: PLC0415
    from db.tenants.tenants import UnknownTierError  # noqa: PLC0415
    from deploy.local.fleet import FleetFileError  # noqa: PLC0415
    from deploy.local.servers.process import ServerError  # noqa: PLC0415
    from deploy.local.stack import StackError  # noqa: PLC0415
    from workers.adapters.protocol import DeviceLostError  # noqa: PLC0415

    return (
        *_faults_of_workers(),
        DeviceLostError,
        FleetFileError,
        LastOperatorError,
        ServerError,
        StackError,
        StoreError,
        UnknownTierError,
    )


def _faults_of_workers() -> tuple[type[Exception], ...]:
    """The faults of a worker that last until an operator mends them."""
    from workers.adapters.hosted.settings import HostedSetupError  # noqa: PLC0415
    from workers.adapters.hub.errors import HubError  # noqa: PLC0415
    from workers.adapters.pinning import DeviceError  # noqa: PLC0415
    from workers.adapters.serving.choose import DoesNotFitError  # noqa: PLC0415
    from workers.adapters.weights import WeightsError  # noqa: PLC0415
    from workers.catalog import CatalogueFileError, UnknownVariantError  # noqa: PLC0415
    from workers.messaging.redis_privileges import RedisUserError  # noqa: PLC0415
    from workers.moderation.filter_file import FilterFileError  # noqa: PLC0415
    from workers.runtime.model_cache import BudgetError  # noqa: PLC0415
    from workers.runtime.models.problems import ModelLoadError  # noqa: PLC0415

    return (
        BudgetError,
        CatalogueFileError,
        DeviceError,
        DoesNotFitError,
        FilterFileError,
        HubError,
        HostedSetupError,
        ModelLoadError,
        RedisUserError,
        UnknownVariantError,
        WeightsError,
    )


def _settings_message(error: Any) -> str:
    prefix = _variable_prefix(error.title)
    faults = "; ".join(f"{_variable(e['loc'], prefix)}: {message_of(e)}" for e in error.errors())
    return f"settings that are missing or invalid: {faults}"


def _variable(place: tuple[int | str, ...], prefix: str) -> str:
    """The environment variable of a field, which an alias names already."""
    name = ".".join(map(str, place))
    return name if not prefix or name.isupper() else f"{prefix}{name}".upper()


def _variable_prefix(title: str) -> str:
    """The prefix of the variables of a settings class by its name; "" for another model."""
    from pydantic_settings import BaseSettings  # noqa: PLC0415

    classes = [BaseSettings]
    for each in classes:
        classes += each.__subclasses__()
    prefixes = (each.model_config.get("env_prefix") for each in classes if each.__name__ == title)
    return next(prefixes, "") or ""
