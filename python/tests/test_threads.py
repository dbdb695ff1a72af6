"""Python's lock, and coders in several threads."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow
import pytest


@pytest.fixture
def no_forced_switches():
    """Python's lock goes to another thread only where it is let go: no thread is asked to."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(3_600)
    yield
    sys.setswitchinterval(before)


def steps_of_others_during(work) -> int:
    """How often another thread gets Python's lock between the beginning of `work` and its end."""
    steps, is_over = [0], threading.Event()

    def step():
        while not is_over.is_set():
            steps[0] += 1
            time.sleep(0.0001)

    other = threading.Thread(target=step)
    other.start()
    try:
        before = steps[0]
        work()
        return steps[0] - before
    finally:
        is_over.set()
        other.join()


def test_what_holds_the_lock_lets_no_other_thread_on(no_forced_switches):
    assert steps_of_others_during(lambda: sum(range(1_000_000))) == 0


def test_coding_lets_other_threads_on(coder, descriptions, no_forced_switches):
    assert steps_of_others_during(lambda: coder.code(descriptions)) > 0
    table = pyarrow.table({"description": descriptions})
    assert steps_of_others_during(lambda: coder.code_arrow(table)) > 0
    assert steps_of_others_during(lambda: coder.code_arrow(table.to_batches()[0])) > 0


def test_threads_share_a_coder(coder, descriptions):
    expected = coder.code(descriptions)
    with ThreadPoolExecutor(4) as threads:
        for answers in threads.map(lambda _: coder.code(descriptions), range(8)):
            assert answers == expected
