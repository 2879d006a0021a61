"""How long operators wait for a page: through the API's own process, over loopback."""

import statistics
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

from deploy.bench.client import AnswerError
from deploy.bench.plan import Goal

_ANSWER_SECONDS = 30.0
_LONGEST_SECONDS = 240.0
"""Of all requests together; what is asked for in vain ends with `_ANSWER_SECONDS`."""

_WARM_UP = 2
_LEAST = 2
"""Rounds that quantiles can be told of."""

_Asked = tuple[str, Mapping[str, str]]
"""A path, and the headers that say who asks."""

_JOBS_GOAL_SECONDS = 0.3
_OVERVIEW_GOAL_SECONDS = 0.2

_JOBS = {
    "all": {},
    "of_a_model": {"model": "model-7"},
    "of_no_model": {"model": "model-none"},
    "failed": {"state": "failed"},
    "canceled": {"state": "canceled"},
    "of_a_tenant": {"tenant": "ten_7"},
    "of_an_error": {"error": "timeout"},
}

GOALS = (
    *(Goal(f"dashboard_jobs_{name}_p95_seconds", _JOBS_GOAL_SECONDS) for name in [*_JOBS, "old"]),
    Goal("dashboard_overview_p95_seconds", _OVERVIEW_GOAL_SECONDS),
    Goal("admin_jobs_p95_seconds", _JOBS_GOAL_SECONDS),
    Goal("admin_overview_p95_seconds", _OVERVIEW_GOAL_SECONDS),
)


def measure_pages(url: str, operator_key: str, *, jobs: int, requests: int) -> dict[str, float]:
    """p50 and p95 seconds from a request to the end of its answer.

    The pages take turns, so that a moment in which the machine is busy falls on all of them.

    Args:
        url: where the API answers.
        operator_key: who asks.
        jobs: how many are stored, one a second until now.
        requests: how often each page is asked for; less often where that takes four minutes.

    Raises:
        deploy.bench.client.AnswerError: a page was not answered.
    """
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=_ANSWER_SECONDS)) as connection:
        cookie = {"Cookie": _sign_in(connection, url, operator_key)}
        bearer = {"Authorization": f"Bearer {operator_key}"}
        asked = {f"dashboard_{name}": (path, cookie) for name, path in _pages(jobs).items()}
        asked["admin_jobs"] = ("/v1/admin/jobs", bearer)
        asked["admin_overview"] = ("/v1/admin/overview", bearer)
        rounds = _rounds(connection, asked, requests)
    figures = {}
    for name in asked:
        taken = [one[name] for one in rounds]
        figures[f"{name}_p50_seconds"] = statistics.median(taken)
        figures[f"{name}_p95_seconds"] = statistics.quantiles(taken, n=20)[-1]
    return figures


def _pages(jobs: int) -> dict[str, str]:
    midway = datetime.now(UTC) - timedelta(seconds=jobs / 2)
    chosen = _JOBS | {"old": {"before": midway.strftime("%Y-%m-%dT%H:%M")}}
    paths = {f"jobs_{name}": f"/dashboard/jobs?{urlencode(how)}" for name, how in chosen.items()}
    return {"overview": "/dashboard/"} | paths


def _sign_in(connection: HTTPConnection, url: str, operator_key: str) -> str:
    headers = {"Origin": url, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/dashboard/sign-in", urlencode({"key": operator_key}), headers)
    answer = connection.getresponse()
    answer.read()
    cookie = answer.getheader("Set-Cookie")
    if cookie is None:
        raise AnswerError(f"signing in was answered {answer.status}")
    return cookie.partition(";")[0]


def _rounds(
    connection: HTTPConnection, asked: Mapping[str, _Asked], requests: int
) -> list[dict[str, float]]:
    deadline = time.monotonic() + _LONGEST_SECONDS
    done: list[dict[str, float]] = []
    while len(done) < _WARM_UP + requests:
        if len(done) >= _WARM_UP + _LEAST and time.monotonic() > deadline:
            break
        done.append({name: _seconds(connection, *how) for name, how in asked.items()})
    return done[_WARM_UP:]


def _seconds(connection: HTTPConnection, path: str, headers: Mapping[str, str]) -> float:
    begun = time.perf_counter()
    connection.request("GET", path, headers=dict(headers))
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:  # noqa: PLR2004 - HTTP's OK
        raise AnswerError(f"{path} was answered {answer.status}")
    return time.perf_counter() - begun
