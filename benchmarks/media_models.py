"""Media models by themselves on a folder's datasets: what each task gets over seeds, beside its majority class and its baseline.

    python benchmarks/media_models.py RAW --state STATE [--models vision_service …] [--seeds 7 8 9] [--preset quick_start] [--tasks PATTERN …]
        [--pretrained FOLDER]

RAW holds raw files; where STATE holds frozen datasets of them already, these are used. Each model trains alone (no exchange, no
Dagster, no MLflow), one seed after another, on one thread. Printed for each task: majority, baseline, mean and spread of the scores
over the seeds, mean difference from the baseline with a 95 % interval (paired bootstrap over the same test examples, the seeds'
answers averaged), verdict, and the CPU-seconds of a training. `--pretrained` names an image encoder: its vectors go to the linear
classifiers, and what these answer of the validation side without them and with them is printed too.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unified_assets.core import plugins
from unified_assets.core.contracts import SilentSink
from unified_assets.core.presets import NeedsOverride
from unified_assets.core.settings import Settings
from unified_assets.training.evaluation import paired_interval

MODELS = ("vision_service", "audio_service", "multimodal_service")


def main() -> None:
    """Measure every model."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("raw", type=Path)
    ask.add_argument("--state", type=Path, help="folder of frozen datasets (default: a temporary one)")
    ask.add_argument("--models", nargs="+", default=list(MODELS))
    ask.add_argument("--seeds", nargs="+", type=int, default=[7, 8, 9])
    ask.add_argument("--preset", default="quick_start")
    ask.add_argument("--tasks", nargs="+", help="patterns of task names (default: all)")
    ask.add_argument("--change", nargs="*", default=[], metavar="FIELD=JSON", help="fields of the preset to replace")
    ask.add_argument("--pretrained", type=Path, help="folder of an image encoder whose frozen vectors the linear classifiers see")
    args = ask.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        state = (args.state or Path(scratch)).absolute()
        freeze(args.raw.absolute(), state, args.models)
        for model in args.models:
            results = [train(state, model, seed, args) for seed in args.seeds]
            print(f"\n{model}, preset {args.preset}, seeds {args.seeds}, {np.mean([cost for _, cost in results]):.0f} CPU s a training")
            print(f"{'task':<52}{'train':>6}{'test':>5}{'major':>7}{'base':>7}{'score':>7}{'spread':>7}{'valid':>7}{'diff':>7}  95 %")
            for name in results[0][0]:
                print(line(name, [tasks[name] for tasks, _ in results]), flush=True)
                if (gave := results[0][0][name]["encoder_linear"]) is not None:
                    print(f"    linear part, validation: {gave['without']:.1%} without the encoder, {gave['with']:.1%} with it")


def freeze(raw: Path, state: Path, models: list[str]) -> None:
    """Raw files to datasets, for those models that have none."""
    from unified_assets.allocation import allocate
    from unified_assets.catalog import scan
    from unified_assets.datasets import build
    from unified_assets.quality import assess
    from unified_assets.store.local import Store

    missing = [model for model in models if Store(state).current(f"datasets/{model}") is None] if state.is_dir() else models
    if missing:
        settings = Settings(raw=raw, state=state)
        for stage in (scan, assess, allocate):
            stage(settings, quiet)
        for model in missing:
            build(settings, model, quiet)


def train(state: Path, model: str, seed: int, args: argparse.Namespace) -> tuple[dict[str, dict[str, Any]], float]:
    """Task → figures and per-example right answers of model and baseline; CPU-seconds of the training."""
    from unified_assets.compute.inventory import detect
    from unified_assets.compute.leases import LeaseBroker
    from unified_assets.datasets import load, read_counts
    from unified_assets.presets import load_preset
    from unified_assets.store.local import Store
    from unified_assets.training.baselines import measure
    from unified_assets.training.plan import make_plan
    from unified_assets.training.pretrained import kept_for
    from unified_assets.training.rounds import train_model

    folder = Store(state).current(f"datasets/{model}")
    assert folder is not None
    changes = {"seed": seed, "exchange": (), **{key: json.loads(value) for key, value in (pair.split("=", 1) for pair in args.change)}}
    if args.tasks:
        changes["datasets"] = tuple(args.tasks)
    changes["pretrained_image"] = None if args.pretrained is None else str(args.pretrained)
    changes["needs"] = {model: NeedsOverride(max_cores=1)}  # on a busy machine a second thread waits more than it works
    preset, spec, dataset = load_preset(args.preset).model_copy(update=changes), plugins.models()[model], load(folder)
    with tempfile.TemporaryDirectory() as scratch:
        run_dir, inventory = Path(scratch), detect(state)
        outcome = train_model(
            spec,
            dataset=dataset,
            run_dir=run_dir,
            knowledge_dir=run_dir / "knowledge",
            plan=make_plan(run_dir, models={model: read_counts(folder)}, preset=preset, inventory=inventory, specs={model: spec}),
            broker=LeaseBroker(run_dir, inventory),
            members=(model,),
            champions={},
            initial=None,
            sink=SilentSink(),
            vectors=kept_for(spec, preset, state=state, log=quiet),
        )
        data = {one.info.task: one for one in dataset.tasks}
        kept = [data[task["task"]] for task in outcome.results["tasks"]]
        references = measure(spec, kept, folder, reference=spec.baseline, log=quiet)
        rounds = [json.loads(row) for row in (run_dir / "rounds" / f"{model}.jsonl").read_text(encoding="utf-8").splitlines()]
        best = next(row for row in rounds if row["round"] == outcome.results["best_round"])
        tasks = {}
        for task in outcome.results["tasks"]:
            answers = pl.read_parquet(outcome.folder / task["test_predictions"])
            reference = np.asarray(references[task["task"]].predictions) == answers["target"].to_numpy()
            tasks[task["task"]] = {**task, "right": answers["correct"].to_numpy(), "reference": reference, "validation": best["scores"][task["task"]]}
        return tasks, float(outcome.results["cpu_s"])


def line(name: str, seeds: list[dict[str, Any]]) -> str:
    """A task's row of the table."""
    first = seeds[0]
    start = f"{name[-51:]:<52}{first['train']:>6}{first['test']:>5}"
    if not first["test"]:
        return f"{start}  nothing to test on"
    right = np.mean([seed["right"] for seed in seeds], axis=0) - first["reference"]
    low, high = paired_interval(right) or (0.0, 0.0)
    scores = [seed["score"] for seed in seeds]
    checked = [seed["validation"] for seed in seeds if seed["validation"] is not None]
    verdict = "above" if low > 0 else "below" if high < 0 else "within"
    shown = f"{first['majority']:>7.1%}{first['baseline']:>7.1%}{np.mean(scores):>7.1%}{np.std(scores):>7.1%}"
    valid = f"{np.mean(checked):>7.1%}" if checked else f"{'':>7}"
    return f"{start}{shown}{valid}{100 * right.mean():>+7.1f}  {100 * low:+.1f} … {100 * high:+.1f} {verdict}"


def quiet(_: str) -> None:
    """Drop what a stage logs."""


if __name__ == "__main__":
    main()
