"""The command that compares estimates with what the demo models take."""

import pytest
from click.testing import CliRunner

from workers.bench.flux_cost import Case, compare, main


@pytest.mark.bench
def test_an_estimate_is_compared_with_a_run() -> None:
    [compared] = compare("flux.2-demo", [Case(64, references=((128, 128),))])
    assert 0.2 < compared.as_json()["ratio"] < 5
    assert compared.as_json()["references"] == ["128 x 128"]


def test_a_model_without_bundled_weights_is_refused() -> None:
    result = CliRunner().invoke(main, ["--variant", "flux.1-dev"])
    assert result.exit_code == 2
    assert "flux.1-demo" in result.output
