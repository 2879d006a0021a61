"""The client by which hosted models are relayed to their vendor, against this API in its place."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from db.core.session import Database
from db.tenants import api_keys
from tests.servers.uvicorn_thread import serving
from tests.support.adapters import raising
from tests.support.apis import MakeApi
from tests.support.station import FLUX, Station, at_work
from workers.adapters.hosted import adapter as hosted_adapter
from workers.adapters.hosted.adapter import HostedAdapter
from workers.adapters.hosted.errors import UpstreamRejectionError
from workers.adapters.hosted.settings import HostedSettings
from workers.adapters.protocol import (
    AdapterError,
    ContentModeratedError,
    Output,
    RequestModeratedError,
    Work,
)
from workers.catalog import find

VARIANT = replace(find("flux.1.1-pro"), options={"endpoint": FLUX})


@pytest.fixture
def upstream(
    make_api: MakeApi, database: Database, tenant_id: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HostedSettings]:
    monkeypatch.setattr(hosted_adapter, "_FIRST_POLL_SECONDS", 0.02)
    with database.transaction() as session:
        _, key = api_keys.create(session, tenant_id=tenant_id, name="")
    with serving(make_api()) as url:
        yield HostedSettings(url=f"{url}/bfl", key=SecretStr(key), patience_seconds=5)


def relayed(settings: HostedSettings) -> Output:
    """The picture of one job that is relayed."""
    adapter = HostedAdapter(VARIANT, "cpu", {}, settings)
    adapter.load()
    parameters = VARIANT.parameters(prompt="a red circle", width=256, height=256, seed=7)
    [output] = adapter.run([Work(parameters)], lambda _step, _steps: None, lambda: False)
    return output


def test_a_model_of_this_service_can_be_another_one_s_hosted_model(
    upstream: HostedSettings, station: Station
) -> None:
    with at_work(station):
        [picture] = relayed(upstream).images
    assert picture.seed == 7
    assert picture.image.getpixel((0, 0)) == (255, 0, 0)


def test_its_refusals_and_failures_are_understood(
    upstream: HostedSettings, station: Station
) -> None:
    station.adapter.script[:] = [
        raising(ContentModeratedError("a reason")),
        raising(AdapterError("it broke")),
    ]
    with at_work(station):
        with pytest.raises(RequestModeratedError):
            relayed(upstream)
        with pytest.raises(AdapterError):
            relayed(upstream)
    wrong = upstream.model_copy(update={"key": SecretStr("wrong")})
    with pytest.raises(UpstreamRejectionError):
        relayed(wrong)
