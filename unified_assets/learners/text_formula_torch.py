"""Propositional formulas → their class, by connectives whose truth tables are learned, over all assignments at once.

Values are pushed to the nearest truth value with a straight-through gradient, so that errors do not grow with depth.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.core.contracts import Prediction, TaskData, TaskInfo
from unified_assets.learners.symbolic_formula import CONNECTIVES, Program, parse

STATISTICS = 6


@lru_cache(maxsize=50_000)
def program(text: str) -> Program | None:
    """The parsed formula; kept, since every epoch asks again."""
    return parse(text)


class FormulaHead(nn.Module):
    """Tables: (connectives, 4) logits of the output for inputs 00 01 10 11; `not` uses the first two. A linear head reads what comes out."""

    mask: Tensor

    def __init__(self, entry: Mapping[str, Any]) -> None:
        super().__init__()
        self.info = TaskInfo.from_dict(entry["info"])
        self.tables = nn.Parameter(torch.randn(len(CONNECTIVES), 4) * 0.5)
        self.readout = nn.Sequential(nn.Linear(STATISTICS, 16), nn.ReLU(), nn.Linear(16, len(self.info.classes)))
        self.register_buffer("mask", torch.zeros(len(self.info.classes)))  # log prior: the answer for what is no formula

    def fit_statistics(self, data: TaskData) -> None:
        """The prior of the classes."""
        counts = np.bincount(np.asarray(data.target)[data.rows("train")], minlength=len(self.info.classes)) if data.target is not None else np.zeros(1)
        self.mask.copy_(torch.from_numpy(np.log((counts + 1.0) / (counts.sum() + len(counts)))))

    def optimizers(self, rate: float) -> list[torch.optim.Optimizer]:
        """Tables learn faster than the readout."""
        factor = rate / 2e-3
        return [
            torch.optim.Adam([self.tables], lr=0.05 * factor),
            torch.optim.AdamW(self.readout.parameters(), lr=0.01 * factor, weight_decay=0.01),
        ]

    def _evaluate(self, found: Program) -> Tensor:
        """(2 ** variables,) truth of the formula under every assignment."""
        count = len(found.variables)
        assignments = (torch.arange(2**count, device=self.tables.device)[:, None] >> torch.arange(count, device=self.tables.device)) & 1
        inputs = assignments.float()
        truths = _nearest(torch.sigmoid(self.tables))
        stack: list[Tensor] = []
        for kind, place in found.steps:
            if kind == "v":
                stack.append(inputs[:, place])
            elif kind == "c":
                stack.append(torch.full((2**count,), float(place), device=self.tables.device))
            elif place == 0:
                one = stack.pop()
                stack.append(truths[0, 0] * (1 - one) + truths[0, 1] * one)
            else:
                two, one = stack.pop(), stack.pop()
                table = truths[place]
                stack.append((table[0] * (1 - two) + table[1] * two) * (1 - one) + (table[2] * (1 - two) + table[3] * two) * one)
        return stack[0]

    def _logits(self, data: TaskData, rows: np.ndarray) -> Tensor:
        texts = data.texts.get("formula") or next(iter(data.texts.values()))
        logits = []
        for row in rows:
            found = program(texts[row])
            if found is None:
                logits.append(self.mask)
                continue
            value = self._evaluate(found)
            mean, low, high = value.mean(), value.min(), value.max()
            logits.append(self.readout(torch.stack([mean, low, high, value[0], value[-1], high - low]) * 2 - 1))
        return torch.stack(logits)

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Tensor | None, trunk: nn.Module) -> Tensor:
        """Cross-entropy; the gradient reaches the tables straight through the rounding."""
        logits = self._logits(data, rows)
        target = soft_targets if soft_targets is not None else torch.as_tensor(np.asarray(data.target)[rows], dtype=torch.int64, device=logits.device)
        return functional.cross_entropy(logits, target)

    def predict(self, data: TaskData, rows: np.ndarray, trunk: nn.Module) -> Prediction:
        """Classes of these formulas."""
        with torch.no_grad():
            log_probs = functional.log_softmax(self._logits(data, rows), dim=1).cpu().numpy()
        answers = [self.info.classes[place] for place in log_probs.argmax(axis=1)]
        return Prediction(answers=answers, confidence=np.exp(log_probs.max(axis=1)), log_probs=log_probs)


def _nearest(values: Tensor) -> Tensor:
    """Rounded to 0 or 1; the gradient passes as if nothing had been rounded."""
    return values + (values.round() - values).detach()
