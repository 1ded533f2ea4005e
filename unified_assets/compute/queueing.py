"""The asks of a ledger and a machine in; which asks are granted now out. Pure: no clock, no files.

Order: priority (which rises by one a minute of waiting), then longest remaining work, then first come. An ask that does not
fit takes what it is short of out of what later asks see as free, so nobody overtakes on a contested resource and no large
ask starves; an ask that waits for a GPU leaves free cores to others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from unified_assets.compute.ledger import Ask

AGEING_S = 60.0
SLACK = 1e-9


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What can be granted in all. `gpu_gib`: GPU -> memory that is not other programs'."""

    cores: int
    memory_gib: float
    gpu_gib: Mapping[int, float] = field(default_factory=dict)


def grant(asks: list[Ask], machine: Machine, now: float) -> None:
    """Set the state of every ask that can be granted to held, and mark residents that must leave a GPU."""
    cores = machine.cores - sum(ask.cores for ask in asks if ask.state == "held")
    gangs = {ask.gang: ask.gang_gib for ask in asks if ask.kind == "memory" and ask.state == "held"}
    memory_gib = machine.memory_gib - sum(gangs.values())
    taken: set[int | None] = {ask.gpu for ask in asks if ask.state == "held" and ask.gpu is not None}
    for ask in sorted((ask for ask in asks if ask.state == "waiting"), key=lambda ask: _rank(ask, now)):
        if ask.kind == "memory":
            if ask.gang in gangs or ask.gang_gib <= memory_gib + SLACK:
                ask.state = "held"
            if ask.gang not in gangs:  # also where it does not fit: reserved, so that a small gang cannot overtake
                gangs[ask.gang] = ask.gang_gib
                memory_gib -= ask.gang_gib
            continue
        fits = ask.cores <= cores
        gpu = _gpu_for(ask, asks, machine, taken) if ask.gpu_memory_gib else None
        if fits and (gpu is not None or not ask.gpu_memory_gib):
            _hold(ask, asks, gpu)
        if gpu is None and ask.gpu_memory_gib:
            gpu = _reserve(ask, asks, machine, taken)
        if gpu is not None:
            taken.add(gpu)
        if ask.state == "held" or not fits:
            cores -= ask.cores


def _rank(ask: Ask, now: float) -> tuple[float, float, float, str]:
    return (-(ask.priority + int((now - ask.since) / AGEING_S)), -ask.remaining, ask.since, ask.ask_id)


def _hold(ask: Ask, asks: list[Ask], gpu: int | None) -> None:
    ask.state, ask.gpu = "held", gpu
    for other in asks:
        if _own_resident(ask, other):
            other.gpu_memory_gib, other.gpu = 0.0, None  # it becomes part of this lease


def _own_resident(ask: Ask, other: Ask) -> bool:
    return other.state == "resident" and other.model == ask.model and other.pid == ask.pid


def _free_gib(ask: Ask, asks: list[Ask], machine: Machine, gpu: int) -> float:
    return machine.gpu_gib[gpu] - sum(other.gpu_memory_gib for other in asks if other.gpu == gpu and not _own_resident(ask, other))


def _gpu_for(ask: Ask, asks: list[Ask], machine: Machine, taken: set[int | None]) -> int | None:
    """A GPU nobody computes on, with room: the one where the model still is, else the fullest that fits."""
    fitting = [gpu for gpu in machine.gpu_gib if gpu not in taken and ask.gpu_memory_gib <= _free_gib(ask, asks, machine, gpu) + SLACK]
    home = {other.gpu for other in asks if _own_resident(ask, other)}
    return min(fitting, key=lambda gpu: (gpu not in home, _free_gib(ask, asks, machine, gpu), gpu), default=None)


def _reserve(ask: Ask, asks: list[Ask], machine: Machine, taken: set[int | None]) -> int | None:
    """The GPU this ask will get: later asks keep off it. Models that only rest there are asked to leave."""
    able = [gpu for gpu, gib in machine.gpu_gib.items() if gpu not in taken and ask.gpu_memory_gib <= gib + SLACK]
    gpu = max(able, key=lambda gpu: (_free_gib(ask, asks, machine, gpu), -gpu), default=None)
    for other in asks:
        if gpu is not None and other.gpu == gpu and other.state == "resident" and not _own_resident(ask, other):
            other.evict = True
    return gpu
