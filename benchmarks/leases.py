"""Many processes that take leases and are killed at random in; over-allocations, hangs and the cost of a lease out.

python benchmarks/leases.py --processes 12 --seconds 15
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from unified_assets.compute.inventory import Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.compute.ledger import Ledger

CORES = 2


def work(folder: Path, model: str) -> None:
    """Take leases of one or two cores until killed."""
    broker, generator = LeaseBroker(folder, Inventory(cores=CORES, memory_gib=64)), random.Random(model)
    for index in range(1_000_000):
        with broker.round(model, index, cores=generator.randint(1, CORES)):
            time.sleep(generator.random() * 0.01)


def start(folder: Path, number: int) -> "subprocess.Popen[bytes]":
    """A process that takes leases."""
    return subprocess.Popen([sys.executable, __file__, "--folder", str(folder), "--model", f"m{number}"])


def measure(processes: int, seconds: float) -> dict[str, float]:
    """Kill a random process again and again; count what is held by the living at every look."""
    folder, generator = Path(tempfile.mkdtemp()), random.Random(1)
    running, kills, samples, over, number = [start(folder, place) for place in range(processes)], 0, 0, 0, processes
    ledger, until = Ledger(folder), time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.02)
        with ledger.guard() as asks:
            held = sum(ask.cores for ask in asks if ask.state == "held")
        samples, over = samples + 1, over + (held > CORES)
        if samples % 5 == 0:
            victim = generator.randrange(len(running))
            running[victim].kill()
            running[victim].wait()
            running[victim], kills, number = start(folder, number), kills + 1, number + 1
    for process in running:
        process.kill()
        process.wait()
    with ledger.guard() as asks:
        left = len(asks) + len(list((folder / "asks").iterdir()))
    return {"kills": kills, "samples": samples, "over_allocations": over, "leaked_after_the_end": left, "uncontended_ms": round(uncontended_ms(), 3)}


def uncontended_ms(count: int = 200) -> float:
    """Median cost of taking and giving back a lease nobody else wants."""
    broker, times = LeaseBroker(Path(tempfile.mkdtemp()), Inventory(cores=CORES, memory_gib=64)), []
    for index in range(count):
        started = time.perf_counter()
        with broker.round("m", index):
            pass
        times.append(time.perf_counter() - started)
    return sorted(times)[count // 2] * 1000


def main() -> None:
    """Read the arguments; measure, or be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        work(arguments.folder, arguments.model)
    else:
        print(json.dumps(measure(arguments.processes, arguments.seconds)))


if __name__ == "__main__":
    main()
