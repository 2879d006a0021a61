"""Fleet files: what is accepted, and how a fault is named."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cli.main import main
from deploy.local.fleet import FleetFileError, programs, read_fleet

TWO_DEVICES = """
[[workers]]
device = "cuda:0"
variants = ["flux.1-schnell"]

[[workers]]
device = "cuda:1"
variants = ["florence-2-large-ft", "florence-2-base"]
"""


def worker(device: str = "cuda:0", variants: str = '["flux.1-demo"]', more: str = "") -> str:
    """One entry of a file."""
    return f'[[workers]]\ndevice = "{device}"\nvariants = {variants}\n{more}\n'


def fault(tmp_path: Path, text: str) -> str:
    """The message about a file that cannot be used."""
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    with pytest.raises(FleetFileError) as caught:
        read_fleet(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_fleet_is_one_pinned_program_per_entry(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(TWO_DEVICES)
    first, second = programs(read_fleet(path))
    assert first.name != second.name
    assert first.arguments[:3] == ["worker", "--device", "cuda:0"]
    assert second.arguments[-4:] == [
        *("--variant", "florence-2-large-ft"),
        *("--variant", "florence-2-base"),
    ]
    assert first.worker_id != second.worker_id


def test_a_hosted_model_is_served_by_a_worker_without_a_device(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(worker("cpu", '["flux.2-pro", "flux.1-kontext-max"]'))
    [program] = programs(read_fleet(path))
    assert program.arguments[:3] == ["worker", "--device", "cpu"]
    assert "flux.2-pro" in program.arguments


def test_a_device_may_be_named_by_its_uuid(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(worker("GPU-6f01") + worker("MIG-6f/1/0") + worker("cuda:GPU-70"))
    made = programs(read_fleet(path))
    assert [program.arguments[2] for program in made] == [
        "cuda:GPU-6f01",
        "cuda:MIG-6f/1/0",
        "cuda:GPU-70",
    ]
    assert not [program.name for program in made if "/" in program.name]


def test_several_workers_may_share_the_cpu(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(worker("cpu") + worker("cpu"))
    names = [program.name for program in programs(read_fleet(path))]
    assert len(set(names)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "fleet.toml: workers: is missing"),
        ("workers = []", "line 1: workers: must have at least one entry"),
        ("workers = 3", "line 1: workers: must be a list"),
        ("[a]\n", "line 1: a: there is no such key; the keys here are workers"),
        ("[[workers", "end of an array declaration"),
        (worker("gpu0"), "line 2: workers[1].device: "),
        (worker("cuda:x"), "line 2: workers[1].device: "),
        (worker(variants="[]"), "line 3: workers[1].variants: must have at least one entry"),
        (worker(variants='["flux.1-schnel"]'), "Did you mean flux.1-schnell?"),
        (worker(variants='["flux"]'), "line 3: workers[1].variants: "),
        (worker(more='memory = "some"'), "line 4: workers[1].memory: 'some' is no size"),
        (worker(more='memory = "20XB"'), "'20XB' is no size"),
        (worker(more='memory = "-1GB"'), "line 4: workers[1].memory: "),
        (worker(more="memory = 0"), "workers[1].memory: 0 has no unit"),
        (worker(more=f'memory = "{"9" * 400}GB"'), "99GB' is no size"),
        (worker(more='metrics_port = "a"'), 'metrics_port: must be a whole number, not "a"'),
        (worker(more="metrics_port = 70000"), "metrics_port: must be less than 65536, not 70000"),
        (worker(more='precision = "fp7"'), "line 4: workers[1].precision: must be one of 'auto'"),
        (worker() + worker("cpu", more='offload = "disk"'), "line 8: workers[2].offload: must be"),
        (worker(more="precison = 3"), "no such key; did you mean precision?"),
        (worker("auto"), "a fleet file names each device"),
        (worker("cuda:3") + worker("cuda:3"), "cuda:3: use one worker per device"),
        (worker("cuda") + worker("cuda:0"), "cuda:0: use one worker per device"),
        (worker("MIG-6f") + worker("cuda:MIG-6F"), "cuda:mig-6f: use one worker per device"),
        (worker("GPU-6f") + worker("GPU-6f01"), "gpu-6f and gpu-6f01 may be one device"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    told = fault(tmp_path, text)
    assert said in told
    assert "Value error" not in told


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FleetFileError, match=r"nowhere\.toml"):
        read_fleet(tmp_path / "nowhere.toml")


def test_the_way_to_serve_is_that_of_the_workers_entry(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(worker(more='precision = "nf4"\noffload = "text"\nmemory = "10GB"'))
    [program] = programs(read_fleet(path))
    assert program.arguments[-4:] == ["--precision", "nf4", "--offload", "text"]
    assert program.settings["BOTTEGA_DEVICE_MEMORY_BYTES"] == "10000000000"


@pytest.mark.parametrize("seconds", ["banana", "nan", "-5"])
def test_a_grace_that_is_no_time_is_a_sentence(
    seconds: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOTTEGA_GRACE_SECONDS", seconds)
    path = tmp_path / "fleet.toml"
    path.write_text(worker())
    done = CliRunner().invoke(main, ["fleet", str(path)])
    assert done.exit_code == 1
    assert "BOTTEGA_GRACE_SECONDS: should be" in done.output
