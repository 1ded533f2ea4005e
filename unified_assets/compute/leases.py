"""Asks of concurrent training steps in; leases of memory, cores and GPUs out.

Memory is admitted for the life of a step, for all models of a run together; cores and a GPU are leased for one round. A
lease is all at once or not at all, and the kernel frees it with the process that holds it. What the machine can never grant
is refused at once.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unified_assets.compute.inventory import GpuProbe, Inventory
from unified_assets.compute.inventory import disk_free_gib as inventory_disk_free_gib
from unified_assets.compute.ledger import Ask, Ledger, new_ask_id
from unified_assets.compute.pausing import paused_since
from unified_assets.compute.queueing import Machine, grant
from unified_assets.core.errors import DeviceNotAvailable, InsufficientResources

LOOK_S = 0.5  # one of the waiting asks looks this often for holders that died
CHECK_S = 5.0  # and each whether it is held without having been told: who grants may die in between
SAY_S = 10.0  # and says this often that it waits
FOREIGN_GPU_S = 600.0  # patience with other programs' GPU memory


def _silent(_what: str) -> None: ...


def _nothing() -> None: ...


@dataclass(kw_only=True)
class Lease:
    """What a round may use while it is held. `device` is `cpu` or `cuda:<index>`; times are seconds since the epoch."""

    model: str
    round_index: int
    cores: int
    threads: int
    device: str
    acquired: float
    released: float | None = None
    waited_s: float = 0.0


class LeaseBroker:
    """Grants leases to all processes that use the same `folder` (on one host).

    `disk_free_gib` says how much space is left (default: where `folder` is); below `disk_floor_gib` nothing is granted until space is back.
    """

    def __init__(
        self,
        folder: Path,
        inventory: Inventory,
        *,
        gpu_probe: GpuProbe | None = None,
        disk_floor_gib: float = 0.0,
        disk_free_gib: Callable[[], float] | None = None,
    ) -> None:
        self.folder, self.inventory, self.gpu_probe = folder, inventory, gpu_probe
        self.disk_floor_gib = disk_floor_gib
        self.disk_free_gib = disk_free_gib or partial(inventory_disk_free_gib, folder)
        self._ledger = Ledger(folder)
        self._residents: dict[str, str] = {}  # model -> ask that keeps its GPU memory

    @contextmanager
    def admit(
        self, model: str, memory_gib: float, *, run: str = "", members: Mapping[str, float] | None = None, waiting: Callable[[str], None] = _silent
    ) -> Iterator[None]:
        """Hold memory for the life of a step. `members`: GiB of every model of the run; the run is admitted as a whole.

        Raises InsufficientResources where the run can never fit.
        """
        gang = {model: memory_gib} if members is None else {**members, model: memory_gib}
        self._refuse_memory(model, gang)
        ask = Ask(ask_id=new_ask_id(model), model=model, kind="memory", gang=run or model, gang_gib=sum(gang.values()))
        self._enter(ask)
        try:
            self._wait(ask, waiting, _nothing)
            yield
        finally:
            self._leave(ask.ask_id)
            self.leave_gpu(model)

    @contextmanager
    def round(
        self,
        model: str,
        round_index: int,
        *,
        cores: int = 1,
        threads: int | None = None,
        device: str = "cpu",
        gpu_memory_gib: float = 0.0,
        priority: int = 0,
        remaining: float = 0.0,
        log: Path | None = None,
        waiting: Callable[[str], None] = _silent,
        leave_gpu: Callable[[], None] = _nothing,
    ) -> Iterator[Lease]:
        """Hold cores, and a GPU for `device="cuda"`, while a round computes; then append the lease to `log`.

        `remaining` (seconds, or any unit all models share) orders asks of equal priority. After a round on a GPU the model may
        stay there; `leave_gpu` is called when another needs its memory. Raises what `refuse` raises.
        """
        self.refuse(model, cores=cores, device=device, gpu_memory_gib=gpu_memory_gib)
        wanted = gpu_memory_gib if device.startswith("cuda") else 0.0
        ask = Ask(ask_id=new_ask_id(model), model=model, kind="round", cores=cores, gpu_memory_gib=wanted, priority=priority, remaining=remaining)
        asked = time.monotonic()
        self._enter(ask)
        try:
            held = self._wait(ask, waiting, leave_gpu)
            self._forget_resident(model)
            place = "cpu" if held.gpu is None else f"cuda:{held.gpu}"
            lease = Lease(
                model=model,
                round_index=round_index,
                cores=cores,
                threads=cores if threads is None else threads,
                device=place,
                acquired=time.time(),
                waited_s=time.monotonic() - asked,
            )
            try:
                yield lease
            finally:
                lease.released = time.time()
                if log is not None:
                    _append(log, lease)
        except BaseException:
            self._leave(ask.ask_id)
            raise
        self._end_round(ask.ask_id, model)

    def refuse(self, model: str, *, cores: int, device: str = "cpu", gpu_memory_gib: float = 0.0) -> None:
        """Raise InsufficientResources or DeviceNotAvailable for what this machine can never grant."""
        if cores > self.inventory.cores:
            fix = f"Set `needs: {{{model}: {{min_cores: {self.inventory.cores}}}}}` in the preset, or give this process more cores (affinity, cgroup quota)."
            raise InsufficientResources(model=model, resource="CPU", needed=cores, available=self.inventory.cores, unit="cores", fix=fix)
        if not device.startswith("cuda"):
            return
        if not self.inventory.gpus:
            raise DeviceNotAvailable(model=model, device=device, found="no GPU is visible to this process")
        largest = max(gpu.memory_gib for gpu in self.inventory.gpus)
        if gpu_memory_gib > largest:
            fix = f"Lower `needs: {{{model}: {{gpu_memory_gib: …}}}}` in the preset, or train it on the CPU with `device: cpu`."
            raise InsufficientResources(model=model, resource="GPU memory", needed=gpu_memory_gib, available=round(largest, 2), unit="GiB", fix=fix)

    def gpu_wanted(self, model: str) -> bool:
        """Whether another model waits for the GPU memory on which this one rests."""
        ask_id = self._residents.get(model)
        return ask_id is not None and any(ask.ask_id == ask_id and ask.evict for ask in self._ledger.read())

    def leave_gpu(self, model: str) -> None:
        """Give back the GPU memory on which a model rests between rounds."""
        ask_id = self._residents.pop(model, None)
        if ask_id is not None:
            self._leave(ask_id)

    def _refuse_memory(self, model: str, gang: Mapping[str, float]) -> None:
        needed, available = sum(gang.values()), self.inventory.memory_gib
        if needed <= available:
            return
        fitting, used = [], 0.0
        for name, gib in sorted(gang.items(), key=lambda item: (item[1], item[0])):
            if used + gib <= available:
                fitting.append(name)
                used += gib
        who = model if len(gang) == 1 else f"the run of {', '.join(sorted(gang))}"
        fits = f"`target_models: [{', '.join(sorted(fitting))}]` would fit" if fitting else f"nothing above {available:.2f} GiB fits"
        fix = f"Lower `needs: {{<model>: {{memory_gib: …}}}}` in the preset or train fewer models at a time ({fits})."
        raise InsufficientResources(model=who, resource="memory", needed=round(needed, 2), available=round(available, 2), unit="GiB", fix=fix)

    def _enter(self, ask: Ask) -> None:
        with self._ledger.guard() as asks:
            self._ledger.add(asks, ask)
            self._grant(asks)

    def _leave(self, ask_id: str) -> None:
        with self._ledger.guard() as asks:
            self._ledger.drop(asks, ask_id)
            self._grant(asks)

    def _end_round(self, ask_id: str, model: str) -> None:
        """Give the cores back; on a GPU the model stays resident until another asks."""
        with self._ledger.guard() as asks:
            mine = next((ask for ask in asks if ask.ask_id == ask_id), None)
            if mine is not None and mine.gpu is not None:
                mine.state, mine.cores = "resident", 0
                self._residents[model] = ask_id
            else:
                self._ledger.drop(asks, ask_id)
            self._grant(asks)

    def _forget_resident(self, model: str) -> None:
        """Drop the ask that kept a model on its GPU: its new lease holds that memory now."""
        ask_id = self._residents.pop(model, None)
        if ask_id is not None:
            self._leave(ask_id)

    def _grant(self, asks: list[Ask]) -> None:
        if paused_since(self.folder) is None and self._disk_short() is None and any(ask.state == "waiting" for ask in asks):
            gpu_gib = self._gpu_gib(asks)
            machine = Machine(cores=self.inventory.cores, memory_gib=self.inventory.memory_gib, gpu_gib=gpu_gib)
            grant(asks, machine, time.monotonic())

    def _disk_short(self) -> float | None:
        free = self.disk_free_gib() if self.disk_floor_gib > 0 else self.disk_floor_gib
        return free if free < self.disk_floor_gib else None

    def _gpu_gib(self, asks: list[Ask]) -> dict[int, float]:
        """Memory of each GPU that other programs leave us: measured whenever none of our leases is on a GPU."""
        if not self.inventory.gpus or not any(ask.gpu_memory_gib for ask in asks):
            return {}
        record = self.folder / "gpus.json"
        if not record.is_file() or not any(ask.gpu is not None for ask in asks):
            gpus = self.inventory.gpus if self.gpu_probe is None else self.gpu_probe.gpus()
            temporary = record.with_suffix(".tmp")
            temporary.write_text(json.dumps({str(gpu.index): gpu.free_gib for gpu in gpus}), encoding="utf-8")
            temporary.replace(record)
        return {int(index): gib for index, gib in json.loads(record.read_text(encoding="utf-8")).items()}

    def _wait(self, ask: Ask, waiting: Callable[[str], None], leave_gpu: Callable[[], None]) -> Ask:
        """Return the ask as held. Looks at its own file; one of those that wait looks for dead holders now and then."""
        started = checked = looked = time.monotonic()
        said, stamp, pause_s = started - SAY_S + 0.2, None, 0.002
        while True:
            now = time.monotonic()
            if self._ledger.granted(ask.ask_id) or now - checked >= CHECK_S:
                checked = now
                mine = next((other for other in self._ledger.read() if other.ask_id == ask.ask_id), None)
                if mine is not None and mine.state == "held":
                    return mine
            if self._residents and (at := self._ledger.stamp()) != stamp:
                stamp = at
                if self.gpu_wanted(ask.model):
                    leave_gpu()
                    self.leave_gpu(ask.model)
            if self._ledger.turn_to_look(LOOK_S):
                with self._ledger.guard() as asks:
                    self._grant(asks)
            if ask.gpu_memory_gib and now - looked >= LOOK_S:
                looked = now
                self._give_up_on_lost_gpu(ask)
                self._give_up_on_foreign_gpu(ask, now - started)
            if now - said >= SAY_S:
                said = now
                waiting(self._reason(ask, self._ledger.read()))
            time.sleep(pause_s)
            pause_s = min(0.03, pause_s * 1.5)

    def _reason(self, ask: Ask, asks: list[Ask]) -> str:
        since = paused_since(self.folder)
        if since is not None:
            return f"paused since {time.strftime('%H:%M:%S', time.localtime(since))}; `unified-assets unpause` lets it go on"
        short = self._disk_short()
        if short is not None:
            return f"disk: {short:.2f} GiB free, nothing is granted below {self.disk_floor_gib:g} GiB; free some space and it goes on"
        holders = ", ".join(sorted({other.model for other in asks if other.state == "held" and other.kind == ask.kind and other.model != ask.model}))
        what = f"memory: {ask.gang_gib:.2f} GiB for the run" if ask.kind == "memory" else f"{ask.cores} of {self.inventory.cores} cores"
        gpu = f" and {ask.gpu_memory_gib:g} GiB of a GPU" if ask.gpu_memory_gib else ""
        return f"{what}{gpu}; held by {holders or 'nobody'}"

    def _give_up_on_lost_gpu(self, ask: Ask) -> None:
        if ask.gpu_memory_gib and self.gpu_probe is not None and not self.gpu_probe.gpus():
            raise DeviceNotAvailable(model=ask.model, device="cuda", found="the GPU that was there when the run began is gone: the driver shows none")

    def _give_up_on_foreign_gpu(self, ask: Ask, waited_s: float) -> None:
        if ask.gpu_memory_gib and waited_s > FOREIGN_GPU_S:
            asks = self._ledger.read()
            free = max(self._gpu_gib(asks).values(), default=0.0)
            if free < ask.gpu_memory_gib:
                fix = "Other programs hold the rest: end them, lower `needs`, or train on the CPU with `device: cpu`."
                raise InsufficientResources(model=ask.model, resource="GPU memory", needed=ask.gpu_memory_gib, available=round(free, 2), unit="GiB", fix=fix)


def _append(log: Path, lease: Lease) -> None:
    """One line a lease; a line is written at once, so a reader sees whole ones."""
    log.parent.mkdir(parents=True, exist_ok=True)
    row = {"model": lease.model, "round": lease.round_index, "cores": lease.cores, "threads": lease.threads, "device": lease.device}
    with log.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({**row, "acquired": lease.acquired, "released": lease.released}) + "\n")
