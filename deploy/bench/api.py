"""The benchmark's API: the service's application with the no-op models added."""

from fastapi import FastAPI

from api.app import create_app
from deploy.bench.noop import BLANK, DOT, NOOP
from workers import catalog


def create_bench_app() -> FastAPI:
    """Create the application, configured by the environment.

    Raises:
        pydantic.ValidationError: a setting is missing or wrong.
    """
    return create_app(catalog.STANDARD.with_rows(NOOP, BLANK, DOT))
