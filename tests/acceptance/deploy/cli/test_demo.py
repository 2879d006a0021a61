"""`bottega demo`: one command from nothing to a picture that was looked at."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from deploy.local.demo import DemoError, run_demo
from tests.acceptance.stack import Stack, processes_in, run_bottega
from workers.training.flux.adherence import check_prompt


def test_the_demo_paints_looks_and_prints_the_bill(tmp_path: Path) -> None:
    out, data = tmp_path / "out", tmp_path / "data"
    done = run_bottega("demo", "--out", str(out), "--data-dir", str(data))
    assert done.returncode == 0, done.stderr
    assert re.search(r"step [1-4] of 4", done.stdout)  # a client is told a few times a second
    assert "$0.0010 from the allowance" in done.stdout
    assert "$0.0004 from the allowance" in done.stdout
    assert "99 of 100 images" in done.stdout
    assert "498 of 500 analyses" in done.stdout
    assert {file.name for file in out.iterdir()} == {
        "picture.png",
        "overlay.png",
        "painted.json",
        "seen.json",
    }
    with Image.open(out / "picture.png") as picture:
        adherence = check_prompt(picture, "a red circle on a blue background")
    assert adherence.right, adherence
    with Image.open(out / "overlay.png") as overlay:
        assert min(overlay.size) >= 512
    painted = json.loads((out / "painted.json").read_text())
    assert (painted["state"], painted["attempt"]) == ("succeeded", 1)
    seen = json.loads((out / "seen.json").read_text())
    assert [r["task"] for r in seen["output"]["results"]] == ["<CAPTION>", "<OD>"]
    assert processes_in(tmp_path) == []


def test_a_demo_of_what_cannot_be_painted_says_why(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="give a prompt"):
        run_demo(stack.url, stack.facts["api_key"], " ", tmp_path)
    with pytest.raises(DemoError, match="not valid"):
        run_demo(stack.url, "no key", "a red circle", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_demo_without_a_service_says_why(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="did not answer"):
        run_demo("http://127.0.0.1:9", "no key", "a red circle", tmp_path)
