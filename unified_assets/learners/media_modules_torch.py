"""Parts of the media networks: shared convolutions with one set of norms a task, the wide linear branch, the summed loss."""

import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.core.contracts import Prediction, TaskInfo

SMOOTHING = 0.1
AUXILIARY = 0.3  # weight of each branch's own loss: each must be able to answer alone


def task_key(task: str) -> str:
    """A task's name as a module name: readable, and apart for any two tasks."""
    return f"t_{re.sub('[^0-9A-Za-z]+', '_', task)[-60:]}_{zlib.crc32(task.encode()):08x}"


def head_key(task: str, classes: Sequence[str]) -> str:
    """The name of a task's head: other classes make another head, so that no row is taken over by another class."""
    return f"{task_key(task)}_{zlib.crc32(chr(0).join(classes).encode('utf-8', 'surrogatepass')):08x}"


class TaskNorm(nn.Module):
    """BatchNorm with statistics of its own for each task: their pictures come from different worlds."""

    def __init__(self, channels: int, keys: Sequence[str]) -> None:
        super().__init__()
        self.norms = nn.ModuleDict({key: nn.BatchNorm2d(channels) for key in keys})

    def forward(self, x: Tensor, key: str) -> Tensor:
        """x: (batch, channels, height, width)."""
        out: Tensor = self.norms[key](x)
        return out


class Residual(nn.Module):
    """Two 3x3 convolutions beside a strided 1x1."""

    def __init__(self, inputs: int, outputs: int, stride: int | tuple[int, int], keys: Sequence[str]) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.skip = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.norm1, self.norm2 = TaskNorm(outputs, keys), TaskNorm(outputs, keys)

    def forward(self, x: Tensor, key: str) -> Tensor:
        """x: (batch, inputs, height, width)."""
        inner = torch.relu(self.norm1(self.first(x), key))
        return torch.relu(self.norm2(self.second(inner), key) + self.skip(x))


class Wide(nn.Module):
    """Fixed features, standardised by the training part, into a linear layer that starts at zero."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.linear = nn.Linear(features, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.dropout = dropout
        self.scale = 4.0 / features**0.5

    def fit(self, features: Tensor) -> None:
        """Take mean and deviation from (rows, features) of the training part."""
        self.mean.copy_(features.mean(dim=0))
        self.deviation.copy_(features.std(dim=0, unbiased=False) + 1e-3 * features.std() + 1e-6)

    def forward(self, features: Tensor) -> Tensor:
        """features: (batch, features) → logits (batch, classes)."""
        x = ((features - self.mean) / self.deviation).clamp(-5, 5) * self.scale
        out: Tensor = self.linear(functional.dropout(x, self.dropout, self.training))
        return out


def wide_of(branches: nn.ModuleDict, key: str) -> Wide:
    """A task's wide branch."""
    found = branches[key]
    assert isinstance(found, Wide)
    return found


def branch_loss(deep: Tensor, wide: Tensor, target: Tensor) -> Tensor:
    """Cross entropy of the sum and of each branch. target: (batch,) classes, or (batch, classes) soft."""
    total = deep + wide
    smooth = SMOOTHING if target.dim() == 1 else 0.0
    losses = [functional.cross_entropy(logits, target, label_smoothing=smooth) for logits in (total, deep, wide)]
    return losses[0] + AUXILIARY * (losses[1] + losses[2])


def one_hot(target: Tensor, classes: int) -> Tensor:
    """(batch, classes) soft targets with label smoothing, for mixing."""
    return functional.one_hot(target, classes).float() * (1 - SMOOTHING) + SMOOTHING / classes


def soft_target(soft: Any, device: torch.device) -> Tensor:
    """(k, classes) float32 probabilities, from numpy or torch."""
    return torch.as_tensor(np.asarray(soft) if not isinstance(soft, Tensor) else soft, dtype=torch.float32, device=device)


def to_prediction(info: TaskInfo, log_probs: Tensor) -> Prediction:
    """Class names and confidences of (k, classes) log probabilities."""
    values = log_probs.float().cpu().numpy().astype(np.float32)
    best = values.argmax(axis=1) if len(values) else np.zeros(0, np.int64)
    confidence = np.exp(values[np.arange(len(values)), best]).astype(np.float32)
    return Prediction(answers=[info.classes[index] for index in best], confidence=confidence, log_probs=values)


def in_batches(rows: np.ndarray, size: int, function: Callable[[np.ndarray], Tensor], width: int) -> Tensor:
    """function(rows) over slices, joined: (k, width)."""
    parts = [function(rows[start : start + size]) for start in range(0, len(rows), size)]
    return torch.cat(parts) if parts else torch.zeros(0, width)


def parameter_groups(module: nn.Module, learning_rate: float, wide_rates: dict[str, float]) -> list[dict[str, Any]]:
    """AdamW groups: matrices decay, norms and biases do not, each wide branch has a rate of its own (by its key in `wide_rates`)."""
    decayed, free, groups = [], [], []
    for name, parameter in module.named_parameters():
        parts = name.split(".")
        if parts[0] == "wide":
            groups.append({"params": [parameter], "lr": learning_rate * wide_rates[parts[1]], "weight_decay": 0.1})
        elif parameter.dim() > 1:
            decayed.append(parameter)
        else:
            free.append(parameter)
    return [{"params": decayed, "weight_decay": 0.05}, {"params": free, "weight_decay": 0.0}, *groups]
