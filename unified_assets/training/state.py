"""A model in training: learner, optimizers, averaged weights, best weights, random state and how far it is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

EMA_LIMIT = 0.99
STATISTICS = ("running_mean", "running_var")  # buffers that training moves, and that averaging moves with the weights


@dataclass(kw_only=True)
class Progress:
    """How far a model is: JSON-able, part of every checkpoint. `accumulate`: parts a batch is cut into since memory ran out.

    `refit`: None before the refit; whether it ended well after it.
    """

    round_index: int = 0
    steps: int = 0
    lr_scale: float = 1.0
    accumulate: int = 1
    best_score: float | None = None
    best_round: int = 0
    refit: bool | None = None
    compute_s: float = 0.0
    cpu_s: float = 0.0
    scores: dict[str, float | None] = field(default_factory=dict)  # of the newest round's validation
    updates: list[int] = field(default_factory=list)  # of each averaged tensor


@dataclass(kw_only=True)
class TrainingState:
    """Everything a round reads and changes. `best` is a copy on the CPU; `average` has one tensor for each of `averaged()`.

    `kept`: parameters that the present round leaves as they are.
    After a refit the learner holds the weights that answer, and `best` those from before, which validation rows have only judged.
    """

    learner: Any
    optimizers: list[Any]
    average: list[Any]
    best: dict[str, Any]
    progress: Progress
    generator: np.random.Generator
    torch_random: Any
    kept: tuple[Any, ...] = ()

    @property
    def device(self) -> str:
        """Where its parameters are."""
        first = next(self.learner.parameters(), None)
        return "cpu" if first is None else str(first.device)

    def to(self, device: str) -> None:
        """Move it all; a GPU's cached memory is given back when it leaves."""
        import torch

        if str(torch.device(device)) == self.device:
            return
        left = self.device
        self.learner.to(device)
        for optimizer in self.optimizers:
            for values in optimizer.state.values():
                values.update({name: value.to(device) for name, value in values.items() if torch.is_tensor(value) and name != "step"})
        self.average = [value.to(device) for value in self.average]
        if left.startswith("cuda"):
            torch.cuda.empty_cache()

    def moving(self) -> list[Any]:
        """The tensors that are averaged: parameters that are learned, and the statistics of normalisations."""
        import torch

        learned = [value for value in self.learner.parameters() if value.requires_grad]
        moved = [value for name, value in self.learner.named_buffers() if name.endswith(STATISTICS) and torch.is_floating_point(value)]
        return [*learned, *moved]

    def start_average(self) -> None:
        """Average weights from here on."""
        self.average = [value.detach().clone() for value in self.moving()]
        self.progress.updates = [0] * len(self.average)

    def take_average(self) -> None:
        """Put the averaged weights in the place of the present ones, for good."""
        self._swap()
        self.average = []

    def average_step(self, moving: Sequence[Any] | None = None) -> None:
        """Move the averages of what this step changed: min(.99, (i + 1) / (i + 10)) of the old one stays after i changes.

        Weights that had no gradient (other tasks' heads) are left alone: their averages count their own changes. `moving`: what `moving()` gives,
        for whoever takes many steps: to look for it through all modules may cost more than the step.
        """
        import torch

        if not self.average:
            return
        changes: dict[float, list[int]] = {}
        moving = self.moving() if moving is None else moving
        for place, value in enumerate(moving):
            if not value.requires_grad or value.grad is not None:
                count = self.progress.updates[place]
                self.progress.updates[place] = count + 1
                changes.setdefault(min(EMA_LIMIT, (count + 1) / (count + 10)), []).append(place)
        with torch.no_grad():
            for keep, places in changes.items():
                torch._foreach_lerp_([self.average[place] for place in places], [moving[place].detach() for place in places], 1.0 - keep)

    @contextmanager
    def averaged(self) -> Iterator[Any]:
        """The learner with its averaged weights in place (the present ones where nothing is averaged)."""
        self._swap()
        try:
            yield self.learner
        finally:
            self._swap()

    def weights(self) -> dict[str, Any]:
        """A copy of the learner's state on the CPU, without memory shared between tensors."""
        return copied(self.learner.state_dict())

    def _swap(self) -> None:
        if self.average:
            moving = self.moving()
            for position, (value, other) in enumerate(zip(moving, list(self.average), strict=True)):
                self.average[position] = value.data
                value.data = other


def copied(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors as contiguous copies on the CPU."""
    return {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
