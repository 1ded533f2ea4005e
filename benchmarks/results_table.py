"""The results of training runs as a table: each task beside its majority class and its baseline, over the runs (seeds) that trained it.

    python benchmarks/results_table.py STATE RUN [RUN …]

RUN: ids of training runs below STATE that trained on the same datasets, as `unified-assets runs` lists them (the beginning is enough).
The interval is a paired bootstrap over the test examples: right answers of the model, averaged over the runs, less those of the
baseline; 95 %, in points. Printed as the rows of a Markdown table, after them the CPU-seconds of rounds a model.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unified_assets.core import plugins
from unified_assets.datasets import load
from unified_assets.reports import find_run
from unified_assets.store.local import Store
from unified_assets.tracking import journal
from unified_assets.training.baselines import kept_in
from unified_assets.training.evaluation import paired_interval
from unified_assets.training.metrics import SHARES, is_correct


def main() -> None:
    """Print the table."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("state", type=Path)
    ask.add_argument("runs", nargs="+")
    args = ask.parse_args()
    runs = [find_run(args.state.absolute(), name) for name in args.runs]
    print("| model | task | train / test | majority | baseline | score | spread | points over the baseline, 95 % | |\n|---|---|---|---|---|---|---|---|---|")
    costs = []
    for model in sorted({path.parents[1].name for run in runs for path in run.glob("models/*/final/results.json")}):
        finals = [folder for run in runs if (folder := run / "models" / model / "final").is_dir()]
        results = [journal.read_json(folder / "results.json") for folder in finals]
        for row in rows(args.state.absolute(), model, finals, results):
            print(row, flush=True)
        costs.append(f"{model} {np.mean([found['cpu_s'] for found in results]):.0f}")
    print(f"\nCPU-seconds of rounds: {', '.join(costs)}")


def rows(state: Path, model: str, finals: list[Path], results: list[dict[str, Any]]) -> list[str]:
    """A model's rows."""
    folder = Store(state).current(f"datasets/{model}")
    assert folder is not None
    dataset = load(folder)
    if {found["dataset"] for found in results} != {dataset.digest}:
        raise SystemExit(f"{model}: these runs were trained on other datasets than the one in force")
    data_of = {data.info.task: data for data in dataset.tasks}
    out = []
    for task in results[0]["tasks"]:
        same = [(place, next(one for one in found["tasks"] if one["task"] == task["task"])) for place, found in enumerate(results)]
        scores = [one["score"] for _, one in same if one["score"] is not None]
        start = f"| {model} | {task['task']} | {task['train']:,} / {task['test']:,} |"
        if not scores or task["baseline"] is None or task["metric"] not in SHARES:
            out.append(f"{start} – | – | {np.mean(scores) if scores else '–'} | | | not compared |")
            continue
        data = data_of[task["task"]]
        answers = [pl.read_parquet(finals[place] / one["test_predictions"]) for place, one in same]
        reference = kept_in(folder, plugins.models()[model])[task["task"]].predictions
        right = np.mean([frame["correct"].to_numpy().astype(float) for frame in answers], axis=0)
        difference = right - np.asarray(is_correct(data, reference, answers[0]["target"].to_list()), float)
        low, high = paired_interval(difference) or (0.0, 0.0)
        verdict = "above" if low > 0 else "below" if high < 0 else "equal" if not difference.any() else "within the error"
        spread = f"{np.std(scores):.3f}" if len(scores) > 1 else ""
        figures = f"{task['majority']:.3f} | {task['baseline']:.3f} | {np.mean(scores):.3f} | {spread}"
        out.append(f"{start} {figures} | {100 * difference.mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f}) | {verdict} |")
    return out


if __name__ == "__main__":
    main()
