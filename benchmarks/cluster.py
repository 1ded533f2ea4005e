"""What Ray costs beside local processes on the same work, with nodes on this machine: ratios of wall time and of CPU-seconds.

    python benchmarks/cluster.py [FOLDER] [--nodes 2] [--most 4000] [--epochs 12] [--repeats 3] [--models logic_model concept_models]

1. the catalog scan of FOLDER (default: a sample lake), at most so many of its files, with as many local workers as there are nodes;
2. the training rounds of models on the texts of a sample lake, one model after the other, an epoch a round: all of the training (with the start of
   the worker processes), and a round alone (the median, without the first). The weights must be the same bits.
Nodes have one core each and a head that orders only. CPU-seconds are those of all processes of a namespace in which nothing else runs: what
the nodes use while they have nothing to do is told apart, per second. Local and Ray take turns.
"""

import argparse
import contextlib
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from unified_assets import datasets, sample
from unified_assets.allocation import allocate
from unified_assets.catalog import scan
from unified_assets.compute import cluster
from unified_assets.compute.inventory import Inventory
from unified_assets.compute.leases import LeaseBroker
from unified_assets.core.contracts import SilentSink
from unified_assets.core.plugins import models
from unified_assets.core.presets import Preset
from unified_assets.core.settings import Settings
from unified_assets.quality import assess
from unified_assets.training.plan import make_plan
from unified_assets.training.remote import there
from unified_assets.training.rounds import train_model

APART = ("unshare", "-rn", "-pf", "--kill-child", "--mount-proc")  # Ray listens on all addresses
ADDRESS = "127.0.0.1:6379"
RAY = str(Path(sys.executable).with_name("ray"))
IDLE_S = 10.0
LOOK_S = 0.2


def main() -> None:
    """Measure both, in a namespace of their own."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path)
    ask.add_argument("--nodes", type=int, default=2)
    ask.add_argument("--most", type=int, default=4000)
    ask.add_argument("--epochs", type=int, default=12)
    ask.add_argument("--repeats", type=int, default=3)
    ask.add_argument("--models", nargs="+", default=["logic_model", "concept_models"])
    args = ask.parse_args()
    if os.getpid() != 1:
        path = os.pathsep.join(path for path in sys.path if path)
        raise SystemExit(subprocess.run([*APART, sys.executable, *sys.argv], env={**os.environ, "PYTHONPATH": path}, check=False).returncode)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)  # noqa: S607 - where it is, differs
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="ua-", dir="/tmp") as scratch, nodes(Path(scratch), args.nodes):
        with watched() as idle:
            time.sleep(IDLE_S)
        print(f"{args.nodes} nodes and a head with nothing to do: {idle['CPU'] / IDLE_S:.2f} CPU-seconds a second")
        lake = linked(args.folder, Path(scratch, "lake"), args.most) if args.folder else sample.write(Path(scratch, "lake")).folder
        files = sum(path.is_file() for path in lake.rglob("*"))
        report(f"catalog scan of {files:,} files", [scanned(lake, Path(scratch), args.nodes, turn) for turn in range(args.repeats)])
        texts, prepared = Path(scratch, "texts"), Path(scratch, "prepared")
        shutil.copytree(sample.write(Path(scratch, "small"), scale=0.3).folder / "texts", texts)
        prepare(Settings(raw=texts, state=prepared, workers=1), args.models)
        for model in args.models:
            turns = [trained(model, prepared, Path(scratch), args.epochs, turn) for turn in range(args.repeats)]
            report(f"{model}, {args.epochs} rounds", turns)


@contextlib.contextmanager
def nodes(folder: Path, count: int) -> Iterator[None]:
    """A head that orders only, and nodes of one core."""
    started = []
    for last in range(1, count + 2):
        role = ["--head", "--port=6379", "--include-dashboard=false", f"--temp-dir={folder / 'ray'}"] if last == 1 else [f"--address={ADDRESS}"]
        sizes = [f"--num-cpus={int(last > 1)}", "--memory=4000000000", "--object-store-memory=100000000"]
        log = folder / f"node-{last}.log"
        with log.open("w", encoding="utf-8") as stream:
            command = [RAY, "start", *role, f"--node-ip-address=127.0.0.{last}", *sizes, "--block"]
            started.append(subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT))
        while "Ray runtime started" not in log.read_text(encoding="utf-8"):
            if started[-1].poll() is not None:
                raise SystemExit(log.read_text(encoding="utf-8"))
            time.sleep(0.2)
    try:
        yield
    finally:
        for node in started:
            node.terminate()


def scanned(lake: Path, scratch: Path, workers: int, turn: int) -> dict[str, dict[str, float]]:
    """A first scan, each way."""
    found, digests = {}, []
    for where, address in ways(turn):
        state = scratch / f"scan-{where}-{turn}"
        settings = Settings(raw=lake, state=state, workers=workers, ray_address=address)
        with measured() as figures:
            digests.append(scan(settings).digests)
        found[where] = figures
    if digests[0] != digests[1]:
        raise SystemExit("the catalogs differ")
    return found


def trained(model: str, prepared: Path, scratch: Path, epochs: int, turn: int) -> dict[str, dict[str, float]]:
    """The rounds of a model, each way."""
    found, weights = {}, []
    for where, address in ways(turn):
        run = scratch / f"{model}-{where}-{turn}"
        began = time.time()
        with measured() as figures:
            folder = train(model, prepared, run, epochs, address)
        rows = [json.loads(line) for line in (run / "rounds" / f"{model}.jsonl").read_text(encoding="utf-8").splitlines()]
        ends = [row["ended"] for row in rows if not row["refit"]]
        figures["to the end of round 1"] = rows[0]["ended"] - began
        figures["round"] = statistics.median(after - before for before, after in itertools.pairwise(ends))
        weights.append((folder / "weights.safetensors").read_bytes())
        found[where] = figures
    if weights[0] != weights[1]:
        raise SystemExit(f"the weights of {model} differ")
    return found


def train(model: str, prepared: Path, run: Path, epochs: int, address: str | None) -> Path:
    """One model; returns the folder of its weights."""
    folder = next((prepared / "versions" / "datasets" / model).glob("current")).resolve()
    dataset, machine = datasets.load(folder), Inventory(cores=1, memory_gib=8)
    preset = Preset(epochs=epochs, checkpoint_interval=1, target_models=(model,), min_steps_per_epoch=60, max_steps_per_epoch=60)
    run.mkdir()
    (folder / "baselines.json").unlink(missing_ok=True)
    return train_model(
        models()[model],
        dataset=dataset,
        run_dir=run,
        knowledge_dir=run / "knowledge",
        plan=make_plan(run, models={model: datasets.read_counts(folder)}, preset=preset, inventory=machine, specs=models()),
        broker=LeaseBroker(run / "leases", machine),
        members=(model,),
        champions={},
        initial=None,
        sink=SilentSink(),
        computing=there(address, dataset=dataset, load=datasets.load),
    ).folder


def prepare(settings: Settings, names: list[str]) -> None:
    """Catalog to datasets."""
    for stage in (scan, assess, allocate):
        stage(settings)
    for model in names:
        datasets.build(settings, model)


@contextlib.contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Wall time and CPU-seconds of what is done within; a connection to the cluster is made and ended there."""
    figures: dict[str, float] = {}
    with watched() as used:
        began = time.perf_counter()
        yield figures
        figures["wall"] = time.perf_counter() - began
        if "ray" in sys.modules:
            cluster.leave()
    figures["CPU"] = used["CPU"]


@contextlib.contextmanager
def watched() -> Iterator[dict[str, float]]:
    """CPU-seconds that processes of this namespace used meanwhile, as last seen of each.

    Ray's nodes wait for no child, so the times of one that has ended are lost to its parent.
    """
    done, latest, figures = threading.Event(), {}, {"CPU": 0.0}
    before = seen()

    def look() -> None:
        while not done.wait(LOOK_S):
            latest.update(seen())
        latest.update(seen())
        figures["watching"] = time.thread_time()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield figures
    finally:
        done.set()
        thread.join()
    figures["CPU"] = sum(total - before.get(process, 0.0) for process, total in latest.items()) - figures["watching"]


def seen() -> dict[tuple[int, float], float]:
    """Process, by number and start → its CPU-seconds."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            found[process.pid, process.create_time()] = times.user + times.system
    return found


def ways(turn: int) -> list[tuple[str, str | None]]:
    """Both ways, in turns."""
    both: list[tuple[str, str | None]] = [("local", None), ("ray", ADDRESS)]
    return both if turn % 2 == 0 else both[::-1]


def linked(folder: Path, lake: Path, most: int) -> Path:
    """Links to every n-th file, so that no kind is left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    for path in files[:: max(1, -(-len(files) // most))]:
        target = lake / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, target)
        except OSError:  # another file system
            shutil.copyfile(path, target)
    return lake


def report(what: str, turns: list[dict[str, dict[str, Any]]]) -> None:
    """A line a figure: the median of each way, and the median of the ratios with the least and the most."""
    for figure in turns[0]["local"]:
        local, ray = (statistics.median(turn[where][figure] for turn in turns) for where in ("local", "ray"))
        ratios = sorted(turn["ray"][figure] / turn["local"][figure] for turn in turns)
        shown = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"{what}: {figure} {local:.2f} s local, {ray:.2f} s on Ray, ratio {shown}, load {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main()
