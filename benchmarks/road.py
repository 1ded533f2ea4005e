"""Seconds and CPU-seconds of each stage on the sample and on a given folder, and whose they are.

    python benchmarks/road.py [FOLDER] [--preset quick_start]

For each lake, in one run on this machine:
1. the stages by themselves, each in a process of its own, without Dagster and MLflow: *ours*;
2. the MLflow calls that a training run makes, replayed by themselves: *MLflow's*;
3. the whole product, `unified-assets train`, in a fresh state; what is left of its CPU-seconds is *Dagster's*
   (the run worker, thirty step processes, events, checks).
Ratios are what to quote; the machine's speed is not.
"""

import argparse
import contextlib
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from unified_assets.compute.inventory import usable_cores
from unified_assets.core import plugins
from unified_assets.core.settings import Settings

STAGES = ("scan", "assess", "allocate", "datasets", "train")


def main() -> None:
    """Measure the sample, then the folder if one is given."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path)
    ask.add_argument("--preset", default="quick_start")
    ask.add_argument("--stage", nargs="+", help=argparse.SUPPRESS)
    args = ask.parse_args()
    if args.stage:
        stage(args.stage[0], *args.stage[1:], preset=args.preset)
        return
    adopt_orphans()
    with tempfile.TemporaryDirectory() as scratch:
        lake = Path(scratch, "sample")
        measure_command("sample", [sys.executable, "-m", "unified_assets.cli", "sample", str(lake)], Path(scratch, "none"), lake)
        measure(lake, Path(scratch, "state"), args.preset)
        if args.folder:
            measure(args.folder.absolute(), Path(scratch, "state-folder"), args.preset)


def measure(raw: Path, state: Path, preset: str) -> None:
    """Print the table of one lake."""
    print(f"\n{raw.name}, preset {preset}, {usable_cores()} cores")
    print(f"{'stage':<24}{'wall s':>9}{'CPU s':>9}{'share of CPU':>14}")
    bare = state.with_name(f"{state.name}-bare")
    figures = {name: measure_command(name, [sys.executable, __file__, "--preset", preset, "--stage", name], bare, raw) for name in STAGES}
    tracked = measure_command("mlflow", [sys.executable, __file__, "--preset", preset, "--stage", "mlflow"], bare, raw)
    whole = measure_command("train", [sys.executable, "-m", "unified_assets.cli", "train", "--preset", preset], state, raw, may_fail=True)
    total = whole[1]
    for name, (wall, cpu) in figures.items():
        print(f"{name:<24}{wall:>9.1f}{cpu:>9.1f}{cpu / total:>14.0%}")
    ours = sum(cpu for _, cpu in figures.values())
    rest = total - ours - tracked[1]
    for name, wall, cpu in (
        ("ours", sum(wall for wall, _ in figures.values()), ours),
        ("MLflow's", *tracked),
        ("Dagster's (the rest)", None, rest),
        ("the product", *whole),
    ):
        print(f"{name:<24}{'' if wall is None else f'{wall:.1f}':>9}{cpu:>9.1f}{cpu / total:>14.0%}")
    again = measure_command("again", [sys.executable, "-m", "unified_assets.cli", "train", "--preset", preset], state, raw)
    print(f"{'once more, unchanged':<24}{again[0]:>9.1f}{again[1]:>9.1f}{again[1] / total:>14.0%}")


def measure_command(name: str, command: list[str], state: Path, raw: Path, *, may_fail: bool = False) -> tuple[float, float]:
    """(wall seconds, CPU seconds of the process and all it waited for) of one command. Raises SystemExit when it fails."""
    environment = os.environ | {"UNIFIED_ASSETS_RAW": str(raw), "UNIFIED_ASSETS_STATE": str(state)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - began
    wait_for_orphans()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode and not (may_fail and done.returncode == 1):
        raise SystemExit(f"{name} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def adopt_orphans() -> None:
    """Become the parent of what outlives a command (fork servers), so that its CPU-seconds are counted. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def wait_for_orphans() -> None:
    """Reap every child that is left."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def stage(name: str, *model: str, preset: str) -> None:
    """Run one stage in this process, without Dagster and MLflow; `train` starts a process a model."""
    settings = Settings().absolute()
    run = settings.state / "runs" / "bare"
    if name == "scan":
        from unified_assets.catalog import scan

        scan(settings, quiet)
    elif name == "assess":
        from unified_assets.quality import assess

        assess(settings, quiet)
    elif name == "allocate":
        from unified_assets.allocation import allocate

        allocate(settings, quiet)
    elif name == "datasets":
        from unified_assets.datasets import build

        for spec in plugins.models():
            build(settings, spec, quiet)
    elif name == "train" and not model:
        steps = [subprocess.Popen([sys.executable, __file__, "--preset", preset, "--stage", "train", spec]) for spec in plugins.models()]
        codes = [step.wait() for step in steps]  # all of them: none may outlive this process
        if any(codes):
            raise SystemExit("a model failed")
    elif name == "train":
        train(settings, run, model[0], preset)
    elif name == "mlflow":
        track(settings, run, preset)


def train(settings: Settings, run: Path, model: str, preset: str) -> None:
    """One model's step, as the product runs it, minus Dagster and MLflow."""
    from unified_assets.compute.inventory import detect
    from unified_assets.compute.leases import LeaseBroker
    from unified_assets.core.contracts import SilentSink
    from unified_assets.datasets import load, read_counts
    from unified_assets.presets import load_preset
    from unified_assets.store.local import Store
    from unified_assets.training.plan import make_plan
    from unified_assets.training.rounds import train_model

    store, inventory, specs = Store(settings.state), detect(settings.state), plugins.models()
    folders = {name: store.current(f"datasets/{name}") for name in specs}
    counts = {name: read_counts(folder) for name, folder in folders.items() if folder is not None}
    members = tuple(name for name, found in counts.items() if found.train)
    plan = make_plan(run, models={name: counts[name] for name in members}, preset=load_preset(preset), inventory=inventory, specs=specs)
    train_model(
        specs[model],
        dataset=load(folders[model]),
        run_dir=run,
        knowledge_dir=run / "knowledge",
        plan=plan,
        broker=LeaseBroker(run, inventory),
        members=members,
        champions={},
        initial=None,
        sink=SilentSink(),
    )


def track(settings: Settings, run: Path, preset: str) -> None:
    """The MLflow side of that run: a parent, a child a model, its rounds, its registration."""
    from unified_assets.datasets import load
    from unified_assets.presets import load_preset
    from unified_assets.store.local import Store
    from unified_assets.tracking.experiment import Tracker
    from unified_assets.tracking.registry import register

    tracker, store, wanted = Tracker(uri=settings.tracking_uri, state=settings.state), Store(settings.state), load_preset(preset)
    parent = tracker.parent(run, name="bare", parameters={"preset": preset})
    for name, spec in plugins.models().items():
        child = tracker.child(run, name, parent=parent, parameters={"preset": preset})
        with tracker.running(child):
            for index in range(1, wanted.rounds + 1):
                child.metrics({"train_loss": 1.0 / index, "valid_score": 0.5}, index)
            frozen, final = store.current(f"datasets/{name}"), run / "models" / name / "final"
            assert frozen is not None
            results = json.loads((final / "results.json").read_text(encoding="utf-8"))
            facts = {"identity": f"{name}-bare", "run_id": "bare", "log": quiet}
            register(tracker, child, spec=spec, dataset=load(frozen), folder=final, results=results, **facts)


def quiet(_: str) -> None:
    """Drop what a stage logs."""


if __name__ == "__main__":
    main()
