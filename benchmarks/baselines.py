"""Our own baseline of each known task beside the figure of the strongest classical recipe that is known for it.

    python benchmarks/baselines.py FOLDER [--state STATE] [--models math_model …] [--tasks PATTERN …] [--folds 0]

FOLDER holds raw files (default: the folder named by UNIFIED_ASSETS_CORPUS), STATE their frozen datasets, where there are any. Each
baseline is fitted on the train and validation sides and scored on the test side; with `--folds` it is scored on every row by
cross-validation, no group on two sides. The recipe's figure is of the source's own test part and of its whole public part, so
sizes stand beside both. `apart`: their difference in standard errors of both together.
"""

import argparse
import dataclasses
import os
import tempfile
import time
import zlib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np
from text_models import freeze

from unified_assets.core import plugins
from unified_assets.core.contracts import TaskData
from unified_assets.datasets import load
from unified_assets.store.local import Store


class Recipe(NamedTuple):
    """Accuracy of a recipe in percent, and the rows it was fitted to and scored on."""

    model: str
    task: str
    score: float
    train: int
    test: int


RECIPES = (
    Recipe("vision_service", "*clothing*", 57.9, 520, 214),
    Recipe("vision_service", "*mnist*", 96.6, 1300, 500),
    Recipe("vision_service", "document_kinds", 92.0, 59, 25),
    Recipe("vision_service", "*Drone*field_2", 55.8, 108, 52),
    Recipe("audio_service", "*spoken*digit*", 83.3, 900, 150),
    Recipe("audio_service", "*wake*word*", 90.9, 120, 66),
    Recipe("multimodal_service", "*nlvr*", 67.7, 989, 300),
    Recipe("causal_reasoning_engine", "*SemEval*", 74.5, 8000, 2717),
    Recipe("causal_reasoning_engine", "*CausalNews*", 67.7, 3075, 334),
    Recipe("causal_reasoning_engine", "*e-CARE*", 61.4, 9000, 1970),
    Recipe("causal_reasoning_engine", "*copa*", 54.7, 700, 298),
    Recipe("causal_reasoning_engine", "*cladder*", 87.7, 500, 716),
    Recipe("logic_model", "*MED*", 87.4, 4477, 905),
    Recipe("logic_model", "*FOLIO*", 52.5, 1004, 204),
    Recipe("concept_models", "*banking*", 91.4, 10003, 3055),
    Recipe("concept_models", "*emoji*", 71.5, 1538, 368),
    Recipe("concept_models", "*wordnet*definition", 86.0, 2162, 521),
    Recipe("concept_models", "*wordnet*kind", 77.3, 696, 163),
    Recipe("concept_models", "*corpora*member_lists", 57.9, 10207, 2656),
    Recipe("concept_models", "*corpora*by_folder", 66.0, 10207, 2656),
    Recipe("math_model", "*SVAMP*", 45.6, 750, 250),
    Recipe("math_model", "*grade*school*", 4.7, 4500, 1319),
    Recipe("math_model", "*AQuA*", 29.1, 254, 254),
)


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path, nargs="?", default=os.environ.get("UNIFIED_ASSETS_CORPUS"))
    ask.add_argument("--state", type=Path, help="folder of frozen datasets (default: a temporary one)")
    ask.add_argument("--models", nargs="+", default=sorted({recipe.model for recipe in RECIPES}))
    ask.add_argument("--tasks", nargs="+", default=["*"], help="patterns of task names")
    ask.add_argument("--folds", type=int, default=0)
    args = ask.parse_args()
    if args.folder is None:
        ask.error("name a folder, or set UNIFIED_ASSETS_CORPUS")
    with tempfile.TemporaryDirectory() as scratch:
        state = (args.state or Path(scratch)).absolute()
        freeze(args.folder.absolute(), state, args.models)
        print(f"{'task':<46}{'fitted':>7}{'scored':>7}{'major':>7}{'ours':>7}{'±':>6}{'recipe':>8}{'fitted':>7}{'apart':>7}{'CPU s':>7}")
        for model in args.models:
            folder = Store(state).current(f"datasets/{model}")
            assert folder is not None
            for data in load(folder).tasks:
                recipe = next((one for one in RECIPES if one.model == model and fnmatchcase(data.info.task, one.task)), None)
                if recipe is not None and any(fnmatchcase(data.info.task, pattern) for pattern in args.tasks):
                    print(line(data, recipe, args.folds), flush=True)


def line(data: TaskData, recipe: Recipe, folds: int) -> str:
    """A task's row of the table."""
    spec, started = plugins.models()[recipe.model], time.process_time()
    parts = [data] if not folds else [as_fold(data, place, folds) for place in range(folds)]
    sizes = [len(part.rows("test")) for part in parts]
    found = [spec.baseline(part) for part in parts]
    score, majority = (float(np.average([getattr(one, name) or 0.0 for one in found], weights=sizes)) for name in ("baseline", "majority"))
    error, known = (score * (1 - score) / sum(sizes)) ** 0.5, recipe.score / 100
    apart = (score - known) / (error**2 + known * (1 - known) / recipe.test) ** 0.5
    fitted = round(np.mean([len(part.rows("train", "valid")) for part in parts]))
    return (
        f"{data.info.task[-45:]:<46}{fitted:>7}{sum(sizes):>7}{majority:>7.1%}{score:>7.1%}{error:>6.1%}{recipe.score:>8.1f}{recipe.train:>7}"
        f"{apart:>+7.1f}{time.process_time() - started:>7.1f}"
    )


def as_fold(data: TaskData, place: int, folds: int) -> TaskData:
    """All rows to learn from but those of the groups of a fold."""
    names = data.groups or data.example_ids
    return dataclasses.replace(data, split=np.asarray(["test" if zlib.crc32(name.encode()) % folds == place else "train" for name in names]))


if __name__ == "__main__":
    main()
