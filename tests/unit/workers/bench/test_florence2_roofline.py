"""The lower bound of a call's time, calculated by hand."""

import pytest

from workers.bench.florence2_roofline import DevicePeaks, Roofline

ROOFLINE = Roofline(
    parameters=0,
    vision_flops=6,
    encoder_flops=4,
    token_flops=2,
    decoder_bytes=100,
    sequence_bytes=10,
)


def test_few_sequences_are_limited_by_memory() -> None:
    peaks = DevicePeaks(flops=10, bandwidth=10)
    # 2 * (6 + 4) / 10 = 2 to encode the pictures, and three times (100 + 2 * 10) / 10 = 12
    assert ROOFLINE.seconds(peaks, batch=2, beams=1, tokens=3) == pytest.approx(2 + 3 * 12)


def test_many_sequences_are_limited_by_arithmetic() -> None:
    peaks = DevicePeaks(flops=1, bandwidth=1000)
    # a beam search of 3 has 6 sequences: 6 * 2 / 1 = 12 a step
    assert ROOFLINE.seconds(peaks, batch=2, beams=3, tokens=3) == pytest.approx(20 + 3 * 12)
