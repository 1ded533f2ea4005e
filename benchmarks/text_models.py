"""Text models alone, through the real training code: what each task scores against its majority and its classical baseline.

    python benchmarks/text_models.py FOLDER [--models causal_reasoning_engine …] [--seeds 7 8 9] [--preset quick_start] [--side test]
        [--labels 10] [--share]

FOLDER holds raw files (default: the folder named by UNIFIED_ASSETS_CORPUS). It is scanned, judged, allocated and frozen once;
then each model trains by itself, once a seed, in a process of its own as in the product but without Dagster and MLflow. Printed
for each task: majority, baseline, mean score and spread over the seeds, and a paired bootstrap of model against baseline on the
same examples (the mean over seeds of right and wrong, 95 % interval in points). `--side valid` scores the validation side, which
is what choices between variants are made on. `--labels` keeps so many training rows a class. `--share` trains each seed once more
with the word vectors of all models' training texts, and prints what these gave on the same seeds and examples.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from unified_assets.core import plugins
from unified_assets.core.contracts import BaselineScore, SilentSink, TaskData
from unified_assets.core.settings import Settings
from unified_assets.training.evaluation import paired_interval
from unified_assets.training.metrics import is_correct, target_texts

MODELS = ("causal_reasoning_engine", "concept_models", "logic_model", "math_model")
Right = np.ndarray  # (examples,) float64 of 0 and 1


def main() -> None:
    """Train and print."""
    args = arguments()
    if args.one:
        train(args.state, args.one, args)
        return
    with tempfile.TemporaryDirectory() as scratch:
        state = (args.state or Path(scratch)).absolute()
        freeze(args.folder.absolute(), state, args.models)
        print(f"{'model':<14}{'task':<50}{'train':>7}{'side':>6}{'major':>7}{'base':>7}{'score':>7}{'spread':>7}{'points':>8}  95 % interval  verdict")
        for model in args.models:
            measure(state, model, args)


def arguments() -> argparse.Namespace:
    """What the command line says."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path, nargs="?", default=os.environ.get("UNIFIED_ASSETS_CORPUS"))
    ask.add_argument("--models", nargs="+", default=list(MODELS))
    ask.add_argument("--tasks", nargs="+", default=[], help="patterns of task names (default: all)")
    ask.add_argument("--seeds", nargs="+", type=int, default=[7, 8, 9])
    ask.add_argument("--preset", default="quick_start")
    ask.add_argument("--steps", nargs=2, type=int, help="fewest and most steps of an epoch, in place of the preset's")
    ask.add_argument("--side", choices=("test", "valid"), default="test")
    ask.add_argument("--state", type=Path, help="folder to keep the frozen datasets and runs in (default: a temporary one)")
    ask.add_argument("--pretrained", type=Path, help="folder of a sentence encoder whose frozen vectors are added to the features")
    ask.add_argument("--run", default="text_models", help="name of the runs: what is there already is not trained again")
    ask.add_argument("--labels", type=int, default=0, help="training rows to keep of each class of a classification (default: all)")
    ask.add_argument("--share", action="store_true", help="train with shared word vectors too, and compare")
    ask.add_argument("--one", help=argparse.SUPPRESS)
    args = ask.parse_args()
    if args.folder is None:
        ask.error("name a folder, or set UNIFIED_ASSETS_CORPUS")
    return args


def freeze(raw: Path, state: Path, models: list[str]) -> None:
    """Raw files to datasets; those that are there are taken as they are."""
    from unified_assets.allocation import allocate
    from unified_assets.catalog import scan
    from unified_assets.datasets import build
    from unified_assets.quality import assess
    from unified_assets.store.local import Store

    store, settings = Store(state), Settings(raw=raw, state=state)
    if all(store.current(f"datasets/{model}") is not None for model in models):
        return
    for stage in (scan, assess, allocate):
        stage(settings, quiet)
    for model in models:
        build(settings, model, quiet)


def measure(state: Path, model: str, args: argparse.Namespace) -> None:
    """One model over all seeds: its rows of the table."""
    from unified_assets.datasets import load
    from unified_assets.store.local import Store

    dataset: Any = load(Store(state).current(f"datasets/{model}"))  # type: ignore[arg-type]
    alone, cost = answers(state, model, args, share=False)
    for data in dataset.tasks:
        if data.info.task in alone:
            report(model, data, alone[data.info.task], state, args)
    print(f"{model}: {cost:.0f} CPU-seconds a training", flush=True)
    if args.share:
        together, cost = answers(state, model, args, share=True)
        for task in sorted(together):
            gain(model, task, alone[task], together[task])
        print(f"{model}: {cost:.0f} CPU-seconds a training with shared word vectors", flush=True)


def gain(model: str, task: str, alone: list[Right], together: list[Right]) -> None:
    """What sharing gave one task, on the same seeds and examples."""
    before, after = ([100 * float(right.mean()) for right in rights] for rights in (alone, together))
    low, high = paired_interval(np.mean(together, axis=0) - np.mean(alone, axis=0)) or (0.0, 0.0)
    name = model.split("_", maxsplit=1)[0]
    print(
        f"{name:<14}{task[:49]:<50}{np.mean(before):>6.1f} ± {np.std(before):.1f} alone {np.mean(after):>6.1f} ± {np.std(after):.1f} shared"
        f"{np.mean(after) - np.mean(before):>+7.1f}  {100 * low:>+5.1f} … {100 * high:<+5.1f}",
        flush=True,
    )


def answers(state: Path, model: str, args: argparse.Namespace, *, share: bool) -> tuple[dict[str, list[Right]], float]:
    """Task → right or wrong of each seed; and mean CPU-seconds of a training."""
    found: dict[str, list[Right]] = {}
    cost = []
    for seed in args.seeds:
        words = [sys.executable, __file__, str(args.folder), "--state", str(state), "--preset", args.preset, "--seeds", str(seed), "--run", args.run]
        words += ["--side", args.side, "--one", model, *(["--tasks", *args.tasks] if args.tasks else [])]
        words += ["--steps", *map(str, args.steps)] if args.steps else []
        words += ["--labels", str(args.labels), *(["--share"] if share else [])]
        words += ["--pretrained", str(args.pretrained)] if args.pretrained else []
        if subprocess.call(words):
            raise SystemExit(f"{model} failed")
        record = json.loads(record_of(state, model, seed, args, share=share).read_text(encoding="utf-8"))
        cost.append(record["cpu_s"])
        for task, right in record["right"].items():
            found.setdefault(task, []).append(np.asarray(right, float))
    return found, float(np.mean(cost))


def report(model: str, data: TaskData, rights: list[Right], state: Path, args: argparse.Namespace) -> None:
    """One row: the model's answers over the seeds beside the baseline's, on the same examples; of few labels there is no baseline."""
    if args.labels:
        return
    majority, base = reference(model, data, state, args.side)
    scores, mean = [float(right.mean()) for right in rights], np.mean(rights, axis=0)
    difference = mean - base
    low, high = paired_interval(difference) or (0.0, 0.0)
    verdict = "above" if low > 0 else "below" if high < 0 else "within"
    name = model.split("_", maxsplit=1)[0]
    print(
        f"{name:<14}{data.info.task[:49]:<50}{len(data.rows('train')):>7}{len(base):>6}{majority:>7.3f}{base.mean():>7.3f}{mean.mean():>7.3f}"
        f"{np.std(scores):>7.3f}{100 * difference.mean():>+8.1f}  {100 * low:>+5.1f} … {100 * high:<+5.1f}  {verdict}",
        flush=True,
    )


def reference(model: str, data: TaskData, state: Path, side: str) -> tuple[float, Right]:
    """(majority, right or wrong of the baseline) on a side; kept for this version of the model."""
    spec = plugins.models()[model]
    path = state / "baselines" / f"{model}-{spec.version}-{side}-{data.info.task[:150]}.json"
    if not path.is_file():
        asked = as_test(data, side)
        found = spec.baseline(asked)
        rows = asked.rows("test")
        right = is_correct(asked, found.predictions, target_texts(asked, rows)) if found.predictions else [False] * len(rows)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"majority": found.majority, "right": [int(bool(value)) for value in right]}), encoding="utf-8")
    kept = json.loads(path.read_text(encoding="utf-8"))
    return float(kept["majority"] or 0), np.asarray(kept["right"], float)


def as_test(data: TaskData, side: str) -> TaskData:
    """The task with the given side in the test side's place."""
    if side == "test":
        return data
    return dataclasses.replace(data, split=np.asarray([{"test": "unused", side: "test"}.get(str(name), str(name)) for name in data.split]))


def train(state: Path, model: str, args: argparse.Namespace) -> None:
    """One model's step, and its answers on the side."""
    from unified_assets.compute.inventory import detect
    from unified_assets.compute.leases import LeaseBroker
    from unified_assets.datasets import load, read_counts
    from unified_assets.inference import load as predictor
    from unified_assets.inference.pretrained import with_vectors
    from unified_assets.presets import load_preset
    from unified_assets.store.local import Store
    from unified_assets.training.inputs import chosen_tasks
    from unified_assets.training.plan import make_plan
    from unified_assets.training.pretrained import KeptVectors
    from unified_assets.training.rounds import train_model

    specs, folder = plugins.models(), Store(state).current(f"datasets/{model}")
    done = record_of(state, model, args.seeds[0], args, share=args.share)
    if done.is_file():
        return
    assert folder is not None
    changes: dict[str, Any] = {"seed": args.seeds[0], "exchange": ("vectors",) if args.share else (), "target_models": (model,)}
    changes |= {"datasets": tuple(args.tasks)} if args.tasks else {}
    changes |= {"epoch_steps": {model: tuple(args.steps)}} if args.steps else {}
    preset, dataset = load_preset(args.preset).model_copy(update=changes), load(folder)
    if args.labels:
        dataset = dataclasses.replace(dataset, tasks=tuple(few_labels(data, args.labels, args.seeds[0]) for data in dataset.tasks))  # type: ignore[type-var]
    inventory, own = detect(state), done.parent / model
    texts = {name: found for name in MODELS if (found := Store(state).current(f"datasets/{name}")) is not None}
    vectors = None if args.pretrained is None else KeptVectors("text", args.pretrained, state=state, model=model, log=quiet)
    outcome = train_model(
        dataclasses.replace(specs[model], baseline=unmeasured),
        dataset=dataclasses.replace(dataset, folder=None),  # type: ignore[type-var]
        run_dir=own,
        knowledge_dir=own / "knowledge",
        plan=make_plan(own, models={model: read_counts(folder)}, preset=preset, inventory=inventory, specs=specs, texts=texts),
        broker=LeaseBroker(own, inventory),
        members=(model,),
        champions={},
        initial=None,
        sink=SilentSink(),
        texts=texts,
        vectors=vectors,
    )
    learner: Any = predictor(outcome.folder).learner
    right = {}
    for data in with_vectors(chosen_tasks(dataset, preset), vectors):
        rows = data.rows(args.side)
        if len(rows):
            answers = learner.predict(data, rows).answers
            right[data.info.task] = [int(bool(value)) for value in is_correct(data, answers, target_texts(data, rows))]
    done.write_text(json.dumps({"cpu_s": outcome.results["cpu_s"], "right": right}), encoding="utf-8")


def unmeasured(_: TaskData) -> BaselineScore:
    """References are measured by `reference`, for either side."""
    return BaselineScore(majority=None, baseline=None, method="", cpu_s=0.0)


def few_labels(data: TaskData, labels: int, seed: int) -> TaskData:
    """A classification with at most so many training rows of each class; any other task as it is."""
    if data.info.kind not in {"classification", "pair"}:
        return data
    draw, split, target = np.random.default_rng([seed, len(data)]), data.split.astype("<U8"), np.asarray(data.target)
    rows = data.rows("train")
    for place in range(len(data.info.classes)):
        split[draw.permutation(rows[target[rows] == place])[labels:]] = "unused"
    return dataclasses.replace(data, split=split)


def record_of(state: Path, model: str, seed: int, args: argparse.Namespace, *, share: bool) -> Path:
    """Where the answers of one training lie."""
    name = "-".join([args.run, str(seed), *([f"{args.labels}-labels"] if args.labels else []), *(["shared"] if share else [])])
    return state / "runs" / name / f"{model}.{args.side}.json"


def quiet(_: str) -> None:
    """Drop what a stage logs."""


if __name__ == "__main__":
    main()
