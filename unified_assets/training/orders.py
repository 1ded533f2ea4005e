"""What a round is told and what it tells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unified_assets.core.contracts import ModelSpec, TaskData
from unified_assets.core.presets import Preset
from unified_assets.training.plan import ModelPlan, steps_in_epoch

SIDES = {False: ("train",), True: ("train", "valid")}  # what is learned from, before the refit and in it
REFIT_SHARE = 0.125  # steps of the refit, of all steps before it


@dataclass(frozen=True, kw_only=True)
class RoundOrder:
    """What a round is to do. `checkpoints` and `knowledge_dir` are folders; `peers`: the slots of the round before to learn from.

    `refit`: not a round like the others but the refit that follows the last one, on the training and validation sides together.
    """

    spec: ModelSpec
    plan: ModelPlan
    preset: Preset
    tasks: tuple[TaskData, ...]
    pairs: TaskData | None
    round_index: int
    checkpoints: Path
    knowledge_dir: Path
    peers: Mapping[str, Path] = field(default_factory=dict)
    threads: int = 1
    device: str = "cpu"
    log: Callable[[str], None] = print
    refit: bool = False

    def on(self, *, threads: int, device: str) -> "RoundOrder":
        """The same order on what a lease gave."""
        return replace(self, threads=threads, device=device)

    def sizes(self) -> dict[str, int]:
        """Task -> examples to learn from."""
        return {data.info.task: len(self.rows(data)) for data in self.tasks}

    def rows(self, data: TaskData) -> np.ndarray:
        """The rows of a task to learn from."""
        return data.rows(*SIDES[self.refit])

    @property
    def taught_by(self) -> int:
        """The round whose knowledge is learned from: the one before; in the refit, as in the last round, for in that one nobody publishes any."""
        return self.round_index - (2 if self.refit else 1)

    def refit_steps(self, done: int) -> int:
        """Steps of the refit after so many; 0 where there is none: the preset has none, or no row validates."""
        wanted = self.preset.refit and any(len(data.rows("valid")) for data in self.tasks)
        return int(REFIT_SHARE * done) if wanted else 0

    def epoch_steps(self) -> int:
        """Steps of an epoch."""
        return steps_in_epoch(self.spec.name, self.sizes(), self.preset)

    def total_steps(self) -> int:
        """Steps of the whole training, which the learning rate's schedule runs over."""
        return self.epoch_steps() * self.preset.epochs


@dataclass(frozen=True, kw_only=True)
class RoundReport:
    """What a round did. `valid_score`: mean over tasks, by the root of their examples; None where nothing could be scored."""

    steps: int
    epochs: int
    train_loss: float | None
    valid_score: float | None
    scores: Mapping[str, float | None]
    learning_rate: float
    compute_s: float
    cpu_s: float
    io_s: float
    peers: tuple[str, ...]
    lessons: Mapping[str, float]  # task -> kappa
    improved: bool
