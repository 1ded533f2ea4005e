"""What one item does to its process never reaches the others."""

import ctypes
import os
import subprocess
import sys
import textwrap
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from unified_assets.compute.workers import NotImportable, WorkerPool, WorkersUnavailable
from unified_assets.core.errors import UnreadableFile

pool_of = partial(WorkerPool, timeout_s=20.0, memory_mib=128, prepare=None)


def hoard() -> None:
    kept = []
    while True:
        kept.append(bytearray(16 << 20))


def refuse(_: str) -> None:
    raise UnreadableFile("truncated", "ends after 3 bytes")


def fail(value: str) -> None:
    raise ValueError(value)


def spin(_: str) -> None:
    while True:
        pass


DEEDS = {
    "segfault": lambda _: ctypes.string_at(0),
    "exit": lambda _: os._exit(3),
    "hang": lambda _: time.sleep(600),
    "spin": spin,
    "bomb": lambda _: hoard(),
    "raise": refuse,
    "error": fail,
    "leave": lambda _: sys.exit(4),
    "unpicklable": lambda _: threading.Lock(),
    "big": lambda _: np.full((1200, 1200, 3), 7, np.uint8),
    "good": lambda value: value,
}


def behave(item: str) -> object:
    kind, _, value = item.partition(":")
    return DEEDS[kind](value)


def add(offset: int, item: int) -> int:
    return item + offset


def slow(item: float) -> float:
    time.sleep(item)
    return item


def test_twenty_planted_faults_get_their_reason_and_no_good_item_is_lost():
    items = [f"good:{number}" for number in range(200)]
    faults = {"segfault": "crash", "exit": "crash", "hang": "timeout", "spin": "timeout", "bomb": "out_of_memory"}
    planted = {}
    for position, (kind, reason) in enumerate([*list(faults.items()) * 2, *list(faults.items())[:2] * 5]):
        planted[position * 9 + 5] = reason
        items[position * 9 + 5] = kind
    with pool_of(behave, workers=4, timeout_s=3.0) as pool:
        outcomes = {outcome.index: outcome for outcome in pool.map(items)}
    assert sorted(outcomes) == list(range(200))
    assert {index: outcome.reason for index, outcome in outcomes.items() if outcome.reason} == planted
    assert all(outcomes[index].value == str(index) for index in outcomes if index not in planted)


def test_exceptions_become_reasons_with_their_detail():
    items = ["raise", "error:seven", "leave", "unpicklable"]
    with pool_of(behave, workers=1) as pool:
        found = {outcome.index: (outcome.reason, outcome.detail) for outcome in pool.map(items)}
    assert found[0] == ("truncated", "ends after 3 bytes")
    assert found[1] == ("ValueError", "seven")
    assert found[2][0] == "SystemExit"
    assert found[3][0] == "TypeError"


def test_arrays_larger_than_a_socket_buffer_come_back_whole():
    with pool_of(behave, workers=2) as pool:
        for outcome in pool.map(["big"] * 20):
            assert outcome.value.shape == (1200, 1200, 3)
            assert (outcome.value == 7).all()


def test_a_partial_is_a_function_and_a_pool_serves_more_than_once():
    with pool_of(partial(add, 10), workers=2) as pool:
        assert sorted(outcome.value for outcome in pool.map(range(5000))) == list(range(10, 5010))
        assert sorted(outcome.value for outcome in pool.map([1])) == [11]
        assert list(pool.map([])) == []


def test_items_of_many_megabytes_wait_on_our_side_not_in_the_memory_of_a_worker():
    items = [bytes([number]) * (24 << 20) for number in range(12)]
    with pool_of(len, workers=1) as pool:
        assert {outcome.index: (outcome.value, outcome.reason) for outcome in pool.map(items)} == dict.fromkeys(range(12), (24 << 20, None))


def test_the_item_that_was_at_work_is_blamed_and_what_was_done_but_not_yet_sent_is_done_again():
    items = [*[f"good:{number}" for number in range(40)], "segfault", *[f"good:{number}" for number in range(41, 60)]]
    with pool_of(behave, workers=1) as pool:
        found = {outcome.index: outcome.reason or outcome.value for outcome in pool.map(items)}
    assert found == {number: "crash" if number == 40 else str(number) for number in range(60)}


def test_a_slow_consumer_makes_nobody_late():
    with pool_of(slow, workers=1, timeout_s=0.5) as pool:
        reasons = []
        for outcome in pool.map([0.05] * 20):
            reasons.append(outcome.reason)
            time.sleep(0.1 if outcome.index else 1.0)
    assert reasons == [None] * 20


def test_leaving_the_loop_early_leaves_no_process_behind():
    with pool_of(slow, workers=2) as pool:
        for _ in pool.map([0.0, 60.0, 60.0]):
            break
        nursery = pool._nursery._process
    assert nursery.returncode == 0


def test_workers_end_with_a_killed_caller(tmp_path):
    (tmp_path / "napping.py").write_text("import os, time\ndef nap(item):\n    open(item, 'w').write(str(os.getpid()))\n    time.sleep(600)\n")
    script = """
        import sys; sys.path.insert(0, {folder!r})
        import napping
        from unified_assets.compute.workers import WorkerPool
        with WorkerPool(napping.nap, workers=1, timeout_s=600, memory_mib=256, prepare=None) as pool:
            list(pool.map([{pidfile!r}]))
    """
    pidfile = tmp_path / "pid"
    caller = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script).format(folder=str(tmp_path), pidfile=str(pidfile))])
    wait_for(lambda: pidfile.is_file() and pidfile.read_text())
    worker = int(pidfile.read_text())
    caller.kill()
    caller.wait()
    wait_for(lambda: not alive(worker))


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "print('started', flush=True)\n"
        "import os.path\n"
        "from unified_assets.compute.workers import WorkerPool\n"
        "with WorkerPool(os.path.basename, workers=2, timeout_s=5, memory_mib=256, prepare=None) as pool:\n"
        "    print(sorted(outcome.value for outcome in pool.map(['a/x', 'b/y'])))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["started", "['x', 'y']"]


def test_functions_that_no_other_process_can_find_are_refused_at_once():
    with pytest.raises(NotImportable, match="importable module"):
        pool_of(lambda item: item, workers=1)


def test_a_preparation_that_fails_is_told_to_the_caller():
    with pool_of(add, workers=1, prepare=partial(behave, "error:no such decoder")) as pool, pytest.raises(WorkersUnavailable, match="no such decoder"):
        list(pool.map([1]))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition, limit_s: float = 10.0):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
