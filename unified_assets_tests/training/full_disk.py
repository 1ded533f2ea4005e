"""A small model trains on a disk of its own that is full, then read-only, then large enough; what is said, and what came of it, as JSON.

unshare --user --map-root-user --mount python full_disk.py FOLDER
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import tiny_models as tiny

from unified_assets.compute.ledger import Ledger, locked
from unified_assets.core.presets import Preset
from unified_assets.store.local import not_writable
from unified_assets.training import checkpoints

SMALL_KIB = 120  # room for two checkpoints of it
PRESET = Preset(name="test", epochs=10, batch_size=16, checkpoint_interval=2, min_steps_per_epoch=4, max_steps_per_epoch=4)


def mount(folder: Path, options: str) -> None:
    """Mount the disk, or change it."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True)


def attempt(run: Path) -> dict:
    """Train; how it ended, and what it left."""
    try:
        outcome = tiny.train("eye", run, preset=PRESET, members=("eye",), specs={"eye": tiny.spec("eye")})
    except Exception as error:  # noqa: BLE001 (whatever it is, it must be told as an error of the disk)
        known = not_writable(error, run)
        said = f"{type(known).__name__}: {known}" if known else f"{type(error).__name__}: {error}"
        home = run / "models" / "eye" / "checkpoints"
        whole = [int(folder.name[-4:]) for folder in sorted(home.glob("round_*")) if checkpoints.verify(folder)]
        return {"said": said, "whole": whole, "held": [path.name for path in run.rglob("*.lock") if locked(path)]}
    return {"weights": hashlib.sha256((outcome.folder / "weights.safetensors").read_bytes()).hexdigest()}


def main() -> None:
    """All of it, one after the other."""
    disk = Path(sys.argv[1])
    mount(disk, f"size={SMALL_KIB}k")
    run, told = disk / "run", {}
    told["full"] = attempt(run)
    mount(disk, "remount,size=60m,ro")
    told["read_only"] = attempt(run)
    mount(disk, "remount,rw")
    told["resumed"] = attempt(run)
    with Ledger(run).guard() as asks:
        told["asks"] = [ask.model for ask in asks]
    told["left"] = sorted(path.name for path in run.rglob(".tmp-*"))
    shutil.rmtree(run)
    told["undisturbed"] = attempt(run)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
