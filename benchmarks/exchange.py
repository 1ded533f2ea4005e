"""What peer teaching gives and costs: the same seeds alone and together, on lakes of paired images and sounds.

    python benchmarks/exchange.py FOLDER [FOLDER …] [--models vision_service audio_service] [--seeds 7] [--preset quick_start]

FOLDER holds raw files. Each lake is scanned, judged, allocated and frozen once; then the models train with `exchange: false` and
with `exchange: true`, each in a process of its own as in the product, but without Dagster and MLflow. Printed for each
task and seed: alone, together, the difference in points, and the CPU-seconds of both; then means and deviations over the seeds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from unified_assets.core import plugins
from unified_assets.core.settings import Settings

MODELS = ("vision_service", "audio_service")


def main() -> None:
    """Measure every folder."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folders", nargs="+", type=Path)
    ask.add_argument("--models", nargs="+", default=list(MODELS))
    ask.add_argument("--seeds", nargs="+", type=int, default=[7])
    ask.add_argument("--preset", default="quick_start")
    ask.add_argument("--state", type=Path, help="folder to keep the frozen datasets and runs in (default: a temporary one)")
    ask.add_argument("--one", help=argparse.SUPPRESS)
    ask.add_argument("--exchange", action="store_true", help=argparse.SUPPRESS)
    args = ask.parse_args()
    if args.one:
        train(args.folders[0], args.state, args.one, args)
        return
    with tempfile.TemporaryDirectory() as scratch:
        for folder in args.folders:
            measure(folder.absolute(), (args.state or Path(scratch)).absolute() / folder.name, args)


def measure(raw: Path, state: Path, args: argparse.Namespace) -> None:
    """Print the table of one lake."""
    freeze(raw, state, args.models)
    print(f"\n{raw.name}, preset {args.preset}\n{'seed':<6}{'task':<60}{'alone':>8}{'together':>10}{'points':>8}{'CPU s':>8}{'CPU s':>8}")
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in args.seeds:
        alone, together = (run(raw, state, seed, args, exchange=exchange) for exchange in (False, True))
        for name, (after, dearer) in together.items():
            if name not in alone:  # without labels there is nothing to train alone
                print(f"{seed:<6}{name:<60}{'-':>8}{after:>10.1%}{'-':>8}{'-':>8}{dearer:>8.0f}", flush=True)
                continue
            before, cost = alone[name]
            scores.setdefault(name, []).append((before, after))
            print(f"{seed:<6}{name:<60}{before:>8.1%}{after:>10.1%}{100 * (after - before):>+8.1f}{cost:>8.0f}{dearer:>8.0f}", flush=True)

    for name, pairs in scores.items() if len(args.seeds) > 1 else ():
        before, after = np.asarray(pairs).T
        shown = f"{before.mean():.1%} ± {before.std(ddof=1):.1%} alone, {after.mean():.1%} ± {after.std(ddof=1):.1%} together"
        print(f"{name}: {shown}, {100 * (after - before).mean():+.1f} points over {len(pairs)} seeds", flush=True)


def freeze(raw: Path, state: Path, models: list[str]) -> None:
    """Raw files to datasets."""
    from unified_assets.allocation import allocate
    from unified_assets.catalog import scan
    from unified_assets.datasets import build
    from unified_assets.quality import assess

    settings = Settings(raw=raw, state=state)
    scan(settings, quiet)
    assess(settings, quiet)
    allocate(settings, quiet)
    for model in models:
        build(settings, model, quiet)


def run(raw: Path, state: Path, seed: int, args: argparse.Namespace, *, exchange: bool) -> dict[str, tuple[float, float]]:
    """Model and task → (test score, CPU-seconds of the model)."""
    words = [sys.executable, __file__, str(raw), "--state", str(state), "--preset", args.preset, "--seeds", str(seed)]
    words += [*(["--exchange"] if exchange else []), "--models", *args.models]
    steps = [subprocess.Popen([*words, "--one", model]) for model in args.models]
    codes = [step.wait() for step in steps]  # all of them: none may outlive this process
    if any(codes):
        raise SystemExit("a model failed")
    out = {}
    for model in args.models:
        path = folder_of(state, seed, exchange=exchange) / "models" / model / "final" / "results.json"
        results = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"tasks": []}
        for task in results["tasks"]:
            if task["score"] is not None:
                out[f"{model.removesuffix('_service')}: {task['task']}"[:59]] = (float(task["score"]), float(results["cpu_s"]))
    return out


def train(raw: Path, state: Path, model: str, args: argparse.Namespace) -> None:
    """One model's step."""
    from unified_assets.compute.inventory import detect
    from unified_assets.compute.leases import LeaseBroker
    from unified_assets.core.contracts import SilentSink
    from unified_assets.core.errors import NothingToTrain
    from unified_assets.datasets import load, read_counts
    from unified_assets.presets import load_preset
    from unified_assets.store.local import Store
    from unified_assets.training.plan import make_plan
    from unified_assets.training.rounds import train_model

    store, inventory, specs = Store(Settings(raw=raw, state=state).absolute().state), detect(state), plugins.models()
    folders: dict[str, Any] = {name: store.current(f"datasets/{name}") for name in args.models}
    counts = {name: read_counts(folder) for name, folder in folders.items()}
    preset = load_preset(args.preset).model_copy(update={"seed": args.seeds[0], "exchange": ("teaching",) if args.exchange else ()})
    run_dir = folder_of(state, args.seeds[0], exchange=args.exchange)
    try:
        train_model(
            specs[model],
            dataset=load(folders[model]),
            run_dir=run_dir,
            knowledge_dir=run_dir / "knowledge",
            plan=make_plan(run_dir, models=counts, preset=preset, inventory=inventory, specs=specs),
            broker=LeaseBroker(run_dir, inventory),
            members=tuple(args.models),
            champions={},
            initial=None,
            sink=SilentSink(),
        )
    except NothingToTrain as problem:
        print(f"{model}: {problem}", flush=True)


def folder_of(state: Path, seed: int, *, exchange: bool) -> Path:
    """Where a run of this benchmark lies."""
    return state / "runs" / f"{'together' if exchange else 'alone'}-{seed}"


def quiet(_: str) -> None:
    """Drop what a stage logs."""


if __name__ == "__main__":
    main()
