"""Learners of pictures and sounds in; what a task computes from encoded arrays to log probabilities, as one module, out: for export."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from unified_assets.learners.audio_learner_torch import AudioLearner
from unified_assets.learners.image_augment_torch import to_float
from unified_assets.learners.image_learner_torch import ImageLearner


class PictureGraph(nn.Module):
    """One task on still pictures."""

    inputs = ("pixels",)

    def __init__(self, learner: ImageLearner, task: Mapping[str, Any]) -> None:
        super().__init__()
        self.learner, self.task = learner, task
        self.mix = learner.reference_of(task["task"]).weights()

    def forward(self, pixels: Tensor) -> Tensor:
        """pixels: (batch, side, side, 3) uint8 → (batch, classes) log probabilities."""
        return self.learner.still_log_probs(self.task, to_float(pixels), self.mix)


class SoundGraph(nn.Module):
    """One task on sounds."""

    inputs = ("mel", "seconds", "mfcc")

    def __init__(self, learner: AudioLearner, task: Mapping[str, Any]) -> None:
        super().__init__()
        self.learner, self.task = learner, task
        self.mix = learner.reference_of(task["task"]).weights()

    def forward(self, mel: Tensor, seconds: Tensor, mfcc: Tensor) -> Tensor:
        """mel: (batch, mels, frames), seconds: (batch, 1) log, mfcc: (batch, statistics) → (batch, classes) log probabilities."""
        return self.learner.log_probs(self.task, mel, seconds, mfcc, self.mix)


def graph_of(learner: object, task: str) -> tuple[nn.Module | None, str]:
    """The module of a task and the role it reads; or None and why this learner is more than a network."""
    if isinstance(learner, ImageLearner):
        described = learner.tasks[task]
        if described["recipe"] == "clip":
            return None, "a clip's fixed features are read from how its frames move, by code outside the network"
        if described.get("vectors") and learner.reference_of(task).weights()[1]:
            return None, "its linear classifier sees the vectors of a pretrained image encoder, which is no part of it"
        return PictureGraph(learner, described), str(described["role"])
    if isinstance(learner, AudioLearner):
        return SoundGraph(learner, learner.tasks[task]), str(learner.tasks[task]["role"])
    return None, "it reads texts by code (grammars, n-gram tables, a memory of the train side) beside its network: use the pyfunc model of MLflow"
