import os

from unified_assets.compute.inventory import Gpu, Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.compute.monitor import sample, usage


def test_usage_shows_who_holds_what_and_what_is_left(tmp_path):
    inventory = Inventory(cores=2, memory_gib=4, gpus=(Gpu(index=0, name="fake", memory_gib=16, free_gib=10),))
    broker = LeaseBroker(tmp_path / "run", inventory)
    with broker.admit("a", 1, run="r", members={"a": 1, "b": 2}), broker.round("a", 1, cores=2):
        seen = usage(tmp_path / "run", inventory, tmp_path, interval_s=0.02)
    assert (seen.cores, seen.cores_leased, seen.memory_gib, seen.memory_admitted_gib) == (2, 2, 4, 3)
    assert [(one.model, one.kind, one.state, one.pid) for one in seen.holders] == [("a", "memory", "held", os.getpid()), ("a", "round", "held", os.getpid())]
    assert seen.gpu_used_gib == (6,)
    assert seen.memory_used_gib > 0.01
    assert seen.disk_free_gib > 0


def test_after_the_run_nothing_is_leased(tmp_path):
    inventory = Inventory(cores=2, memory_gib=4)
    broker = LeaseBroker(tmp_path / "run", inventory)
    with broker.round("a", 1):
        pass
    seen = usage(tmp_path / "run", inventory, tmp_path)
    assert (seen.cores_leased, seen.memory_admitted_gib, seen.holders, seen.cpu_share) == (0, 0, (), 0)


def test_a_sample_is_of_the_whole_machine_and_of_this_process(tmp_path):
    class Probe:
        def gpus(self):
            return (Gpu(index=0, name="fake", memory_gib=16, free_gib=10),)

    found = sample(tmp_path, gpu_probe=Probe())
    assert found.gpu_used_gib == (6,)
    assert 0 < found.step_memory_gib < found.memory_used_gib
    assert 0 <= found.cpu_share <= 1
    assert found.load >= 0
    assert found.disk_free_gib > 0
