"""A dataset folder in, TaskData with memory-mapped arrays out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from unified_assets.core import plugins
from unified_assets.core.contracts import DEFAULT_METRICS, Encoder, TaskData, TaskInfo
from unified_assets.core.tables import SPLITS

PAIRS = "pairs"  # the `task` of unlabelled pairs
JOINED = {"classification", "pair"}


@dataclass(frozen=True, kw_only=True)
class TaskCounts:
    """How much a model has to learn from. tasks: task → split → examples; pairs: unlabelled pairs."""

    tasks: Mapping[str, Mapping[str, int]]
    pairs: int = 0

    @staticmethod
    def of_rows(rows: Iterable[Mapping[str, Any]]) -> "TaskCounts":
        """Count rows that have `task` (None for pairs) and `split`."""
        tasks: dict[str, dict[str, int]] = {}
        pairs = 0
        for row in rows:
            if row["task"] is None:
                pairs += 1
            else:
                tasks.setdefault(row["task"], dict.fromkeys(SPLITS, 0))[row["split"]] += 1
        return TaskCounts(tasks=dict(sorted(tasks.items())), pairs=pairs)

    def on(self, split: str) -> int:
        """Labelled examples of one side, over all tasks."""
        return sum(counts[split] for counts in self.tasks.values())

    @property
    def train(self) -> int:
        """Labelled training examples over all tasks."""
        return self.on("train")

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"tasks": {task: dict(counts) for task, counts in self.tasks.items()}, "pairs": self.pairs}

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> "TaskCounts":
        """The inverse of `as_dict`."""
        return TaskCounts(tasks=value["tasks"], pairs=value["pairs"])


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Everything one model learns from, frozen. Tasks in name order; pairs is None where there are none."""

    model: str
    digest: str
    tasks: tuple[TaskData, ...]
    pairs: TaskData | None
    folder: Path

    @property
    def counts(self) -> TaskCounts:
        """Examples by task and split."""
        tasks = {data.info.task: {split: len(data.rows(split)) for split in SPLITS} for data in self.tasks}
        return TaskCounts(tasks=tasks, pairs=0 if self.pairs is None else len(self.pairs))


def read_counts(folder: Path) -> TaskCounts:
    """The counts of a dataset, from its manifest alone."""
    return TaskCounts.from_dict(_manifest(folder)["counts"])


def read_digest(folder: Path) -> str:
    """The digest of a dataset, from its manifest alone."""
    return str(_manifest(folder)["digest"])


def load(folder: Path) -> Dataset:
    """Read a dataset as `build` published it. Arrays are memory-mapped; texts are read whole."""
    folder = folder.resolve()
    manifest = _manifest(folder)
    spec = plugins.models()[manifest["model"]]
    frame = pl.read_parquet(folder / "examples.parquet").sort("example_id")
    encoders = {encoder.name: encoder for encoder in spec.encoders.values()}
    arrays = {name: _arrays(folder / name, encoder) for name, encoder in encoders.items()}
    infos = [_info(row, spec.metric) for row in manifest["tasks"]]
    tasks = (_task_data(info, frame.filter(pl.col("task") == info.task), arrays) for info in infos)
    pairs = frame.filter(pl.col("task").is_null())
    return Dataset(
        model=manifest["model"],
        digest=manifest["digest"],
        tasks=tuple(data for data in tasks if len(data)),
        pairs=_task_data(_pairs_info(pairs), pairs, arrays) if len(pairs) else None,
        folder=folder,
    )


def _manifest(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return value


def _arrays(folder: Path, encoder: Encoder) -> dict[str, np.ndarray]:
    out = {}
    for name, (dtype, shape) in encoder.arrays.items():
        path = folder / f"{name}.npy"
        out[name] = np.load(path, mmap_mode="r") if path.is_file() else np.zeros((0, *shape), dtype)
    return out


def _info(row: Mapping[str, Any], metric: Mapping[str, str]) -> TaskInfo:
    measured = metric.get(row["kind"]) or DEFAULT_METRICS[row["kind"]]
    return TaskInfo.from_dict({**row, "metric": measured})


def _pairs_info(frame: pl.DataFrame) -> TaskInfo:
    roles = {value["role"] for values in (*frame["media"], *frame["texts"]) for value in values}
    return TaskInfo(task=PAIRS, subject="pair", kind="pair", roles=tuple(sorted(roles)), classes=(), metric="")


def _task_data(info: TaskInfo, frame: pl.DataFrame, arrays: Mapping[str, Mapping[str, np.ndarray]]) -> TaskData:
    texts, options = _texts(frame)
    return TaskData(
        info=info,
        example_ids=tuple(frame["example_id"]),
        texts=texts,
        media=_media(frame),
        arrays=arrays,
        target=_targets(info, frame["target"].to_list()),
        split=np.asarray(frame["split"].fill_null("train").to_list(), dtype=str),
        options=options if info.kind == "choice" else None,
        groups=tuple(frame["group"].fill_null("")),
    )


def _texts(frame: pl.DataFrame) -> tuple[dict[str, list[str]], list[list[str]]]:
    """texts[role]: one string a row ("" where it lacks the role; repeated roles joined by lines), and the options of each row."""
    rows: list[dict[str, list[str]]] = []
    for values in frame["texts"]:
        row: dict[str, list[str]] = {}
        for value in values:
            row.setdefault(value["role"], []).append(value["text"])
        rows.append(row)
    roles = sorted({role for row in rows for role in row if role != "option"})
    return {role: ["\n".join(row.get(role, ())) for row in rows] for role in roles}, [row.get("option", []) for row in rows]


def _media(frame: pl.DataFrame) -> dict[str, tuple[str, np.ndarray]]:
    found: dict[str, tuple[str, np.ndarray]] = {}
    for position, values in enumerate(frame["media"]):
        for value in values:
            if value["role"] not in found:
                found[value["role"]] = (value["encoder"], np.full(len(frame), -1, np.int64))
            found[value["role"]][1][position] = value["row"]
    return dict(sorted(found.items()))


def _targets(info: TaskInfo, targets: Sequence[str | None]) -> np.ndarray | list[str] | None:
    if info.subject == "pair":
        return None
    if info.kind in JOINED:
        index = {name: position for position, name in enumerate(info.classes)}
        return np.asarray([index[str(target)] for target in targets], np.int64)
    if info.kind == "choice":
        return np.asarray([int(str(target)) for target in targets], np.int64)
    if info.kind == "regression":
        return np.asarray([float(str(target)) for target in targets], np.float32)
    return [str(target) for target in targets]
