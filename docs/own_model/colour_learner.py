"""The torch module of colour_service: two convolutions, and a head for each task."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unified_assets.core.contracts import Prediction, TaskData


class ColourLearner(nn.Module):
    """pixels (batch, 24, 24, 3) uint8 → logits (batch, classes of the task)."""

    def __init__(self, blueprint: Mapping[str, Any]) -> None:
        super().__init__()
        self.blueprint = blueprint
        self.trunk = nn.Sequential(
            *(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.GroupNorm(4, 16), nn.ReLU()),
            *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.GroupNorm(4, 32), nn.ReLU()),
            *(nn.Flatten(), nn.Dropout(0.1)),
        )
        self.names = [task["task"] for task in blueprint["tasks"]]
        self.heads = nn.ModuleList(nn.Linear(32 * 6 * 6, len(task["classes"])) for task in blueprint["tasks"])

    def fit_statistics(self, tasks: Sequence[TaskData], pairs: TaskData | None) -> None:
        """Nothing to measure before training."""

    def optimizers(self, learning_rate: float) -> list[torch.optim.Optimizer]:
        """One for all of it."""
        return [torch.optim.AdamW(self.parameters(), lr=learning_rate, weight_decay=0.01)]

    def _logits(self, data: TaskData, rows: np.ndarray) -> Tensor:
        pixels = torch.from_numpy(np.ascontiguousarray(data.gather("image", "pixels", rows)))
        device = next(self.parameters()).device
        scaled = pixels.to(device).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        logits: Tensor = self.heads[self.names.index(data.info.task)](self.trunk(scaled))
        return logits

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Tensor | None = None) -> Tensor:
        """Cross-entropy with the labels, or with what the peers say of unlabelled pairs."""
        logits = self._logits(data, rows)
        target = torch.from_numpy(np.asarray(data.target)[rows]).to(logits.device) if soft_targets is None else soft_targets
        return nn.functional.cross_entropy(logits, target)

    def pair_loss(self, _pairs: TaskData, _rows: np.ndarray) -> None:
        """None: it learns from pairs through its peers' answers only."""
        return

    @torch.no_grad()
    def predict(self, data: TaskData, rows: np.ndarray) -> Prediction:
        """Answers with their probabilities."""
        self.eval()
        log_probs = self._logits(data, rows).log_softmax(dim=1).cpu().numpy()
        answers = [data.info.classes[place] for place in log_probs.argmax(axis=1)]
        return Prediction(answers=answers, confidence=np.exp(log_probs.max(axis=1)), log_probs=log_probs)
