"""Run as a program: hold leases until killed, or take many short ones and write down what was held when."""

import os
import signal
import sys
import time
from pathlib import Path

from unified_assets.compute.inventory import Gpu, Inventory
from unified_assets.compute.leases import LeaseBroker


def broker(folder: Path) -> LeaseBroker:
    gpu = Gpu(index=0, name="fake", memory_gib=10, free_gib=10)
    return LeaseBroker(folder, Inventory(cores=2, memory_gib=4, gpus=(gpu,)))


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def main() -> None:
    folder, what, model = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    leases = broker(folder)
    if what == "hold":
        with leases.admit(model, 2), leases.round(model, 1, cores=int(sys.argv[4])):
            say("held")
            time.sleep(60)
    elif what == "fork":
        with leases.round(model, 1, cores=2):
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            say(str(child))
            os.kill(os.getpid(), signal.SIGKILL)
    elif what == "gpu":
        for index in range(4):
            with leases.round(model, index, cores=1, device="cuda", gpu_memory_gib=6, log=folder / f"{model}.jsonl"):
                time.sleep(0.02)
    else:
        for index in range(int(sys.argv[4])):
            cores = 1 + (index + os.getpid()) % 2
            with leases.round(model, index, cores=cores, log=folder / f"{model}.jsonl"):
                time.sleep(0.004)
    say("done")


if __name__ == "__main__":
    main()
