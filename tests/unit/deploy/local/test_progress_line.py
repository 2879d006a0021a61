"""Progress for people: a line that is written anew, or a line every few seconds."""

import io
import time

import pytest

from deploy.local.progress_line import LoadText, ProgressLine, readable_seconds


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line() -> None:
    terminal = Terminal()
    line = ProgressLine(terminal)
    line.show("downloading 10 MB")
    line.show("loading")
    line.close()
    line.close()
    assert terminal.getvalue() == "\rdownloading 10 MB\rloading          \n"


def test_elsewhere_there_is_a_line_every_few_seconds() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream, every_seconds=60)
    line.show("downloading 10 MB")
    line.show("downloading 20 MB")
    line.close()
    assert stream.getvalue() == "downloading 10 MB\n"


def test_bytes_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    text = LoadText()
    assert text.text("downloading", 0, 8_000_000_000) == "downloading 0 kB of 8.0 GB (0%)"
    now[0] += 2
    assert (
        text.text("downloading", 400_000_000, 8_000_000_000)
        == "downloading 400 MB of 8.0 GB (5%), 200 MB/s, 38 s left"
    )
    assert text.text("loading", 0, 8_000_000_000) == "loading 0 kB of 8.0 GB (0%)"
    assert text.text("preparing", None, None) == "preparing"


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (119, "119 s"), (720, "12 min"), (12600, "3.5 h")]
)
def test_times_are_readable(seconds: float, text: str) -> None:
    assert readable_seconds(seconds) == text
