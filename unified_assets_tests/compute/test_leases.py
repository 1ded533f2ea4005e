import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from unified_assets.compute.inventory import Gpu, Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.compute.ledger import Ledger
from unified_assets.compute.pausing import pause, unpause
from unified_assets.core.errors import DeviceNotAvailable, InsufficientResources

PROGRAM = str(Path(__file__).with_name("lease_process.py"))


def start(*arguments):
    return subprocess.Popen([sys.executable, PROGRAM, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()


def held_at_once(folder, size):
    """Most of something held at one time, by the leases written down."""
    rows = [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    events = sorted([(row["acquired"], 1, size(row)) for row in rows] + [(row["released"], 0, -size(row)) for row in rows])
    now = most = 0
    for _time, _order, change in events:
        now += change
        most = max(most, now)
    return most, len(rows)


def two_cores(tmp_path, **kwargs):
    return LeaseBroker(tmp_path, Inventory(cores=2, memory_gib=4, gpus=kwargs.pop("gpus", ())), **kwargs)


def test_a_lease_is_freed_when_its_process_is_killed(tmp_path):
    holder = start(tmp_path, "hold", "a", 2)
    assert holder.stdout.readline() == "held\n"
    said = []
    killed = threading.Timer(0.8, holder.send_signal, [signal.SIGKILL])
    killed.start()
    started = time.monotonic()
    with two_cores(tmp_path).admit("b", 3), two_cores(tmp_path).round("b", 1, cores=2, waiting=said.append) as lease:
        waited = time.monotonic() - started
    end(holder)
    assert 0.5 < waited < 5
    assert lease.device == "cpu"
    assert not list((tmp_path / "asks").iterdir())


def test_nothing_is_granted_while_paused_and_what_waits_says_so(tmp_path):
    said, acquired = [], []
    with two_cores(tmp_path).round("a", 1, cores=1):
        pause(tmp_path)  # a round that computes is not disturbed
    waiting = threading.Thread(target=lambda: acquired.append(_once(two_cores(tmp_path), said)))
    waiting.start()
    waiting.join(1.5)
    assert waiting.is_alive()
    assert said[0].startswith("paused since ")
    assert said[0].endswith("`unified-assets unpause` lets it go on")
    assert unpause(tmp_path)
    waiting.join(20)
    assert len(acquired) == 1
    assert not unpause(tmp_path)


def _once(broker, said):
    with broker.round("b", 1, cores=1, waiting=said.append) as lease:
        return lease.acquired


def test_never_more_cores_are_held_than_there_are_by_several_processes(tmp_path):
    processes = [start(tmp_path, "many", f"m{index}", 12) for index in range(4)]
    victim = start(tmp_path, "many", "victim", 10_000)
    time.sleep(1.5)
    end(victim)
    for process in processes:
        assert process.wait(60) == 0
        process.stdout.close()
    (tmp_path / "victim.jsonl").unlink(missing_ok=True)
    assert held_at_once(tmp_path, lambda row: row["cores"]) == (2, 48)


def test_two_models_never_overlap_on_one_gpu(tmp_path):
    processes = [start(tmp_path, "gpu", name) for name in ("a", "b")]
    for process in processes:
        assert process.wait(60) == 0
        process.stdout.close()
    assert held_at_once(tmp_path, lambda row: row["device"] == "cuda:0") == (1, 8)


def test_a_device_that_is_not_there_is_refused_with_the_fix(tmp_path):
    with pytest.raises(DeviceNotAvailable) as caught, two_cores(tmp_path).round("vision_service", 1, device="cuda", gpu_memory_gib=2):
        pass
    assert str(caught.value) == (
        "vision_service asks for device 'cuda', but no GPU is visible to this process. Set `device: auto` or `device: cpu` in the preset."
    )


def test_gpu_memory_that_does_not_exist_is_refused_at_once(tmp_path):
    broker = two_cores(tmp_path, gpus=(Gpu(index=0, name="fake", memory_gib=16, free_gib=16),))
    started = time.monotonic()
    with pytest.raises(InsufficientResources) as caught, broker.round("vision_service", 1, device="cuda", gpu_memory_gib=24):
        pass
    assert time.monotonic() - started < 1
    assert (caught.value.needed, caught.value.available, caught.value.resource) == (24, 16, "GPU memory")
    assert "train it on the CPU with `device: cpu`" in str(caught.value)


def test_cores_that_do_not_exist_are_refused_at_once(tmp_path):
    with pytest.raises(InsufficientResources, match="needs 3 cores of CPU, but at most 2 cores can be had here"), two_cores(tmp_path).round("a", 1, cores=3):
        pass


def test_a_run_that_can_never_fit_in_memory_is_refused_with_what_would_fit(tmp_path):
    members = {"a": 1.0, "b": 2.0, "c": 3.0}
    with pytest.raises(InsufficientResources) as caught, two_cores(tmp_path).admit("c", 3.0, run="r", members=members):
        pass
    assert "the run of a, b, c needs 6 GiB of memory, but at most 4 GiB can be had here" in str(caught.value)
    assert "`target_models: [a, b]` would fit" in str(caught.value)


def test_memory_is_admitted_for_the_whole_run_at_once(tmp_path):
    broker, members = two_cores(tmp_path), {"a": 1.5, "b": 1.5}
    got = threading.Event()

    def other_run():
        with two_cores(tmp_path).admit("x", 2.0, run="second"):
            got.set()

    waiting = threading.Thread(target=other_run)
    with broker.admit("a", 1.5, run="first", members=members):
        waiting.start()
        with broker.admit("b", 1.5, run="first", members=members):  # admitted with its run: nothing to wait for
            pass
        assert not got.wait(1.0)  # 2 GiB stand against the 1 that the first run leaves
    assert got.wait(5)
    waiting.join()


def order_of_grants(tmp_path, asks):
    """Who comes when, of asks that wait for one core held by somebody else."""
    order, threads = [], []

    def ask(name, kwargs):
        with two_cores(tmp_path).round(name, 1, **kwargs):
            order.append(name)
            time.sleep(0.05)

    with two_cores(tmp_path).round("holder", 1, cores=2):
        for name, kwargs in asks:
            threads.append(threading.Thread(target=ask, args=(name, kwargs)))
            threads[-1].start()
            time.sleep(0.1)
    for thread in threads:
        thread.join()
    return order


def test_longest_remaining_work_goes_first_and_priority_before_it(tmp_path):
    asks = [("short", {"cores": 2, "remaining": 1}), ("long", {"cores": 2, "remaining": 9}), ("urgent", {"cores": 2, "priority": 1})]
    assert order_of_grants(tmp_path, asks) == ["urgent", "long", "short"]


def test_a_large_ask_is_not_overtaken_by_small_ones(tmp_path):
    asks = [("large", {"cores": 2, "remaining": 2}), ("small", {"cores": 1, "remaining": 1})]
    with two_cores(tmp_path).round("half", 1, cores=1):
        order = order_of_grants_beside_half(tmp_path, asks)
    assert order == []


def order_of_grants_beside_half(tmp_path, asks):
    """With one of two cores held: nobody may start, since the large ask reserves the free core."""
    order = []

    def ask(name, kwargs):
        with two_cores(tmp_path).round(name, 1, **kwargs):
            order.append(name)

    threads = [threading.Thread(target=ask, args=pair, daemon=True) for pair in asks]
    for thread in threads:
        thread.start()
        time.sleep(0.2)
    time.sleep(0.5)
    return list(order)


def test_below_the_disk_floor_nothing_is_granted_until_space_is_back(tmp_path):
    free, said = [0.5], []
    broker = LeaseBroker(tmp_path, Inventory(cores=2, memory_gib=4), disk_floor_gib=1, disk_free_gib=lambda: free[0])
    threading.Timer(1.2, free.__setitem__, [0, 2.0]).start()
    started = time.monotonic()
    with broker.round("a", 1, waiting=said.append):
        assert 1.0 < time.monotonic() - started < 5
    assert said == ["disk: 0.50 GiB free, nothing is granted below 1 GiB; free some space and it goes on"]


def test_a_model_stays_on_the_gpu_until_another_asks(tmp_path):
    gpu = Gpu(index=0, name="fake", memory_gib=10, free_gib=10)
    first, second = two_cores(tmp_path, gpus=(gpu,)), two_cores(tmp_path, gpus=(gpu,))
    with first.round("a", 1, device="cuda", gpu_memory_gib=6) as lease:
        assert lease.device == "cuda:0"
    assert not first.gpu_wanted("a")
    with first.round("a", 2, device="cuda", gpu_memory_gib=6):  # its own resting memory does not stand in its way
        pass
    got = threading.Event()

    def other():
        with second.round("b", 1, device="cuda", gpu_memory_gib=6):
            got.set()

    thread = threading.Thread(target=other)
    thread.start()
    while not first.gpu_wanted("a"):
        time.sleep(0.01)
    assert not got.is_set()
    first.leave_gpu("a")
    assert got.wait(5)
    thread.join()


def test_who_waits_for_a_gpu_leaves_free_cores_to_others(tmp_path):
    gpu = Gpu(index=0, name="fake", memory_gib=10, free_gib=10)
    with two_cores(tmp_path, gpus=(gpu,)).round("a", 1, device="cuda", gpu_memory_gib=6):
        waiter = threading.Thread(target=lambda: two_cores(tmp_path, gpus=(gpu,)).round("b", 1, device="cuda", gpu_memory_gib=6).__enter__(), daemon=True)
        waiter.start()
        time.sleep(0.2)
        with two_cores(tmp_path).round("c", 1, cores=1) as lease:
            assert lease.waited_s < 0.4


def test_a_forked_child_does_not_keep_the_lease_of_its_dead_parent(tmp_path):
    parent = start(tmp_path, "fork", "a")
    child = int(parent.stdout.readline())
    parent.wait()
    with two_cores(tmp_path).round("b", 1, cores=2) as lease:
        assert lease.waited_s < 2
    os.kill(child, signal.SIGKILL)
    parent.stdout.close()


def test_an_uncontended_lease_costs_milliseconds(tmp_path):
    broker = two_cores(tmp_path)
    times = []
    for index in range(30):
        started = time.perf_counter()
        with broker.round("a", index):
            times.append(time.perf_counter() - started)
    assert sorted(times)[15] < 0.01


def test_a_gpu_that_is_lost_while_a_model_waits_for_it_is_told_and_holds_up_nobody_else(tmp_path):
    class Probe:
        there = (Gpu(index=0, name="fake", memory_gib=16, free_gib=2),)

        def gpus(self):
            return self.there

    probe = Probe()
    broker = LeaseBroker(tmp_path, Inventory(cores=2, memory_gib=4, gpus=probe.there), gpu_probe=probe)
    said = []

    def waiting(what):
        said.append(what)
        probe.there = ()

    lost = pytest.raises(DeviceNotAvailable, match=r"the driver shows none\. Set `device: auto` or `device: cpu`")
    with lost, broker.round("a", 1, device="cuda", gpu_memory_gib=8, waiting=waiting):
        pass
    assert said == ["1 of 2 cores and 8 GiB of a GPU; held by nobody"]
    with broker.round("b", 1, cores=2) as lease:
        assert lease.device == "cpu"
    with Ledger(tmp_path).guard() as asks:
        assert asks == []


def test_asks_that_wait_look_at_a_file_of_their_own_and_not_at_all_the_others(tmp_path, monkeypatch):
    reads, plain = [], Ledger.read

    def counted(ledger):
        reads.append(ledger)
        return plain(ledger)

    monkeypatch.setattr(Ledger, "read", counted)
    brokers = [LeaseBroker(tmp_path, Inventory(cores=1, memory_gib=4)) for _ in range(30)]

    def work(place):
        with brokers[place].round(f"model_{place}", 1):
            time.sleep(0.01)

    workers = [threading.Thread(target=work, args=(place,)) for place in range(30)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(reads) <= 6 * 30  # entering, leaving, being granted, saying once that it waits, and a look twice a second; not once a change of the rest
