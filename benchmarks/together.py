"""Seven models together against the same rounds one after another: wall time, CPU-seconds, and private memory of the steps.

    python benchmarks/together.py [FOLDER] [--preset quick_start] [--repeats 5]

FOLDER holds raw files (default: the sample lake, written for it). The product trains once so that datasets and baselines are there;
then each repeat, with a seed of its own, takes in one run on this machine:
- together: `unified-assets train`, everything in it: Dagster, MLflow, registration, report;
- one after another: the same `train_round` calls in one process, model by model and round by round, without leases, Dagster and
  MLflow, on one thread and on all cores.
Printed: the medians, together's wall time as a share of the faster of the two others, its CPU-seconds as a share of those on one
thread, and the highest sum of private memory (USS) of the run's training steps, each step's data and models in it.
"""

import argparse
import statistics
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import psutil
from road import adopt_orphans, measure_command

from unified_assets.compute.inventory import usable_cores
from unified_assets.core import plugins
from unified_assets.core.settings import Settings

LOOK_S = 2.0  # the kernel walks all pages of a process for one look


def main() -> None:
    """Measure every repeat."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path)
    ask.add_argument("--preset", default="quick_start")
    ask.add_argument("--repeats", type=int, default=5)
    ask.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    args = ask.parse_args()
    if args.bare:
        bare(args.preset, args.bare)
        return
    adopt_orphans()
    with tempfile.TemporaryDirectory() as scratch:
        home, raw = Path(scratch), args.folder
        if raw is None:
            raw = home / "sample"
            measure_command("sample", [sys.executable, "-m", "unified_assets.cli", "sample", str(raw)], home / "none", raw)
        measure(raw.absolute(), home, args)


def measure(raw: Path, home: Path, args: argparse.Namespace) -> None:
    """Print the table of a lake."""
    product = [sys.executable, "-m", "unified_assets.cli", "train", "--preset"]
    measure_command("train", [*product, str(seeded(home, args.preset, 1))], home / "state", raw, may_fail=True)
    cores = usable_cores()
    figures: dict[str, list[tuple[float, float]]] = {"together": [], "one thread": [], f"{cores} threads": []}
    private = []
    print(f"{raw.name}, preset {args.preset}, {cores} cores\n{'repeat':<8}" + "".join(f"{name + ': wall, CPU s':>28}" for name in figures), flush=True)
    for repeat in range(args.repeats):
        preset = str(seeded(home, args.preset, 2 + repeat))
        commands = {"together": [*product, preset]}
        commands |= {
            name: [sys.executable, __file__, "--preset", preset, "--bare", str(threads)] for name, threads in (("one thread", 1), (f"{cores} threads", cores))
        }
        for name, command in commands.items():
            with Watch() as watch:
                figures[name].append(measure_command(name, command, home / "state", raw, may_fail=True))
            if name == "together":
                private.append(watch.most)
        print(f"{repeat + 1:<8}" + "".join(f"{wall:>18.1f}{cpu:>10.1f}" for wall, cpu in (found[-1] for found in figures.values())), flush=True)
    walls = {name: statistics.median(wall for wall, _ in found) for name, found in figures.items()}
    cpus = {name: statistics.median(cpu for _, cpu in found) for name, found in figures.items()}
    fastest = min(walls["one thread"], walls[f"{cores} threads"])
    print(
        f"together: {walls['together'] / fastest:.2f} of the wall time of the faster one, {cpus['together'] / cpus['one thread']:.2f} of the CPU-seconds on one"
    )
    print(f"private memory of all training steps, at most: {', '.join(f'{value / 2**20:.0f}' for value in private)} MiB")


def seeded(home: Path, preset: str, seed: int) -> Path:
    """The preset with a seed of its own, as a file."""
    import yaml

    from unified_assets.presets import load_preset

    path = home / f"seed-{seed}.yaml"
    fields = load_preset(preset).model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    path.write_text(yaml.safe_dump({**fields, "seed": seed, "start_from": "scratch"}), encoding="utf-8")
    return path


class Watch:
    """Samples the private memory of the training steps below this process, while it lasts."""

    def __init__(self) -> None:
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            self.most = max(self.most, sum(uss(process) for process in psutil.Process().children(recursive=True)))


def uss(process: psutil.Process) -> int:
    """Private bytes of a process that computes rounds: it has a model's lock open. 0 of any other, and of one that is gone."""
    with suppress(psutil.Error, OSError):
        held = [str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir()]
        if any("/runs/" in path and "/locks" in path for path in held):
            return int(process.memory_full_info().uss)
    return 0


def bare(preset_name: str, threads: int) -> None:
    """All models' rounds in this process, each reading what the others published in the round before."""
    from dataclasses import replace

    from unified_assets.compute.inventory import detect
    from unified_assets.datasets import load, read_counts
    from unified_assets.presets import load_preset
    from unified_assets.store.local import Store
    from unified_assets.training import word_vectors
    from unified_assets.training.baselines import kept_in
    from unified_assets.training.computing import Closing, Here
    from unified_assets.training.inputs import chosen_tasks
    from unified_assets.training.orders import RoundOrder
    from unified_assets.training.plan import make_plan
    from unified_assets.training.rounds import teachers

    settings, preset, specs = Settings().absolute(), load_preset(preset_name), plugins.models()
    store, inventory = Store(settings.state), detect(settings.state)
    folders: dict[str, Any] = {name: store.current(f"datasets/{name}") for name in specs}
    counts = {name: read_counts(folder) for name, folder in folders.items() if folder is not None}
    members = [name for name, found in counts.items() if found.train]
    with tempfile.TemporaryDirectory() as scratch:
        run, texts = Path(scratch), {name: folders[name] for name in specs if specs[name].words is not None and folders[name] is not None}
        plan = make_plan(run, models={name: counts[name] for name in members}, preset=preset, inventory=inventory, specs=specs, texts=texts)
        orders, places, closings = {}, {}, {}
        for name in members:
            dataset, final = load(folders[name]), run / "models" / name / "final"
            tasks = chosen_tasks(dataset, preset)
            if plan.word_vectors is not None and specs[name].words == "shares":
                shared = word_vectors.shared(run, plan.word_vectors, texts, lease=_nothing, waiting=_quiet)
                tasks = tuple(replace(data, word_vectors=shared) for data in tasks)
            facts = {"checkpoints": final.with_name("checkpoints"), "knowledge_dir": run / "knowledge", "log": _quiet, "threads": threads}
            orders[name] = RoundOrder(spec=specs[name], plan=plan.models[name], preset=preset, tasks=tasks, pairs=dataset.pairs, round_index=0, **facts)
            closings[name] = Closing(folder=final, dataset=dataset.digest, baselines=kept_in(dataset.folder, specs[name]))
            places[name] = Here()
            places[name].prepare(orders[name], None)
        reading = {name: teachers(name, specs, members, {}) if "teaching" in preset.exchange else () for name in members}
        for index in range(1, preset.rounds + 1):
            for name in members:
                places[name].train(replace(orders[name], round_index=index, peers=slots_of(run, reading[name], index - 1)))
        for name in members:
            order = replace(orders[name], round_index=preset.rounds)
            if order.refit_steps(order.total_steps()):
                order = replace(order, round_index=preset.rounds + 1, refit=True, peers=slots_of(run, reading[name], preset.rounds - 1))
                places[name].train(order)
            places[name].finish(replace(order, peers={}), closings[name])


def slots_of(run: Path, peers: Sequence[str], index: int) -> dict[str, Path]:
    """What peers published after a round; nothing before the first."""
    from unified_assets.training import slots

    return {peer: slots.slot_of(run / "knowledge", peer, index) for peer in peers if index > 0}


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()


def _quiet(_: str) -> None:
    """Drop what is logged."""


if __name__ == "__main__":
    main()
