"""Seven small models that teach each other in a ring, trained by random schedules: who starts when, how many at once, who is killed.

    python schedules.py FOLDER COUNT [FIRST_SEED]

Prints a line of JSON for each schedule: its seed, places, kills, and a digest of the final weights of all models. The first one
is plain: all at once, nobody killed. Steps are forked from this process, which has imported torch and runs nothing of it.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import polars as pl  # noqa: F401 (imported once here, not by every forked step)
import safetensors.torch  # noqa: F401 (likewise)
import threadpoolctl  # noqa: F401 (likewise)
import tiny_models as tiny
import torch._dynamo  # noqa: F401 (likewise: optimisers import it at their first use)

from unified_assets.core.errors import YieldStep

MODELS = ("arm", "ear", "eye", "hip", "lung", "nose", "skin")
SPECS = {name: tiny.spec(name, [MODELS[(place + 1) % 7], MODELS[(place + 2) % 7]]) for place, name in enumerate(MODELS)}
PRESET = tiny.Preset(name="test", epochs=3, batch_size=16, checkpoint_interval=1, min_steps_per_epoch=4, max_steps_per_epoch=4)
PLACES = (1, 3, 7)
YIELDED, FAILED = 75, 1
TYPICAL_S = 0.6  # of a step; kills fall somewhere in it
STALL_S, GRACE_S, GIVE_UP_S = 0.15, 60.0, 900.0


def step(model: str, run_dir: Path, locks: str) -> int:
    """One attempt at a step, in a process of its own. Returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        tiny.train(model, run_dir, preset=PRESET, specs=SPECS, members=MODELS, locks=run_dir / locks, stall_s=STALL_S, grace_s=GRACE_S)
        os._exit(0)
    except YieldStep:
        os._exit(YIELDED)
    except BaseException as error:  # noqa: BLE001 (a forked child must never run the parent's code)
        sys.stderr.write(f"{model}: {type(error).__name__}: {error}\n")
        sys.stderr.flush()
        os._exit(FAILED)


def run(run_dir: Path, seed: int) -> dict:
    """All models by the schedule of a seed; 0 is the plain one."""
    chooser = random.Random(seed)
    places, kills = (chooser.choice(PLACES), chooser.randint(1, 4)) if seed else (7, 0)
    waiting = chooser.sample(MODELS, 7) if seed else list(MODELS)
    disasters = [chooser.uniform(0.1, 2.0)] if seed and chooser.random() < 0.4 else []
    running, deaths, locks, killed, began = {}, {}, "locks", 0, time.monotonic()
    while waiting or running:
        assert time.monotonic() - began < GIVE_UP_S, f"schedule {seed} hangs: {waiting} wait, {sorted(running.values())} run"
        while waiting and len(running) < places:
            pid = step(waiting[0], run_dir, locks)
            running[pid] = waiting.pop(0)
            if kills and chooser.random() < 0.5:
                deaths[pid], kills = time.monotonic() + chooser.uniform(0, TYPICAL_S), kills - 1
        if disasters and time.monotonic() - began > disasters[0]:
            deaths, locks = dict.fromkeys(running, 0.0), f"locks{disasters.pop()}"  # everything at once; a new attempt has new locks
        for pid in [pid for pid, when in deaths.items() if time.monotonic() >= when and pid in running]:
            os.kill(pid, signal.SIGKILL)
        for pid in list(running):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                model = running.pop(pid)
                assert code in {0, YIELDED, -signal.SIGKILL}, f"{model} ended with {code}"
                killed += code == -signal.SIGKILL
                if code:
                    waiting.append(model)
        time.sleep(0.002)
    return {"seed": seed, "places": places, "killed": killed, "digest": digest(run_dir)}


def digest(run_dir: Path) -> str:
    """Of the final weights of all models."""
    total = hashlib.sha256()
    for model in MODELS:
        total.update((run_dir / "models" / model / "final" / "weights.safetensors").read_bytes())
    return total.hexdigest()


def main() -> None:
    """Run the schedules asked for."""
    folder, count, first = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1
    for seed in [0, *range(first, first + count)]:
        sys.stdout.write(json.dumps(run(folder / str(seed), seed)) + "\n")
        sys.stdout.flush()
        shutil.rmtree(folder / str(seed))


if __name__ == "__main__":
    main()
