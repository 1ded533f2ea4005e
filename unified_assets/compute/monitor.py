"""A ledger folder and a machine in; who holds what, and how much of the machine is in use now, out."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unified_assets.compute.inventory import GpuProbe, Inventory, NvmlProbe, disk_free_gib
from unified_assets.compute.ledger import Ask, Ledger

GIB = 2**30


@dataclass(frozen=True, kw_only=True)
class Holder:
    """One ask of a run. `state`: waiting, held or resident; memory is 0 where the ask is for a round."""

    model: str
    kind: str
    state: str
    cores: int
    gpu: int | None
    gpu_memory_gib: float
    pid: int


@dataclass(frozen=True, kw_only=True)
class Usage:
    """A moment of the machine. `cpu_share` is of the cores this process may use, over `interval_s`."""

    cores: int
    cores_leased: int
    cpu_share: float
    memory_gib: float
    memory_admitted_gib: float
    memory_used_gib: float
    gpu_used_gib: tuple[float, ...]
    disk_free_gib: float
    holders: tuple[Holder, ...]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A moment of the whole machine, seen from one step. `at`: seconds since the epoch; `cpu_share`: since this process looked last."""

    at: float
    load: float
    cpu_share: float
    memory_used_gib: float
    step_memory_gib: float
    gpu_used_gib: tuple[float, ...]
    disk_free_gib: float


def sample(state: Path, *, gpu_probe: GpuProbe | None = None) -> Sample:
    """What the machine is doing now, all programs together, and how much memory this process holds."""
    import psutil

    gpus = (NvmlProbe() if gpu_probe is None else gpu_probe).gpus()
    return Sample(
        at=time.time(),
        load=os.getloadavg()[0],
        cpu_share=psutil.cpu_percent(None) / 100,
        memory_used_gib=psutil.virtual_memory().used / GIB,
        step_memory_gib=psutil.Process().memory_info().rss / GIB,
        gpu_used_gib=tuple(gpu.memory_gib - gpu.free_gib for gpu in gpus),
        disk_free_gib=disk_free_gib(state),
    )


def usage(folder: Path, inventory: Inventory, state: Path, *, gpu_probe: GpuProbe | None = None, interval_s: float = 0.1) -> Usage:
    """What is leased by the living steps of `folder`, and what their processes really use."""
    with Ledger(folder).guard() as asks:
        living = list(asks)
    cpu, memory = _processes(sorted({ask.pid for ask in living}), interval_s)
    gpus = inventory.gpus if gpu_probe is None else gpu_probe.gpus()
    gangs = {ask.gang: ask.gang_gib for ask in living if ask.kind == "memory" and ask.state == "held"}
    return Usage(
        cores=inventory.cores,
        cores_leased=sum(ask.cores for ask in living if ask.state == "held"),
        cpu_share=cpu / inventory.cores,
        memory_gib=inventory.memory_gib,
        memory_admitted_gib=sum(gangs.values()),
        memory_used_gib=memory,
        gpu_used_gib=tuple(gpu.memory_gib - gpu.free_gib for gpu in gpus),
        disk_free_gib=disk_free_gib(state),
        holders=tuple(_holder(ask) for ask in living),
    )


def _holder(ask: Ask) -> Holder:
    return Holder(model=ask.model, kind=ask.kind, state=ask.state, cores=ask.cores, gpu=ask.gpu, gpu_memory_gib=ask.gpu_memory_gib, pid=ask.pid)


def _processes(pids: Sequence[int], interval_s: float) -> tuple[float, float]:
    """Cores busy with these processes over the interval, and the memory they hold in GiB; one that ends meanwhile counts as none."""
    import psutil

    running = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            process.cpu_percent(None)
        except psutil.NoSuchProcess:
            continue
        running.append(process)
    if running:
        time.sleep(interval_s)
    cpu = memory = 0.0
    for process in running:
        try:
            cpu += process.cpu_percent(None) / 100
            memory += process.memory_info().rss / GIB
        except psutil.NoSuchProcess:
            continue
    return cpu, memory
