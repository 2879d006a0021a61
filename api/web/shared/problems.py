"""Any error as a problem that a page may show."""

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from api.core import errors
from api.core.errors import ProblemError, problem_of, validation_problem

SHOWN = (*errors.KNOWN, RequestValidationError, HTTPException, Exception)
"""What an application of pages installs its handler for."""


def shown_problem(error: Exception) -> ProblemError:
    """The problem that an error is; of a bug no more than that there is one."""
    if isinstance(error, RequestValidationError):
        return validation_problem([], error.errors())
    if isinstance(error, HTTPException):
        return ProblemError(error.status_code, "http_error", str(error.detail))
    if isinstance(error, errors.KNOWN):
        return problem_of(error)
    # The server logs it; the page must not quote it.
    return ProblemError(500, "internal_error", "something failed here; it is logged")
