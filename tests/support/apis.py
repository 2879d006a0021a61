"""API processes in the test's own interpreter."""

from collections.abc import Callable

from fastapi import FastAPI

MakeApi = Callable[..., FastAPI]
"""Makes an application; keyword arguments are environment variables beside the usual ones."""
