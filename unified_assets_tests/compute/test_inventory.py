from unified_assets.compute.inventory import Gpu, detect, usable_cores, usable_memory_gib, visible


class FakeGpus:
    def __init__(self, *gpus):
        self._gpus = gpus

    def gpus(self):
        return self._gpus


A = Gpu(index=0, name="A", memory_gib=16, free_gib=15, uuid="GPU-aaaa")
B = Gpu(index=1, name="B", memory_gib=24, free_gib=2, uuid="GPU-bbbb")


def machine(tmp_path, cgroup="0::/box\n", files=None):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(cgroup)
    (tmp_path / "proc/meminfo").write_text("MemTotal:       33554432 kB\n")
    for name, text in (files or {}).items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def eight(_pid):
    return set(range(8))


def test_cores_are_the_affinity_where_there_is_no_quota(tmp_path):
    assert usable_cores(machine(tmp_path, files={"box/cpu.max": "max 100000\n"}), affinity=eight) == 8


def test_a_version_2_quota_of_this_cgroup_or_one_above_it_cuts_the_cores(tmp_path):
    root = machine(tmp_path, "0::/pod/box\n", {"pod/cpu.max": "250000 100000\n", "pod/box/cpu.max": "max 100000\n"})
    assert usable_cores(root, affinity=eight) == 2


def test_a_version_1_quota_cuts_the_cores_and_minus_one_is_none(tmp_path):
    files = {"cpu,cpuacct/box/cpu.cfs_quota_us": "400000\n", "cpu,cpuacct/box/cpu.cfs_period_us": "100000\n", "cpu,cpuacct/cpu.cfs_quota_us": "-1\n"}
    assert usable_cores(machine(tmp_path, "4:cpu,cpuacct:/box\n", files), affinity=eight) == 4


def test_a_quota_below_one_core_still_leaves_one(tmp_path):
    assert usable_cores(machine(tmp_path, files={"box/cpu.max": "50000 100000\n"}), affinity=eight) == 1


def test_memory_is_the_cgroup_limit_in_version_2_and_1(tmp_path):
    assert usable_memory_gib(machine(tmp_path / "a", files={"box/memory.max": str(4 * 2**30)})) == 4
    assert usable_memory_gib(machine(tmp_path / "b", "9:memory:/box\n", {"memory/box/memory.limit_in_bytes": str(3 * 2**30)})) == 3


def test_memory_is_the_machine_s_where_no_limit_is_set(tmp_path):
    assert usable_memory_gib(machine(tmp_path, "9:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"})) == 32


def test_hidden_gpus_are_not_counted_and_the_rest_is_numbered_as_cuda_does():
    assert visible((A, B), None) == (A, B)
    assert [gpu.name for gpu in visible((A, B), "1,0")] == ["B", "A"]
    assert visible((A, B), "1")[0].index == 0
    assert [gpu.name for gpu in visible((A, B), "GPU-bbbb")] == ["B"]
    assert visible((A, B), "") == ()
    assert [gpu.name for gpu in visible((A, B), "0,7,1")] == ["A"]


def test_detect_reports_this_machine_for_a_state_that_does_not_exist_yet(tmp_path):
    found = detect(tmp_path / "not" / "there", gpu_probe=FakeGpus(A), environment={})
    assert found.cores >= 1
    assert found.memory_gib > 0.1
    assert found.disk_free_gib > 0
    assert found.gpus == (A,)


def test_no_driver_means_no_gpu(tmp_path, monkeypatch):
    import pynvml

    def absent():
        raise pynvml.NVMLError_LibraryNotFound

    monkeypatch.setattr(pynvml, "nvmlInit", absent)
    assert detect(tmp_path, environment={}).gpus == ()


def test_a_gpu_that_the_driver_calls_lost_is_none(tmp_path, monkeypatch):
    import pynvml

    def lost(_handle):
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    for name, found in {"nvmlInit": None, "nvmlShutdown": None, "nvmlDeviceGetCount": 1}.items():
        monkeypatch.setattr(pynvml, name, lambda found=found: found)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMigMode", lost)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lost)
    assert detect(tmp_path, environment={}).gpus == ()
