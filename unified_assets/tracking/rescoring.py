"""Test predictions as numbers that can be paired: stored ones from parquet, the champion's anew on the examples of today."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from unified_assets.core.contracts import ModelSpec, Prediction, TaskData, TaskInfo
from unified_assets.datasets import Dataset
from unified_assets.inference.pretrained import vectors_of, with_vectors
from unified_assets.tracking import journal


def stored_values(folder: Path, task: Mapping[str, Any]) -> dict[str, float]:
    """example_id → 1 or 0, or minus the error of a number, from the predictions a version was registered with."""
    path = folder / str(task.get("test_predictions"))
    if not path.is_file():
        return {}
    frame = pl.read_parquet(path)
    if task.get("kind") == "regression":
        return {example: _error(answer, target) for example, target, answer in frame.select("example_id", "target", "answer").iter_rows()}
    return {example: float(correct) for example, correct in frame.select("example_id", "correct").iter_rows() if correct is not None}


def rescore(spec: ModelSpec, folder: Path, dataset: Dataset) -> dict[str, dict[str, float]]:
    """Task → values of the version in `folder` on the test examples of `dataset`, for the tasks and classes it knows.

    Raises whatever loading raises when the code that built the version is no longer this one.
    """
    from safetensors.torch import load_file

    described = journal.read_json(folder / "model.json")
    learner: Any = spec.build(described["blueprint"])
    learner.load_state_dict(load_file(str(folder / "weights.safetensors")))
    learner.eval()
    known, vectors = {info["task"]: TaskInfo.from_dict(info) for info in described["tasks"]}, vectors_of(described)
    tasks = with_vectors([data for data in dataset.tasks if data.info.task in known], vectors)
    return {data.info.task: _values(learner, known[data.info.task], data) for data in tasks}


def _values(learner: Any, known: TaskInfo, data: TaskData) -> dict[str, float]:
    rows = data.rows("test")
    if known.classes:
        rows = rows[[_target(data, row) in known.classes for row in rows]] if len(rows) else rows
    if not len(rows):
        return {}
    prediction: Prediction = learner.predict(data, rows)
    pairs = zip(rows, prediction.answers, strict=True)
    if known.kind == "regression":
        return {data.example_ids[row]: _error(answer, _target(data, row)) for row, answer in pairs}
    return {data.example_ids[row]: float(str(answer) == _target(data, row)) for row, answer in pairs}


def _target(data: TaskData, row: int) -> str:
    assert data.target is not None
    value = data.target[row]
    return data.info.classes[int(value)] if data.info.classes else str(value)


def _error(answer: object, target: object) -> float:
    try:
        return -abs(float(str(answer)) - float(str(target)))
    except ValueError:
        return -math.inf
