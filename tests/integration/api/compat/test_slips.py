"""Names given twice and empty entries of lists: passed over by compatible APIs, and told."""

import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from db.core.session import Database
from db.tenants import api_keys
from tests.support import jobs
from tests.support.apis import MakeApi
from tests.support.surfaces import ASYNCHRONOUS, DOORS, Door, by_name, fresh_prompt

HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def client(make_api: MakeApi, database: Database, tenant_id: str) -> Iterator[TestClient]:
    """A client with a key."""
    with database.transaction() as session:
        key = api_keys.create(session, tenant_id=tenant_id, name="")[1]
    with TestClient(make_api(), base_url="http://bottega.test") as opened:
        opened.headers["x-api-key"] = key
        yield opened


def twice(door: Door, **fields: object) -> str:
    """A body with `"seed": 1` before all that has a seed."""
    body = json.dumps(door.body({"prompt": fresh_prompt(), **fields, "seed": 2}))
    return body.replace('"seed": 2', '"seed": 1, "seed": 2')


@pytest.mark.parametrize(**by_name(ASYNCHRONOUS))
def test_slips_are_told_in_the_job_and_its_answer(
    client: TestClient, database: Database, door: Door
) -> None:
    body = twice(door, tags=["a", " ", "b"])
    answer = client.post(door.submit, content=body, headers=HEADERS)
    assert answer.is_success, answer.text
    [(input_, warnings)] = jobs.sql(database, "SELECT input, warnings FROM jobs")
    assert input_["seed"] == 2
    below = "input." if "input" in door.body({}) else ""
    told = {each["parameter"]: each["message"] for each in warnings}
    assert told[f"{below}seed"] == (
        f"{below}seed is ignored: it is given more than once: the last one counts"
    )
    assert told[f"{below}tags.1"] == f"{below}tags.1 is ignored: it is empty"
    names = answer.headers["Bottega-Ignored"].split(", ")
    assert sorted(names) == sorted([f"{below}seed", f"{below}tags.1", "tags"])


@pytest.mark.parametrize(**by_name(ASYNCHRONOUS))
def test_a_request_is_not_told_the_slips_of_another(client: TestClient, door: Door) -> None:
    client.post(door.submit, content=twice(door), headers=HEADERS)
    answer = client.post(door.submit, json=door.body({"prompt": fresh_prompt()}))
    assert answer.is_success
    assert "Bottega-Ignored" not in answer.headers


BROKEN = {
    "NaN": ('"seed": NaN}', "NaN is no number of JSON"),
    "unfinished": ('"seed": ', "line 1, column "),
    "a comma": ('"seed": 1,}', "a comma stands before the closing }"),
    "quotes": ("'seed': 1}", "double quotes"),
    "a comment": ('"seed": 1 /* one */}', "comma is missing"),
    "a backslash": ('"prompt": "\\q"}', "a backslash within a text"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize(**by_name(DOORS))
def test_broken_json_is_told_with_its_fault(client: TestClient, door: Door, name: str) -> None:
    text, fault = BROKEN[name]
    answer = client.post(door.submit, content='{"inputs": "a", ' + text, headers=HEADERS)
    assert answer.status_code in (400, 422)
    door.check_error(answer)
    told = json.dumps(answer.json(), ensure_ascii=False).replace("\\\\", "\\")
    assert fault in told or (name == "a comment" and "no comments" in told)
    assert "- 1" not in answer.json().get("detail", "")[:3]
