"""The machine in; what this process may use of it out: cores, memory, GPUs, free disk."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

GIB = 2**30
UNLIMITED_BYTES = 2**60  # cgroup v1 writes a huge number for "no limit"


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU, or one MIG slice of one. `index` is its position among those CUDA lets this process see."""

    index: int
    name: str
    memory_gib: float
    free_gib: float
    uuid: str = ""


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What this process may use, or what all nodes of a cluster give together. `node_cores`: of the largest node."""

    cores: int
    memory_gib: float
    gpus: tuple[Gpu, ...] = ()
    disk_free_gib: float = 0.0
    node_cores: int | None = None

    @property
    def cores_at_once(self) -> int:
        """The most that one round may have."""
        return self.cores if self.node_cores is None else self.node_cores


class GpuProbe(Protocol):
    """Where GPUs are asked for; a fake one stands in for hardware in tests."""

    def gpus(self) -> tuple[Gpu, ...]:
        """All GPUs of the machine in NVML's order, MIG slices instead of the GPU they are cut from."""


class NvmlProbe:
    """GPUs by NVML. No driver, no library, no device: an empty tuple."""

    def gpus(self) -> tuple[Gpu, ...]:
        """All GPUs of the machine."""
        try:
            import pynvml
        except ImportError:
            return ()
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:
            return ()
        try:
            return tuple(_nvml_gpus(pynvml))
        except pynvml.NVMLError:
            return ()
        finally:
            pynvml.nvmlShutdown()


class VisibleProbe:
    """Those of the machine's GPUs that CUDA shows this process, asked anew each time: one may be lost while a run is at work."""

    def gpus(self) -> tuple[Gpu, ...]:
        """As `visible` numbers them."""
        return visible(NvmlProbe().gpus(), os.environ.get("CUDA_VISIBLE_DEVICES"))


def detect(state: Path, *, gpu_probe: GpuProbe | None = None, root: Path = Path("/"), environment: Mapping[str, str] | None = None) -> Inventory:
    """The inventory for a state folder (which need not exist yet). `root` and `environment` are replaced in tests only."""
    probe = NvmlProbe() if gpu_probe is None else gpu_probe
    given = os.environ if environment is None else environment
    return Inventory(
        cores=usable_cores(root),
        memory_gib=usable_memory_gib(root),
        gpus=visible(probe.gpus(), given.get("CUDA_VISIBLE_DEVICES")),
        disk_free_gib=disk_free_gib(state),
    )


def usable_cores(root: Path = Path("/"), *, affinity: Callable[[int], set[int]] | None = None) -> int:
    """Cores by affinity, cut by the cgroup's CPU quota (rounded down, at least one)."""
    allowed = affinity if affinity is not None else getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed is not None else os.cpu_count() or 1
    quotas = [quota for folder in _cgroup_folders(root, "cpu") if (quota := _cpu_quota(folder)) is not None]
    return max(1, min([cores, *(int(quota + 1e-6) for quota in quotas)]))


def usable_memory_gib(root: Path = Path("/")) -> float:
    """Memory of the machine, cut by the cgroup's limit."""
    total = _meminfo_bytes(root)
    limits = [limit for folder in _cgroup_folders(root, "memory") if (limit := _memory_limit(folder)) is not None]
    return min([total, *limits]) / GIB


def disk_free_gib(folder: Path) -> float:
    """Free space where `folder` is, or would be made."""
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    return shutil.disk_usage(existing).free / GIB


def visible(gpus: Sequence[Gpu], cuda_visible_devices: str | None) -> tuple[Gpu, ...]:
    """The GPUs that CUDA will show this process, renumbered as it numbers them. CUDA stops at the first name it does not know."""
    if cuda_visible_devices is None:
        return tuple(gpus)
    chosen: list[Gpu] = []
    for name in (part.strip() for part in cuda_visible_devices.split(",")):
        found = next((gpu for gpu in gpus if (name.isdigit() and gpu.index == int(name)) or (name and gpu.uuid.startswith(name))), None)
        if found is None:
            break
        chosen.append(found)
    return tuple(Gpu(index=index, name=gpu.name, memory_gib=gpu.memory_gib, free_gib=gpu.free_gib, uuid=gpu.uuid) for index, gpu in enumerate(chosen))


def _nvml_gpus(nvml: "object") -> list[Gpu]:
    found: list[Gpu] = []
    for index in range(nvml.nvmlDeviceGetCount()):  # type: ignore[attr-defined]
        handle = nvml.nvmlDeviceGetHandleByIndex(index)  # type: ignore[attr-defined]
        for device in _slices(nvml, handle) or [handle]:
            memory = nvml.nvmlDeviceGetMemoryInfo(device)  # type: ignore[attr-defined]
            name, uuid = (_text(read(device)) for read in (nvml.nvmlDeviceGetName, nvml.nvmlDeviceGetUUID))  # type: ignore[attr-defined]
            found.append(Gpu(index=len(found), name=name, memory_gib=memory.total / GIB, free_gib=memory.free / GIB, uuid=uuid))
    return found


def _slices(nvml: "object", handle: object) -> list[object]:
    """The MIG slices of a GPU; empty where MIG is off or unknown to it."""
    error: type[Exception] = nvml.NVMLError  # type: ignore[attr-defined]
    try:
        current, _pending = nvml.nvmlDeviceGetMigMode(handle)  # type: ignore[attr-defined]
        count = nvml.nvmlDeviceGetMaxMigDeviceCount(handle) if current else 0  # type: ignore[attr-defined]
    except error:
        return []
    slices: list[object] = []
    for index in range(count):
        try:
            slices.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index))  # type: ignore[attr-defined]
        except error:  # that place is empty
            continue
    return slices


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _cgroup_folders(root: Path, controller: str) -> list[Path]:
    """The folders whose limits hold for this process, from its own cgroup up to the mount (v2 and v1)."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    folders: list[Path] = []
    for line in lines:
        _number, controllers, path = line.split(":", 2)
        if controllers not in {"", "name=unified"} and controller not in controllers.split(","):
            continue
        mounts = ["sys/fs/cgroup", "sys/fs/cgroup/unified"] if controllers == "" else [f"sys/fs/cgroup/{controllers}", f"sys/fs/cgroup/{controller}"]
        for mount in (root / name for name in mounts):
            inside = mount / path.lstrip("/")
            while inside != mount:
                folders.append(inside)
                inside = inside.parent
            folders.append(mount)
    return [folder for folder in folders if folder.is_dir()]


def _cpu_quota(folder: Path) -> float | None:
    quota = _numbers(folder / "cpu.max")
    if len(quota) == 2:
        return quota[0] / quota[1]
    old = [*_numbers(folder / "cpu.cfs_quota_us"), *_numbers(folder / "cpu.cfs_period_us")]
    return old[0] / old[1] if len(old) == 2 and old[0] > 0 else None


def _memory_limit(folder: Path) -> float | None:
    limit = _numbers(folder / "memory.max") or _numbers(folder / "memory.limit_in_bytes")
    return limit[0] if limit and limit[0] < UNLIMITED_BYTES else None


def _numbers(path: Path) -> list[float]:
    """The numbers of a cgroup file; empty where it is missing or says `max`."""
    try:
        return [float(part) for part in path.read_text(encoding="ascii").split()]
    except (OSError, ValueError):
        return []


def _meminfo_bytes(root: Path) -> float:
    try:
        for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemTotal:"):
                return float(line.split()[1]) * 1024
    except OSError:
        pass
    import psutil

    return float(psutil.virtual_memory().total)
