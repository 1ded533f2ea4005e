"""What a round is told and what it tells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from unified_assets.core.contracts import ModelSpec, TaskData
from unified_assets.core.presets import Preset
from unified_assets.training.plan import ModelPlan, steps_in_epoch


@dataclass(frozen=True, kw_only=True)
class RoundOrder:
    """What a round is to do. `checkpoints` and `knowledge_dir` are folders; `peers`: the slots of the round before to learn from."""

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

    def on(self, *, threads: int, device: str) -> "RoundOrder":
        """The same order on what a lease gave."""
        return replace(self, threads=threads, device=device)

    def sizes(self) -> dict[str, int]:
        """Task -> training examples."""
        return {data.info.task: len(data.rows("train")) for data in self.tasks}

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
