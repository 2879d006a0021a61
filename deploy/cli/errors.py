"""Errors of the command line: each failure is one sentence and an exit code.

0 is success, 1 a failure that the sentence explains, 2 a wrong command line.
"""

from typing import Any

import click

_NOT_ALLOWED = "42501"
"""PostgreSQL's code of a missing privilege."""


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
    from workers.adapters.hosted.settings import HostedSetupError  # noqa: PLC0415
    from workers.adapters.hub.errors import HubError  # noqa: PLC0415
    from workers.adapters.pinning import DeviceError  # noqa: PLC0415
    from workers.adapters.weights import WeightsError  # noqa: PLC0415
    from workers.catalog import UnknownVariantError  # noqa: PLC0415
    from workers.moderation.filter_file import FilterFileError  # noqa: PLC0415

    return (
        FilterFileError,
        FleetFileError,
        DeviceError,
        LastOperatorError,
        HostedSetupError,
        HubError,
        ServerError,
        StackError,
        StoreError,
        UnknownTierError,
        UnknownVariantError,
        WeightsError,
    )


def _settings_message(error: Any) -> str:
    faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return f"settings that are missing or invalid: {faults}"
