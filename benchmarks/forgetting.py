"""What a model forgets when classes arrive in two steps: the digits 0 to 4 first, then 5 to 9.

    python benchmarks/forgetting.py [FOLDER] [--preset quick_start] [--seeds 7]

FOLDER (default: the one named by UNIFIED_ASSETS_CORPUS) holds pictures whose names end in `num<digit>.png`. vision_service is trained on
the first five digits, then again once the others have arrived: from its champion on everything (what the platform does), from its
champion on the new rows alone, and from scratch on everything. Printed: the share of test files answered rightly, of the old digits and
of the new ones, in the same order of classes, and CPU-seconds.
"""

import argparse
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unified_assets.core.settings import Settings

MODEL = "vision_service"
STEPS = ("01234", "56789")
DIGIT = re.compile(r"num(\d)\.png$")


def main() -> None:
    """Measure over the seeds."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path, nargs="?", default=os.environ.get("UNIFIED_ASSETS_CORPUS"))
    ask.add_argument("--preset", default="quick_start")
    ask.add_argument("--seeds", nargs="+", type=int, default=[7])
    args = ask.parse_args()
    if args.folder is None:
        ask.error("name a folder, or set UNIFIED_ASSETS_CORPUS")
    pictures = sorted(path for path in Path(args.folder).rglob("*.png") if DIGIT.search(path.name))
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(raw=Path(scratch) / "raw", state=Path(scratch) / "state")
        first = freeze(settings, pictures, STEPS[0])
        second = freeze(settings, pictures, STEPS[1])
        new = replace(second, tasks=tuple(without(data, STEPS[0]) for data in second.tasks))
        print(f"{len(first.tasks[0])} pictures of {STEPS[0]}, then {len(second.tasks[0])} in all, preset {args.preset}", flush=True)
        for seed in args.seeds:
            runs = Path(scratch) / f"runs-{seed}"
            champion = train(first, runs / "first", args.preset, seed, None)
            print(f"{seed:<6}{'trained on the old digits alone':<44}{shown(champion, STEPS[:1])}", flush=True)
            for name, dataset, initial in (
                ("from its champion on everything", second, champion),
                ("from its champion on the new digits alone", new, champion),
                ("from scratch on everything", second, None),
            ):
                final = train(dataset, runs / name.replace(" ", "-"), args.preset, seed, initial)
                print(f"{seed:<6}{name:<44}{shown(final, STEPS)}", flush=True)


def freeze(settings: Settings, pictures: Iterable[Path], digits: str) -> Any:
    """Let the pictures of these digits arrive, a folder a digit; the dataset of all that is there."""
    from unified_assets.allocation import allocate
    from unified_assets.catalog import scan
    from unified_assets.datasets import build, load
    from unified_assets.quality import assess
    from unified_assets.store.local import Store

    for path in pictures:
        digit = DIGIT.search(path.name)
        if digit is not None and digit[1] in digits:
            target = settings.raw / "digits" / digit[1] / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    scan(settings, quiet)
    assess(settings, quiet)
    allocate(settings, quiet)
    build(settings, MODEL, quiet)
    return load(Store(settings.state).current(f"datasets/{MODEL}"))


def without(data: Any, digits: str) -> Any:
    """A task whose rows of these classes are on no side but the test side."""
    old = np.isin(np.asarray(data.info.classes)[data.target], list(digits))
    return replace(data, split=np.where(old & (data.split != "test"), "none", data.split))


def train(dataset: Any, run_dir: Path, preset: str, seed: int, initial: Path | None) -> Path:
    """The final folder of a training by itself, on one core."""
    from unified_assets.compute.inventory import detect
    from unified_assets.compute.leases import LeaseBroker
    from unified_assets.core import plugins
    from unified_assets.core.contracts import SilentSink
    from unified_assets.presets import load_preset
    from unified_assets.training.plan import make_plan
    from unified_assets.training.rounds import train_model

    inventory, specs = replace(detect(run_dir.parent.parent), cores=1), plugins.models()
    wanted = load_preset(preset).model_copy(update={"seed": seed, "exchange": ()})
    outcome = train_model(
        specs[MODEL],
        dataset=dataset,
        run_dir=run_dir,
        knowledge_dir=run_dir / "knowledge",
        plan=make_plan(run_dir, models={MODEL: dataset.counts}, preset=wanted, inventory=inventory, specs=specs),
        broker=LeaseBroker(run_dir, inventory),
        members=(MODEL,),
        champions={},
        initial=initial,
        sink=SilentSink(),
    )
    return outcome.folder


def shown(final: Path, steps: Iterable[str]) -> str:
    """Accuracy on the test files of each step's digits, and CPU-seconds."""
    import json

    results = json.loads((final / "results.json").read_text(encoding="utf-8"))
    answers = pl.read_parquet(final / results["tasks"][0]["test_predictions"])
    parts = [answers.filter(pl.col("target").is_in(list(digits)))["correct"] for digits in steps]
    told = "".join(f"{digits} {part.mean():>7.1%} of {len(part):<5}" for digits, part in zip(steps, parts, strict=True))
    return f"{told}{results['cpu_s']:>6.0f} CPU s, answered by {results['tasks'][0]['head']}"


def quiet(_: str) -> None:
    """Drop what a stage logs."""


if __name__ == "__main__":
    main()
