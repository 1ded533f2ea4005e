"""What a model knows of unlabelled pairs: its answers to every task it can answer there, as files peers read.

A knowledge folder holds knowledge.json (tasks with their classes and training examples; the pairs' example ids) and
answers.safetensors (`<task place>.rows` (k,) int32 into the ids, `<task place>.log_probs` (k, classes) float32).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from unified_assets.core.contracts import TaskData
from unified_assets.core.errors import CorruptCheckpoint

MOST_PAIRS = 3000  # the first of them by example id, which is the same choice in every model


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """One model's answers to one task. log_probs: (k, classes) float32, by place in `ids`."""

    model: str
    task: str
    classes: tuple[str, ...]
    train: int
    ids: tuple[str, ...]
    log_probs: np.ndarray


def pair_rows(pairs: TaskData) -> np.ndarray:
    """The rows of the training side that are used, in order of example id."""
    rows = pairs.rows("train")
    order = sorted(range(len(rows)), key=lambda place: pairs.example_ids[int(rows[place])])
    return rows[np.asarray(order[:MOST_PAIRS], np.int64)] if len(rows) else rows


def answerable(data: TaskData, pairs: TaskData) -> np.ndarray:
    """The pair rows on which a task has all its roles."""
    rows = pair_rows(pairs)
    keep = np.ones(len(rows), bool)
    for role in data.info.roles:
        if role in pairs.media:
            keep &= pairs.media[role][1][rows] >= 0
        elif role in pairs.texts:
            keep &= np.asarray([bool(pairs.texts[role][int(row)]) for row in rows], bool)
        else:
            keep &= False
    return rows[keep]


def as_task(pairs: TaskData, data: TaskData) -> TaskData:
    """The pairs as unlabelled rows of a task."""
    return replace(pairs, info=data.info)


def answers_of(learner: Any, model: str, tasks: Sequence[TaskData], pairs: TaskData | None) -> list[Answers]:
    """A learner's answers on the pairs, to each classification it can answer there; quick ones, where it has such."""
    ask = getattr(learner, "quick_predict", learner.predict)
    found = []
    for data in tasks if pairs is not None else ():
        assert pairs is not None
        rows = answerable(data, pairs) if data.info.kind == "classification" else np.empty(0, np.int64)
        if not len(rows):
            continue
        log_probs = ask(as_task(pairs, data), rows).log_probs
        if log_probs is not None:
            ids = tuple(pairs.example_ids[int(row)] for row in rows)
            size = len(data.rows("train"))
            values = np.ascontiguousarray(log_probs, np.float32)
            found.append(Answers(model=model, task=data.info.task, classes=data.info.classes, train=size, ids=ids, log_probs=values))
    return found


def write(folder: Path, answers: Sequence[Answers]) -> None:
    """Write answers into an empty folder."""
    from safetensors.numpy import save_file

    ids = sorted({name for one in answers for name in one.ids})
    place_of = {name: place for place, name in enumerate(ids)}
    tensors = {}
    for place, one in enumerate(answers):
        tensors[f"{place}.rows"] = np.asarray([place_of[name] for name in one.ids], np.int32)
        tensors[f"{place}.log_probs"] = one.log_probs
    tasks = [{"model": one.model, "task": one.task, "classes": list(one.classes), "train": one.train} for one in answers]
    if tensors:
        save_file(tensors, str(folder / "answers.safetensors"))
    (folder / "knowledge.json").write_text(json.dumps({"tasks": tasks, "ids": ids}), encoding="utf-8")


def read(folder: Path) -> list[Answers]:
    """The answers in a folder; empty for a tombstone. Raises CorruptCheckpoint."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not (folder / "knowledge.json").is_file():
        return []
    try:
        record = json.loads((folder / "knowledge.json").read_text(encoding="utf-8"))
        tensors = load_file(str(folder / "answers.safetensors")) if record["tasks"] else {}
        return [
            Answers(
                model=task["model"],
                task=task["task"],
                classes=tuple(task["classes"]),
                train=int(task["train"]),
                ids=tuple(record["ids"][int(row)] for row in tensors[f"{place}.rows"]),
                log_probs=tensors[f"{place}.log_probs"],
            )
            for place, task in enumerate(record["tasks"])
        ]
    except (OSError, ValueError, KeyError, TypeError, IndexError, SafetensorError) as error:
        raise CorruptCheckpoint(path=folder, problem=f"{type(error).__name__}: {error}") from error
