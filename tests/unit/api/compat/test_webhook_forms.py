"""The courier's part of the compatible APIs."""

import subprocess
import sys

from api.compat.webhook_forms import RENDERERS
from db.values.surfaces import SurfaceName


def test_the_courier_imports_no_http_framework_for_it() -> None:
    program = (
        "import api.compat.webhook_forms, sys;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'fastapi', 'starlette', 'uvicorn', 'torch'}))"
    )
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split() == []


def test_each_api_with_webhooks_of_its_own_has_a_renderer() -> None:
    assert RENDERERS.keys() == {SurfaceName.REPLICATE, SurfaceName.FAL, SurfaceName.BFL}
