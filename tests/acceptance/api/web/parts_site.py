"""A page with only the playground's components, served with the service's security headers.

Uploads are validated as by the service, and stored in memory; nothing else runs.
"""

import io
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from api.middleware.security_headers import SecurityHeaders
from api.web.playground.pages import STATIC
from api.web.shared.assets import SHARED_STATIC
from api.web.shared.security import page_policy
from db.values.pictures import PictureError, PictureLimits, decode, inspect
from tests.acceptance.api.web.browser import WIDE
from tests.support.pictures import encoded

SIZE = (320, 240)
TOKEN = "form-token"

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Parts</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="/base/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="/base/base.css"><link rel="stylesheet" href="/static/pictures.css">
<link rel="stylesheet" href="/static/overlay.css">
<script type="module" src="/static/drop.js"></script>
<script type="module" src="/static/mask-brush.js"></script>
<script type="module" src="/static/region-box.js"></script>
<script type="module" src="/static/overlay.js"></script></head>
<body><main><h1>Parts</h1>{body}</main><div id="announcement" role="status"></div></body></html>"""

FORM = """<form id="form"><picture-drop id="image" name="image" label="Picture" upload="/files"
 csrf="{token}" max="{most}" max-bytes="200000" max-pixels="1000000"{more}>{initial}</picture-drop>
<mask-brush name="mask" for="image" upload="/files" csrf="{token}" label="Repaint"></mask-brush>
</form>"""


REGION = (
    "<fieldset><legend>Region</legend>"
    + "".join(
        f'<label>{side} <input type="number" name="region" min="0" value=""></label>'
        for side in ("Left", "Top", "Right", "Bottom")
    )
    + '<region-box for="image" name="region" label="Draw the region"></region-box></fieldset>'
)


def form(*, most: int = 1, more: str = "", initial: str = "") -> str:
    return FORM.format(token=TOKEN, most=most, more=more, initial=initial)


def png(size: tuple[int, int] = SIZE, colour: str = "navy") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="PNG")
    return buffer.getvalue()


def file_payload(name: str, data: bytes, media_type: str = "image/png") -> Any:
    """A file as Playwright hands it to a page."""
    return {"name": name, "mimeType": media_type, "buffer": data}


@dataclass
class Site:
    """A page, and the pictures that were uploaded from it."""

    url: str = ""
    body: str = ""
    uploads: dict[str, bytes] = field(default_factory=dict)

    async def show(self, _request: Request) -> Response:
        return HTMLResponse(PAGE.format(body=self.body))

    async def store(self, request: Request) -> Response:
        assert request.headers["X-CSRF-Token"] == TOKEN
        async with request.form() as form:
            sent = form["file"]
            assert isinstance(sent, UploadFile)
            data = await sent.read()
        try:
            facts = inspect(data, PictureLimits())
        except PictureError as error:
            return JSONResponse({"detail": str(error)}, 422)
        name = f"file_{len(self.uploads) + 1}"
        self.uploads[name] = data
        return JSONResponse({"id": name, "width": facts.width, "height": facts.height}, 201)

    async def serve(self, request: Request) -> Response:
        data = self.uploads[request.path_params["name"]]
        shown = encoded(decode(data)) if data[4:8] == b"ftyp" else data
        return Response(shown, media_type="image/png")

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.show),
                Route("/files", self.store, methods=["POST"]),
                Route("/files/{name}", self.serve),
                Mount("/static", StaticFiles(directory=STATIC)),
                Mount("/base", StaticFiles(directory=SHARED_STATIC)),
            ],
            middleware=[Middleware(SecurityHeaders, policy=page_policy())],
        )


@contextmanager
def serving() -> Iterator[Site]:
    """A site on a free port."""
    site = Site()
    listener = socket.create_server(("127.0.0.1", 0))
    site.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(site.application(), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield site
    server.should_exit = True
    thread.join()
    listener.close()


@contextmanager
def window(browser: Browser, site: Site, **options: Any) -> Iterator[Page]:
    """A new window; no request may leave the machine, and the console may have no errors."""
    options = {"viewport": {"width": WIDE[0], "height": WIDE[1]}, **options}
    context = browser.new_context(base_url=site.url, reduced_motion="reduce", **options)
    context.set_default_timeout(10_000)
    page, requests, complaints = context.new_page(), [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console", lambda entry: complaints.append(entry.text) if entry.type == "error" else None
    )
    yield page
    context.close()
    assert [url for url in requests if not url.startswith(f"{site.url}/")] == []
    assert [each for each in complaints if "status of 422" not in each] == []


def show(page: Page, site: Site, body: str) -> None:
    site.body = body
    page.goto("/")


def values(page: Page, name: str) -> list[str]:
    """The values that the form would send for a field."""
    script = "name => new FormData(document.getElementById('form')).getAll(name)"
    sent: list[str] = page.evaluate(script, name)
    return sent


def valid(page: Page) -> bool:
    return bool(page.evaluate("document.getElementById('form').checkValidity()"))


def drop(page: Page, *files: tuple[str, str, bytes], onto: str = "picture-drop") -> None:
    """Drop files over an element of the page."""
    send_event(
        page, files, onto, "new DragEvent('drop', { dataTransfer: data, bubbles, cancelable })"
    )


def paste(page: Page, *files: tuple[str, str, bytes], text: str = "") -> bool:
    """Paste files, with the text that some programs add; True when the page handled them."""
    event = "new ClipboardEvent('paste', { clipboardData: data, bubbles, cancelable })"
    return send_event(page, files, "body", event, text)


def send_event(
    page: Page, files: Sequence[tuple[str, str, bytes]], onto: str, event: str, text: str = ""
) -> bool:
    """Send the page an event with files; True when the page handled it."""
    script = f"""([files, onto, text]) => {{
        const data = new DataTransfer();
        if (text) data.setData("text/plain", text);
        for (const [name, type, bytes] of files)
            data.items.add(new File([new Uint8Array(bytes)], name, {{ type }}));
        const [bubbles, cancelable] = [true, true];
        return !document.querySelector(onto).dispatchEvent({event});
    }}"""
    sent = [[name, media_type, list(data)] for name, media_type, data in files]
    return bool(page.evaluate(script, [sent, onto, text]))


def choose(page: Page, file: Any) -> None:
    page.locator("picture-drop input[type=file]").set_input_files(file)


def size_text(width: int, height: int) -> str:
    """A size as the field shows it."""
    return f"{width} \N{MULTIPLICATION SIGN} {height}"
