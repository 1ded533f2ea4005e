"""Sounds in, classes out: a small residual network on log-mel pictures beside MFCC statistics, logits added.

What that network counts beside a linear classifier of the same statistics, each task's validation part decides.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.core.contracts import Prediction, TaskData
from unified_assets.learners import audio_augment_torch as augment
from unified_assets.learners import media_modules_torch as parts
from unified_assets.learners.audio_features import MFCC, PARTS, STATISTICS, cosine_basis
from unified_assets.learners.audio_pitch_torch import PitchStrength
from unified_assets.learners.media_blueprints import role_in, rows_to_fit
from unified_assets.learners.media_reference_torch import Reference, answers, fit_reference, head_name, settle_reference

BATCH = 256
STEM = 32
TIME_BINS = 4
CENTRED = 0.7  # share of each mel band's mean that is taken out: the channel, but not all of the voice
VIEWS = 5
WIDE = MFCC * (PARTS + 3) + 1


def sound_features(mel: Tensor, seconds: Tensor) -> Tensor:
    """mel: (batch, mels, frames), seconds: (batch, 1) log → (batch, WIDE): MFCC by time part, deviations, mean, duration."""
    basis = torch.from_numpy(cosine_basis()).to(mel.device)
    coefficients = basis @ mel
    pieces = [part.mean(dim=2) for part in coefficients.tensor_split(PARTS, dim=2)]
    deviation = coefficients.std(dim=2, unbiased=False)
    steps = (coefficients[:, :, 1:] - coefficients[:, :, :-1]).std(dim=2, unbiased=False)
    return torch.cat([*pieces, deviation, steps, coefficients.mean(dim=2), seconds], dim=1)


def fit_pitch(strength: nn.Module, mel: Tensor, target: np.ndarray) -> None:
    """Measure how far the pitch of these sounds may be moved; durations say nothing of that."""
    assert isinstance(strength, PitchStrength)
    strength.fit(mel, target, lambda sounds: sound_features(sounds, torch.zeros(len(sounds), 1, device=sounds.device)))


class SoundTrunk(nn.Module):
    """(batch, 32, 64) log-mel → (batch, widths[-1] · TIME_BINS)."""

    def __init__(self, widths: Sequence[int], keys: Sequence[str]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, STEM, 5, (1, 2), 2, bias=False)
        self.stem_norm = parts.TaskNorm(STEM, keys)
        inputs = [STEM, *widths[:-1]]
        strides: list[int | tuple[int, int]] = [2] * (len(widths) - 1) + [(2, 1)]
        self.blocks = nn.ModuleList(parts.Residual(a, b, stride, keys) for a, b, stride in zip(inputs, widths, strides, strict=True))

    def forward(self, mel: Tensor, key: str) -> Tensor:
        """mel: (batch, mels, frames)."""
        mel = mel - CENTRED * mel.mean(dim=2, keepdim=True)
        mel = (mel - mel.mean(dim=(1, 2), keepdim=True)) / (mel.std(dim=(1, 2), keepdim=True) + 1e-3)
        x = mel[:, None].contiguous(memory_format=torch.channels_last)
        x = torch.relu(self.stem_norm(self.stem(x), key))
        for block in self.blocks:
            x = block(x, key)
        return functional.adaptive_avg_pool2d(x, (1, TIME_BINS)).flatten(1)


class AudioLearner(nn.Module):
    """One trunk, and for each task its norms, its head, its wide branch and its linear reference."""

    def __init__(self, blueprint: Mapping[str, Any]) -> None:
        super().__init__()
        self.blueprint = blueprint
        self.tasks: dict[str, Mapping[str, Any]] = {task["task"]: task for task in blueprint["tasks"]}
        self.norm_keys = {name: parts.task_key(name) for name in self.tasks}
        self.keys = {name: parts.head_key(name, task["classes"]) for name, task in self.tasks.items()}
        self.trunk = SoundTrunk(blueprint["widths"], list(self.norm_keys.values()))
        pooled = blueprint["widths"][-1] * TIME_BINS
        self.heads = nn.ModuleDict({self.keys[name]: nn.Linear(pooled, len(task["classes"])) for name, task in self.tasks.items()})
        self.wide = nn.ModuleDict({self.keys[name]: parts.Wide(WIDE, len(task["classes"])) for name, task in self.tasks.items()})
        self.reference = nn.ModuleDict({self.keys[name]: Reference(STATISTICS, len(task["classes"])) for name, task in self.tasks.items()})
        self.pitch = nn.ModuleDict({self.norm_keys[name]: PitchStrength() for name in self.tasks})
        nn.Module.to(self, memory_format=torch.channels_last)  # type: ignore[call-overload]  # the stubs lack this form

    def _sound(self, data: TaskData, rows: np.ndarray, task: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        return self._array(data, rows, task, "mel"), self._array(data, rows, task, "seconds")

    def _array(self, data: TaskData, rows: np.ndarray, task: Mapping[str, Any], name: str) -> Tensor:
        role = role_in(data, task["role"], ("mel", "seconds"))
        return torch.from_numpy(np.array(data.gather(role, name, rows))).to(self.trunk.stem.weight.device)

    def _logits(self, task: str, mel: Tensor, seconds: Tensor) -> tuple[Tensor, Tensor]:
        key = self.keys[task]
        pooled = functional.dropout(self.trunk(mel, self.norm_keys[task]), 0.3, self.training)
        return self.heads[key](pooled), self.wide[key](sound_features(mel, seconds))

    def fit_statistics(self, tasks: Sequence[TaskData], pairs: TaskData | None) -> None:
        """By the training part of each task (or the pairs): standardise its wide features, and see how far its pitch may be moved.

        The linear reference is of the training part alone.
        """
        for task in tasks:
            data, rows = rows_to_fit(task, pairs, self.tasks[task.info.task]["role"], ("mel", "seconds"))
            if len(rows):
                mel, seconds = self._sound(data, rows, self.tasks[data.info.task])
                with torch.no_grad():
                    parts.wide_of(self.wide, self.keys[data.info.task]).fit(sound_features(mel, seconds))
                if data.target is not None:
                    fit_pitch(self.pitch[self.norm_keys[data.info.task]], mel, np.asarray(data.target)[rows])
            look = self.tasks[task.info.task]
            fit_reference(self.reference_of(task.info.task), task, lambda rows, task=task, look=look: self._array(task, rows, look, "mfcc"))  # type: ignore[misc]

    def reference_of(self, task: str) -> Reference:
        """A task's linear reference."""
        found = self.reference[self.keys[task]]
        assert isinstance(found, Reference)
        return found

    def settle(self, tasks: Sequence[TaskData]) -> None:
        """Decide by each task's validation part what the network counts beside the linear reference."""
        self.eval()
        for data in tasks:
            settle_reference(self.reference_of(data.info.task), data, lambda rows, mix, data=data: self._answer(data, rows, mix, 1))  # type: ignore[misc]

    def trunks(self) -> Mapping[str, nn.Module]:
        """What peers may go on from, by kind of input."""
        return {"audio": self.trunk}

    def head_of(self, task: str) -> str:
        """What answers a task, in words."""
        return head_name(self.reference_of(task).weights())

    def optimizers(self, learning_rate: float) -> list[Any]:
        """One AdamW; the wide branches have rates of their own."""
        rates = {self.keys[name]: task["wide_rate"] for name, task in self.tasks.items()}
        return [torch.optim.AdamW(parts.parameter_groups(self, learning_rate, rates), lr=learning_rate)]

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Any | None = None) -> Tensor:
        """Loss of one varied view of each sound."""
        if not self.training:  # to set it walks all modules
            self.train()
        task = self.tasks[data.info.task]
        mel, seconds = self._sound(data, rows, task)
        with torch.no_grad():
            mel = augment.varied(mel, self.pitch[self.norm_keys[data.info.task]]())
        if soft_targets is not None:
            self.reference_of(data.info.task).taught.fill_(1.0)
        target = torch.as_tensor(np.asarray(data.target)[rows], device=mel.device) if soft_targets is None else parts.soft_target(soft_targets, mel.device)
        return parts.branch_loss(*self._logits(data.info.task, mel, seconds), target)

    def pair_loss(self, _pairs: TaskData, _rows: np.ndarray) -> None:
        """None: it learns from pairs through its peers' answers only."""
        return

    def predict(self, data: TaskData, rows: np.ndarray) -> Prediction:
        """Mean over a few time scales."""
        return self._answers(data, rows, VIEWS)

    def quick_predict(self, data: TaskData, rows: np.ndarray) -> Prediction:
        """The sounds as they are."""
        return self._answers(data, rows, 1)

    def _answers(self, data: TaskData, rows: np.ndarray, views: int) -> Prediction:
        self.eval()
        mix, width = self.reference_of(data.info.task).weights(), len(self.tasks[data.info.task]["classes"])
        return parts.to_prediction(data.info, parts.in_batches(rows, BATCH, lambda chosen: self._answer(data, chosen, mix, views), width))

    @torch.no_grad()
    def _answer(self, data: TaskData, rows: np.ndarray, mix: tuple[float, float], views: int) -> Tensor:
        task = self.tasks[data.info.task]
        sound, mfcc = self._sound(data, rows, task), self._array(data, rows, task, "mfcc")
        return self.log_probs(task, *sound, mfcc, mix, views=views, validation=data.split[rows] == "valid")

    def log_probs(
        self,
        task: Mapping[str, Any],
        mel: Tensor,
        seconds: Tensor,
        mfcc: Tensor,
        mix: tuple[float, float],
        *,
        views: int = VIEWS,
        validation: np.ndarray | None = None,
    ) -> Tensor:
        """(batch, classes), weighed by `mix`: the network's mean over a few time scales, and what the linear reference says of the MFCC statistics.

        mel: (batch, mels, frames), seconds: (batch, 1) log, mfcc: (batch, STATISTICS) at the original rate, validation: (batch,) rows of that part.
        """

        def network() -> Tensor:
            logits = torch.stack([torch.add(*self._logits(task["task"], view, seconds)) for view in augment.views(mel, views)])
            return logits.log_softmax(dim=2).mean(dim=0)

        return answers(mix, network, lambda: self.reference_of(task["task"])(mfcc, validation))
