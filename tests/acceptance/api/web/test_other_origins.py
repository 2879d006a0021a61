"""Pages of other origins in Chromium: they call the API, follow a job, and use its picture."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.acceptance.api.web.browser import chromium
from tests.acceptance.conftest import CORS_ORIGIN
from tests.acceptance.stack import Client, Stack

pytestmark = pytest.mark.usefixtures("books")

Json = dict[str, Any]

UNKNOWN_ORIGIN = "http://localhost:5174"

PROGRAM = """
async ({base, key}) => {
  const answers = {};
  const authorization = {Authorization: `Bearer ${key}`};
  const made = await fetch(`${base}/v1/jobs`, {
    method: 'POST',
    headers: {
      ...authorization, 'Content-Type': 'application/json', Prefer: 'respond-async',
      'Idempotency-Key': crypto.randomUUID(), 'X-Stainless-Lang': 'js',
    },
    body: JSON.stringify({model: 'flux.1-demo', input: {prompt: 'a red circle', seed: 1}}),
  });
  answers.made = [made.status, made.headers.get('Location'), made.headers.get('ETag') !== null];
  const job = await made.json();
  answers.events = await (await fetch(job.urls.events, {headers: authorization})).text();
  const ended = await (await fetch(job.urls.self, {headers: authorization})).json();
  const url = ended.output.images[0].url;
  answers.drawn = [await drawn(url, null), await drawn(url, 'anonymous')];
  answers.bytes = (await (await fetch(url)).blob()).size;
  const refused = await fetch(`${base}/v1/account`, {headers: {Authorization: 'Bearer wrong'}});
  answers.refused = [refused.status, (await refused.json()).code];
  const misspelt = await fetch(`${base}/v1/jobs?stat=x`, {headers: authorization});
  answers.misspelt = misspelt.status;
  answers.compatible = (await fetch(`${base}/openai/v1/models`, {headers: authorization})).status;
  answers.page = await fetch(`${base}/dashboard/sign-in`).then(() => 'read', () => 'blocked');
  return answers;

  async function drawn(source, crossOrigin) {
    const image = new Image();
    if (crossOrigin !== null) image.crossOrigin = crossOrigin;
    image.src = source;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.width;
    canvas.height = image.height;
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    try {
      return context.getImageData(0, 0, image.width, image.height).data.length;
    } catch (error) {
      return error.name;
    }
  }
}
"""

BLOCKED = """
async ({base, key, picture}) => {
  const headers = {Authorization: `Bearer ${key}`};
  const called = await fetch(`${base}/v1/account`, {headers}).then(() => 'read', () => 'blocked');
  const read = await fetch(picture).then((answer) => answer.status, () => 'blocked');
  return {called, read};
}
"""

FOLLOW = """
(url) => new Promise((resolve) => {
  const source = new EventSource(url);
  let ends = 0;
  source.addEventListener('done', () => { ends += 1; });
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) resolve(ends);
  };
})
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # These pages come from no address: Chromium would ask its user before they reach loopback.
    with chromium("--disable-features=LocalNetworkAccessChecks") as running:
        yield running


def page_of(browser: Browser, origin: str) -> Page:
    """An empty page of an origin."""
    page = browser.new_page()
    page.route(f"{origin}/**", lambda route: route.fulfill(body="", content_type="text/html"))
    page.goto(f"{origin}/")
    return page


def test_a_page_of_an_origin_that_is_set_uses_the_whole_api(
    stack: Stack, tenant: Client, browser: Browser
) -> None:
    key = tenant.http.headers["Authorization"].removeprefix("Bearer ")
    page = page_of(browser, CORS_ORIGIN)
    found: Json = page.evaluate(PROGRAM, {"base": stack.url, "key": key})
    page.close()
    status, location, has_tag = found["made"]
    assert (status, has_tag) == (202, True)
    assert location.startswith(f"{stack.url}/v1/jobs/")
    assert "event: done" in found["events"]
    tainted, drawn = found["drawn"]
    assert tainted == "SecurityError"
    assert drawn > 0
    assert found["bytes"] > 0
    assert found["refused"] == [401, "unauthorized"]
    assert (found["misspelt"], found["compatible"]) == (422, 200)
    assert found["page"] == "blocked"


def test_a_page_of_another_origin_reads_pictures_and_nothing_else(
    stack: Stack, tenant: Client, browser: Browser
) -> None:
    key = tenant.http.headers["Authorization"].removeprefix("Bearer ")
    job = tenant.await_end(tenant.paint(seed=1))
    picture = job["output"]["images"][0]["url"]
    page = page_of(browser, UNKNOWN_ORIGIN)
    found = page.evaluate(BLOCKED, {"base": stack.url, "key": key, "picture": picture})
    page.close()
    assert found == {"called": "blocked", "read": 200}


@pytest.mark.slow  # a browser waits three seconds before it comes back
def test_an_event_source_comes_back_once_after_the_end_and_no_more(
    tenant: Client, browser: Browser
) -> None:
    path = "/replicate/v1/models/bottega/flux.1-demo/predictions"
    body = {"input": {"prompt": "a red circle"}, "stream": True}
    made = tenant.http.post(path, content=json.dumps(body), headers={"Content-Type": JSON})
    page = page_of(browser, UNKNOWN_ORIGIN)
    assert page.evaluate(FOLLOW, made.json()["urls"]["stream"]) == 1
    page.close()


JSON = "application/json"
