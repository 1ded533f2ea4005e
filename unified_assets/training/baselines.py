"""A model's tasks in, the reference each is compared with out; kept beside the dataset, since neither changes."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from unified_assets.core.contracts import BaselineScore, ModelSpec, TaskData
from unified_assets.store.local import StateNotWritable, write_text

FILE = "baselines.json"


def measure(
    spec: ModelSpec, tasks: Sequence[TaskData], folder: Path, *, reference: Callable[[TaskData], BaselineScore], log: Callable[[str], None]
) -> dict[str, BaselineScore]:
    """The reference of each task: read where this version of the model measured it before, else measured by `reference`."""
    kept = kept_in(folder, spec)
    for data in tasks:
        if data.info.task not in kept:
            kept[data.info.task] = reference(data)
            _write(folder, spec, kept, log)
    return {data.info.task: kept[data.info.task] for data in tasks}


def kept_in(folder: Path, spec: ModelSpec) -> dict[str, BaselineScore]:
    """What is kept; a file that cannot be read, or of another version of the model, counts as none."""
    try:
        record = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if record["spec"] != [spec.name, spec.version]:
            return {}
        return {task: BaselineScore(**{**value, "predictions": tuple(value["predictions"])}) for task, value in record["tasks"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write(folder: Path, spec: ModelSpec, kept: dict[str, BaselineScore], log: Callable[[str], None]) -> None:
    tasks = {task: {**asdict(value), "predictions": list(value.predictions)} for task, value in sorted(kept.items())}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / FILE, json.dumps({"spec": [spec.name, spec.version], "tasks": tasks}))
    except (StateNotWritable, PermissionError) as error:
        log(f"baselines are not kept: {error}")
