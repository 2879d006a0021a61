"""Side by side or alone: never both."""

import threading
from collections import Counter

import pytest

from tests.support.waiting import at_once, await_true
from workers.runtime.shared_lock import SharedExclusiveLock


def test_several_are_in_company_at_the_same_moment() -> None:
    company, meeting = SharedExclusiveLock(), threading.Barrier(3)

    def meet() -> bool:
        with company.shared():
            meeting.wait(10)
        return True

    assert at_once([meet] * 3) == [True] * 3


def test_who_waits_to_be_alone_goes_before_newcomers() -> None:
    company, order = SharedExclusiveLock(), []
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with company.shared():
            inside.set()
            assert leave.wait(10)
            order.append("first")

    def be_alone() -> None:
        with company.exclusive():
            order.append("alone")

    def come_later() -> None:
        with company.shared():
            order.append("newcomer")

    threads = [threading.Thread(target=stay)]
    threads[0].start()
    assert inside.wait(10)
    threads.append(threading.Thread(target=be_alone))
    threads[1].start()
    assert await_true(lambda: company._exclusive_waiters == 1)
    threads.append(threading.Thread(target=come_later))
    threads[2].start()
    leave.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "alone", "newcomer"]


def test_whoever_is_alone_has_nobody_beside() -> None:
    company, present, seen = SharedExclusiveLock(), Counter[str](), []
    look = threading.Lock()

    def come(kind: str) -> None:
        with company.exclusive() if kind == "alone" else company.shared():
            with look:
                present[kind] += 1
                seen.append((present["alone"], present["shared"]))
            with look:
                present[kind] -= 1

    def come_often(kind: str) -> None:
        for _ in range(200):
            come(kind)

    at_once([lambda kind=kind: come_often(kind) for kind in ("alone", "shared") * 2])
    assert len(seen) == 800
    assert all(alone == 0 or (alone, shared) == (1, 0) for alone, shared in seen)


def test_an_error_inside_lets_the_next_in() -> None:
    company = SharedExclusiveLock()
    for enter in (company.shared, company.exclusive):
        with pytest.raises(LookupError), enter():
            raise LookupError
    with company.exclusive():
        pass
