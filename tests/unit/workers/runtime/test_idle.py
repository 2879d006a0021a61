"""The thread that unloads idle models."""

import threading

from workers.runtime.models.idle import IdleUnloader


def test_it_looks_again_and_again_also_after_a_failure() -> None:
    looked, enough = [0], threading.Event()

    def look() -> None:
        looked[0] += 1
        if looked[0] == 1:
            raise RuntimeError("once")
        if looked[0] == 3:
            enough.set()

    unloader = IdleUnloader(look, idle_seconds=0.02)
    unloader.start()
    assert enough.wait(10)
    unloader.stop()
    seen = looked[0]
    assert not threading.Event().wait(0.05)
    assert looked[0] == seen


def test_where_no_model_becomes_idle_there_is_no_thread() -> None:
    before = threading.active_count()
    unloader = IdleUnloader(lambda: None, idle_seconds=None)
    unloader.start()
    assert threading.active_count() == before
    unloader.stop()
