"""Conversion of any error to a problem that a page may show."""

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.core import errors
from api.core.errors import ProblemError, http_headers, problem_of, validation_problem

HANDLED_ERRORS = (*errors.KNOWN, RequestValidationError, HTTPException, Exception)
"""The error types that each site installs its handler for."""


def page_problem(request: Request, error: Exception) -> ProblemError:
    """The problem that a page shows for an error; a bug's details stay out of it."""
    if isinstance(error, RequestValidationError):
        return validation_problem([], error.errors())
    if isinstance(error, HTTPException):
        return ProblemError(
            error.status_code, "http_error", str(error.detail), http_headers(request, error)
        )
    if isinstance(error, errors.KNOWN):
        return problem_of(error)
    # The server logs it; the page must not quote it.
    return ProblemError(500, "internal_error", "an internal error occurred; it is logged")
