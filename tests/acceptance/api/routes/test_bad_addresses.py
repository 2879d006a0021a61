"""Unknown paths and methods: each gets a problem document."""

import pytest

from tests.acceptance.api.web.problems import problem
from tests.acceptance.stack import Client, Stack


@pytest.fixture(scope="module")
def sender(stack: Stack) -> Client:
    return stack.tenant()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/jobs/job_%00", 422),
        ("/v1/jobs/job_%00/events", 422),
        ("/v1/jobs/%FF", 404),
        ("/v1/jobs/x%2Fy", 404),
        ("/v1/jobs/job_x?wait=61", 404),
        ("/v1/jobs/job_x?wait=soon", 422),
        ("/v1/jobs/job_x?weight=1", 422),
        ("/v1/jobs?stat=queued", 422),
        ("/v1/jobs/job_x?wait=-1", 422),
        ("/v1/jobs/job_x?wait=nan", 422),
        ("/v1/jobs?limit=0", 422),
        ("/v1/jobs?limit=101", 422),
        ("/v1/jobs?limit=x", 422),
        ("/v1/jobs?state=done", 422),
        ("/v1/jobs?sort=id", 422),
        ("/v1/jobs?model=%00", 422),
        ("/v1/jobs?created_after=yesterday", 422),
        ("/v1/jobs?cursor=nonsense", 422),
        ("/v1/jobs?cursor=AA==", 422),
        ("/v1/jobs?cursor=%C3%A9", 422),
        ("/v1/models/flux.1-nope", 404),
        ("/v1/models/%00", 422),
        ("/v1/usage?group_by=tenant", 422),
        ("/v1/usage?format=xml", 422),
        ("/v1/usage?from=0001-01-01T00:00:00%2B14:00", 422),
        ("/v1/usage?to=0001-01-05T00:00:00Z", 422),
        ("/v1/usage?to=9999-12-31T23:59:59-14:00", 422),
        ("/v1/artifacts/nonsense/0.png", 404),
        ("/v1/artifacts/nonsense/0.exe", 422),
        ("/v1/artifacts/%00/0.png", 404),
        ("/v1/nothing", 404),
        ("/nothing", 404),
    ],
)
def test_a_bad_address_is_a_problem(sender: Client, path: str, status: int) -> None:
    problem(sender.http.get(path), status)


def test_a_wrong_method_is_a_problem(sender: Client) -> None:
    problem(sender.http.delete("/v1/jobs"), 405, "method_not_allowed")
    problem(sender.http.post("/v1/jobs/job_%00/cancel"), 422)
