"""Errors of the command line: each failure is one sentence and an exit code.

0 is success, 1 a failure that the sentence explains, 2 a wrong command line.
"""

from typing import Any

import click
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

from db.operators.keys import LastOperatorError
from db.storage.object_store import StoreError
from db.tenants.tenants import UnknownTierError
from deploy.local.fleet import FleetFileError
from deploy.local.servers.process import ServerError
from deploy.local.stack import StackError
from workers.adapters.hosted.settings import HostedSetupError
from workers.adapters.pinning import DeviceError
from workers.adapters.weights import WeightsError
from workers.catalog import UnknownVariantError
from workers.moderation.filter_file import FilterFileError

_EXPLAINED = (
    FilterFileError,
    FleetFileError,
    DeviceError,
    LastOperatorError,
    HostedSetupError,
    ServerError,
    StackError,
    StoreError,
    UnknownTierError,
    UnknownVariantError,
    WeightsError,
)


class Group(click.Group):
    """A group whose commands fail with a sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn errors that an operator can remedy into sentences."""
        try:
            return super().invoke(ctx)
        except _EXPLAINED as error:
            raise click.ClickException(str(error)) from error
        except OperationalError as error:
            raise click.ClickException(f"the database does not answer: {error.orig}") from error
        except ValidationError as error:
            raise click.ClickException(_settings_message(error)) from error


def _settings_message(error: ValidationError) -> str:
    faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return f"{error.title} is not complete: {faults}"
