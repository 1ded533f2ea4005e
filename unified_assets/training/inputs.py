"""What training reads: a dataset's tasks and pairs, cut to what the preset asks for; and seeds."""

import zlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from unified_assets.core.contracts import TaskData
from unified_assets.core.errors import NothingToTrain
from unified_assets.core.presets import Preset
from unified_assets.training import knowledge


class Dataset(Protocol):
    """What `datasets.load` returns, as far as training looks at it. `folder` may keep a cache of reference baselines."""

    @property
    def model(self) -> str:
        """Whose dataset it is."""

    @property
    def digest(self) -> str:
        """Hash of the sorted examples."""

    @property
    def tasks(self) -> tuple[TaskData, ...]:
        """The labelled tasks."""

    @property
    def pairs(self) -> TaskData | None:
        """Unlabelled files that occur together."""

    @property
    def folder(self) -> Path | None:
        """The published folder, or None for data made in memory."""


def chosen_tasks(dataset: Dataset, preset: Preset) -> tuple[TaskData, ...]:
    """The tasks to learn, in name order: those with a training example, and those that peers may teach on pairs.

    Raises NothingToTrain where there is none.
    """
    patterns: Sequence[str] = ("*",) if preset.datasets == "all" else preset.datasets
    wanted = [data for data in dataset.tasks if any(fnmatchcase(data.info.task, pattern) for pattern in patterns)]
    usable = [data for data in wanted if len(data.rows("train")) or ("teaching" in preset.exchange and _teachable(data, dataset.pairs))]
    if not usable:
        why = f"no task matches `datasets: {', '.join(patterns)}`" if dataset.tasks and not wanted else "none of its tasks has a training example"
        raise NothingToTrain(model=dataset.model, why=why)
    return tuple(sorted(usable, key=lambda data: data.info.task))


def _teachable(data: TaskData, pairs: TaskData | None) -> bool:
    """Whether a task without training examples can be learned from what peers say of pairs."""
    return pairs is not None and data.info.kind == "classification" and bool(len(knowledge.answerable(data, pairs)))


def seed_of(seed: int, *names: object) -> int:
    """A seed for something named, from the run's seed: the same on every machine."""
    return zlib.crc32("/".join([str(seed), *map(str, names)]).encode()) & 0x7FFFFFFF
