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
TRIES = 8  # independent sets of tables: one alone may settle on truth tables that explain only part of the data
FORGETTING = 0.05


@lru_cache(maxsize=50_000)
def program(text: str) -> Program | None:
    """The parsed formula; kept, since every epoch asks again."""
    return parse(text)


class FormulaHead(nn.Module):
    """Tables: (tries, connectives, 4) logits of the output for inputs 00 01 10 11; `not` uses the first two.

    Each try has a small readout of its own; the one with the smallest recent loss answers.
    """

    mask: Tensor
    recent: Tensor

    def __init__(self, entry: Mapping[str, Any]) -> None:
        super().__init__()
        self.info = TaskInfo.from_dict(entry["info"])
        classes = len(self.info.classes)
        self.tables = nn.Parameter(torch.randn(TRIES, len(CONNECTIVES), 4) * 0.5)
        self.hidden = nn.Parameter(torch.randn(TRIES, STATISTICS, 16) / STATISTICS**0.5)
        self.shift = nn.Parameter(torch.zeros(TRIES, 1, 16))
        self.output = nn.Parameter(torch.randn(TRIES, 16, classes) / 4)
        self.register_buffer("recent", torch.zeros(TRIES))  # running mean of each try's loss
        self.register_buffer("mask", torch.zeros(classes))  # log prior: the answer for what is no formula

    def fit_statistics(self, data: TaskData, trunk: Any) -> None:  # noqa: ARG002 - as of any head
        """The prior of the classes."""
        counts = np.bincount(np.asarray(data.target)[data.rows("train")], minlength=len(self.info.classes)) if data.target is not None else np.zeros(1)
        self.mask.copy_(torch.from_numpy(np.log((counts + 1.0) / (counts.sum() + len(counts)))))

    def optimizers(self, rate: float) -> list[torch.optim.Optimizer]:
        """Tables learn faster than the readout."""
        factor = rate / 2e-3
        return [
            torch.optim.Adam([self.tables], lr=0.05 * factor),
            torch.optim.AdamW([self.hidden, self.shift, self.output], lr=0.01 * factor, weight_decay=0.01),
        ]

    def _evaluate(self, found: Program, truths: Tensor) -> Tensor:
        """(tries, 2 ** variables) truth of the formula under every assignment."""
        count, device = len(found.variables), self.tables.device
        inputs = ((torch.arange(2**count, device=device)[:, None] >> torch.arange(count, device=device)) & 1).float()
        stack: list[Tensor] = []
        for kind, place in found.steps:
            if kind == "v":
                stack.append(inputs[:, place].expand(TRIES, -1))
            elif kind == "c":
                stack.append(torch.full((TRIES, 2**count), float(place), device=device))
            else:
                table = truths[:, place, :, None]  # (tries, 4, 1)
                two = stack.pop()
                low = table[:, 0] + (table[:, 1] - table[:, 0]) * two
                if CONNECTIVES[place] == "not":
                    stack.append(low)
                    continue
                one = stack.pop()
                high = table[:, 2] + (table[:, 3] - table[:, 2]) * two
                stack.append(low + (high - low) * one)
        return stack[0]

    def _logits(self, data: TaskData, rows: np.ndarray) -> Tensor:
        """(tries, rows, classes)."""
        texts = data.texts.get("formula") or next(iter(data.texts.values()))
        truths = _nearest(torch.sigmoid(self.tables))
        programs = [program(texts[row]) for row in rows]
        statistics, known = [], []
        for found in programs:
            known.append(found is not None)
            if found is None:
                statistics.append(torch.zeros(TRIES, STATISTICS, device=self.tables.device))
                continue
            value = self._evaluate(found, truths)
            low, high = value.amin(dim=1), value.amax(dim=1)
            statistics.append(torch.stack([value.mean(dim=1), low, high, value[:, 0], value[:, -1], high - low], dim=1) * 2 - 1)
        hidden = (torch.stack(statistics, dim=1) @ self.hidden + self.shift).relu()
        return torch.where(torch.tensor(known, device=self.tables.device)[None, :, None], hidden @ self.output, self.mask)

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Tensor | None, trunk: nn.Module) -> Tensor:  # noqa: ARG002 - as all heads
        """Cross-entropy of every try; the gradient reaches the tables straight through the rounding."""
        logits = self._logits(data, rows)
        target = soft_targets if soft_targets is not None else torch.as_tensor(np.asarray(data.target)[rows], dtype=torch.int64, device=logits.device)
        losses = torch.stack([functional.cross_entropy(one, target) for one in logits])
        with torch.no_grad():
            self.recent += FORGETTING * (losses.detach().float() - self.recent)
        return losses.mean()

    def predict(self, data: TaskData, rows: np.ndarray, trunk: nn.Module) -> Prediction:  # noqa: ARG002 - as all heads
        """Classes of these formulas, by the best try."""
        with torch.no_grad():
            logits = self._logits(data, rows)[int(self.recent.argmin())].float()
            log_probs = functional.log_softmax(logits, dim=1).cpu().numpy()
        answers = [self.info.classes[place] for place in log_probs.argmax(axis=1)]
        return Prediction(answers=answers, confidence=np.exp(log_probs.max(axis=1)), log_probs=log_probs)


def _nearest(values: Tensor) -> Tensor:
    """Rounded to 0 or 1; the gradient passes as if nothing had been rounded."""
    return values + (values.round() - values).detach()
