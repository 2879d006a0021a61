"""Moments by the database's clock, as SQL."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func


def from_now(seconds: float) -> ColumnElement[datetime]:
    """The moment so many seconds after the start of the transaction."""
    return func.now() + timedelta(seconds=seconds)


def ago(seconds: float) -> ColumnElement[datetime]:
    """The moment so many seconds before the start of the transaction."""
    return func.now() - timedelta(seconds=seconds)
