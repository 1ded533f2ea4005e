"""What a channel of exchange gives and costs: the same seeds alone and together, on lakes of paired images and sounds.

    python benchmarks/exchange.py FOLDER [FOLDER …] [--models vision_service audio_service] [--seeds 7] [--channels teaching] [--truth ORIGINALS]

FOLDER holds raw files. Each lake is scanned, judged, allocated and frozen once; then the models train with no channel and with those
named, each in a process of its own as in the product, but without Dagster and MLflow. Printed for each
task and seed: alone, together, the difference in points, and the CPU-seconds of both; then means and deviations over the seeds.
Where multimodal_service is among the models, also its retrieval on held-out pairs; with ORIGINALS, a folder of the same files whose names
say what they show (`num<digit>.png`, `<digit>_….wav`), a neighbour of the same class counts as well.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unified_assets.core import plugins
from unified_assets.core.presets import CHANNELS
from unified_assets.core.settings import Settings
from unified_assets.training.retrieval import AT

MODELS = ("vision_service", "audio_service")


def main() -> None:
    """Measure every folder."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folders", nargs="+", type=Path)
    ask.add_argument("--models", nargs="+", default=list(MODELS))
    ask.add_argument("--seeds", nargs="+", type=int, default=[7])
    ask.add_argument("--preset", default="quick_start")
    ask.add_argument("--state", type=Path, help="folder to keep the frozen datasets and runs in (default: a temporary one)")
    ask.add_argument("--truth", type=Path, help="originals of the files, whose names say what they show")
    ask.add_argument("--one", help=argparse.SUPPRESS)
    ask.add_argument("--share", help=argparse.SUPPRESS)
    ask.add_argument("--channels", nargs="+", default=["teaching"], choices=CHANNELS, help="what the models share together")
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
        alone, together = (run(raw, state, seed, args, channels) for channels in ((), tuple(args.channels)))
        for name, (after, dearer) in together.items():
            if name not in alone:  # without labels there is nothing to train alone
                print(f"{seed:<6}{name:<60}{'-':>8}{after:>10.1%}{'-':>8}{'-':>8}{dearer:>8.0f}", flush=True)
                continue
            before, cost = alone[name]
            scores.setdefault(name, []).append((before, after))
            print(f"{seed:<6}{name:<60}{before:>8.1%}{after:>10.1%}{100 * (after - before):>+8.1f}{cost:>8.0f}{dearer:>8.0f}", flush=True)
        print_retrieval(raw, state, folder_of(state, seed, tuple(args.channels)) / "models" / "multimodal_service" / "final", args.truth)

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


def run(raw: Path, state: Path, seed: int, args: argparse.Namespace, channels: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Model and task → (test score, CPU-seconds of the model)."""
    words = [sys.executable, __file__, str(raw), "--state", str(state), "--preset", args.preset, "--seeds", str(seed)]
    words += ["--share", ",".join(channels), "--models", *args.models]
    steps = [subprocess.Popen([*words, "--one", model]) for model in args.models]
    codes = [step.wait() for step in steps]  # all of them: none may outlive this process
    if any(codes):
        raise SystemExit("a model failed")
    out = {}
    for model in args.models:
        path = folder_of(state, seed, channels) / "models" / model / "final" / "results.json"
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

    channels = tuple(filter(None, args.share.split(",")))
    store, inventory, specs = Store(Settings(raw=raw, state=state).absolute().state), detect(state), plugins.models()
    folders: dict[str, Any] = {name: store.current(f"datasets/{name}") for name in args.models}
    counts = {name: read_counts(folder) for name, folder in folders.items()}
    preset = load_preset(args.preset).model_copy(update={"seed": args.seeds[0], "exchange": channels})
    run_dir = folder_of(state, args.seeds[0], channels)
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


def print_retrieval(raw: Path, state: Path, final: Path, truth: Path | None) -> None:
    """Recall of a file's own partner among held-out pairs, and of any file of its class."""
    if not (final / "results.json").is_file():
        return
    for row in json.loads((final / "results.json").read_text(encoding="utf-8"))["retrieval"]:
        shares = ", ".join(f"recall at {k} {row[f'recall_at_{k}']:.1%} (chance {row[f'chance_at_{k}']:.1%})" for k in AT)
        print(f"      {row['query']} to {row['answer']}, {row['candidates']} candidates: {shares}", flush=True)
    if truth is not None:
        shown = class_of_files(raw, truth)
        for query, answer, similarity, files in held_out_spaces(raw, state, final):
            classes = [[shown.get(path) for path in side] for side in files]
            known = [place for place, name in enumerate(classes[0]) if name is not None]
            order = np.argsort(-similarity, axis=1, kind="stable")
            right = np.asarray([[classes[1][place] == classes[0][row] for place in order[row]] for row in known])
            by_chance = right.mean()
            told = ", ".join(f"{right[:, :k].any(axis=1).mean():.1%} at {k} (chance {1 - (1 - by_chance) ** k:.1%})" for k in AT)
            print(f"      {query} to {answer}, same class: {told}", flush=True)


def class_of_files(raw: Path, truth: Path) -> dict[str, str]:
    """Path in the lake → what it shows, by content."""
    import re

    import xxhash

    named = re.compile(r"num(\d)\.png$|^(\d)_.*\.wav$")
    found = {xxhash.xxh3_128_hexdigest(path.read_bytes()): match[1] or match[2] for path in truth.rglob("*") if (match := named.search(path.name))}
    contents = {path.relative_to(raw).as_posix(): xxhash.xxh3_128_hexdigest(path.read_bytes()) for path in raw.rglob("*") if path.is_file()}
    return {path: found[content] for path, content in contents.items() if content in found}


def held_out_spaces(raw: Path, state: Path, final: Path) -> Iterator[tuple[str, str, np.ndarray, tuple[list[str], list[str]]]]:
    """Both directions of every two kinds: roles, (n, n) similarities, and the paths of both sides."""
    import polars as pl
    from safetensors.torch import load_file

    from unified_assets.datasets import load
    from unified_assets.store.local import Store
    from unified_assets.training.retrieval import similarities

    store = Store(Settings(raw=raw, state=state).absolute().state)
    learner: Any = plugins.models()["multimodal_service"].build(json.loads((final / "model.json").read_text(encoding="utf-8"))["blueprint"])
    learner.load_state_dict(load_file(str(final / "weights.safetensors")))
    rows = store.table("examples").filter(pl.col("task").is_null() & (pl.col("model") == "multimodal_service"))
    paths = {name: {value["role"]: value["path"] for value in inputs} for name, inputs in rows.select("example_id", "inputs").iter_rows()}
    for first, second, chosen, similarity in similarities(learner, load(store.current("datasets/multimodal_service")).pairs):
        one, other = ([paths[name][side[0]] for name in chosen] for side in (first, second))
        yield first[0], second[0], similarity, (one, other)
        yield second[0], first[0], similarity.T, (other, one)


def folder_of(state: Path, seed: int, channels: Sequence[str]) -> Path:
    """Where a run of this benchmark lies."""
    return state / "runs" / f"{'-'.join(channels) or 'alone'}-{seed}"


def quiet(_: str) -> None:
    """Drop what a stage logs."""


if __name__ == "__main__":
    main()
