"""Written arithmetic → its answer, digit by digit from the lowest, by a small recurrent network that carries.

Digits of both operands and of the result are aligned by their power of ten (the coupling that makes addition learnable at
all), read in both directions so that the sign of a difference is known to every digit. × and ÷ are worked out in
scratch steps (partial products, running sums, repeated differences), each one a call of the same network.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.core.contracts import Prediction, TaskData, TaskInfo
from unified_assets.learners.symbolic_arithmetic import MOST_DIGITS, Number, Step, Work, exact, parse, solve_exactly, work, written
from unified_assets.learners.symbolic_equations import parse_number

BLANK = 10
MOST_STEPS = 2000  # of one expression, when answering
TRAINING_STEPS = 256  # of one batch: a division alone may ask for a hundred
Lesson = tuple[Step, int]


@lru_cache(maxsize=50_000)
def lessons(text: str, target: str) -> tuple[Lesson, ...]:
    """The steps to learn from one solved expression; none where it is not understood or its answer is another than worked out.

    A single addition or subtraction is learned from the answer as the data gives it.
    """
    tree, answer = parse(text), parse_number(target)
    if tree is None or isinstance(tree, Number) or answer is None:
        return ()
    try:
        found, steps = solve_exactly(tree)
    except ZeroDivisionError:
        return ()
    if len(steps) == 1 and steps[0][0].operation < 2 and answer.is_integer() and not found.places and abs(answer) < 10**15:
        swapped = found.digits != steps[0][1]  # the sign was taken outside
        return ((steps[0][0], int(-answer if swapped else answer)),)
    return tuple(steps) if abs(float(found.fraction()) - answer) <= 1e-4 * max(1.0, abs(answer)) else ()


def practice(found: list[Lesson]) -> list[Lesson]:
    """As many steps again, of operands that did not stand together, worked out exactly; none where the data's answers are no arithmetic."""
    if any(exact(step) != value for step, value in found):
        return []
    out: list[Lesson] = []
    for operation in range(3):
        steps = [step for step, _ in found if step.operation == operation]
        order = torch.randperm(len(steps)).tolist()
        for step, other in zip(steps, (steps[place] for place in order), strict=True):
            mixed = Step(operation, step.first, other.second)
            out.append((mixed, exact(mixed)))
    return out


class ArithmeticHead(nn.Module):
    """`forward`: aligned digits → logits of result digits (steps, places, 10) and of a minus sign (steps,)."""

    point: Tensor

    def __init__(self, entry: Mapping[str, Any]) -> None:
        super().__init__()
        self.info = TaskInfo.from_dict(entry["info"])
        self.register_buffer("point", torch.zeros(1))
        self.digit = nn.Embedding(11, 16)
        self.operation = nn.Embedding(3, 8)
        self.recurrent = nn.GRU(2 * 16 + 8, 64, num_layers=2, batch_first=True, bidirectional=True)
        self.result = nn.Linear(128, 10)
        self.minus = nn.Linear(128, 1)

    def fit_statistics(self, data: TaskData) -> None:
        """How answers are written in this data."""
        answers = [str(data.target[row]) for row in data.rows("train")] if data.target is not None else []
        self.point.fill_(float(sum(answer.endswith(".0") for answer in answers) > 0.5 * len(answers)))

    def optimizers(self, rate: float) -> list[torch.optim.Optimizer]:
        """One Adam."""
        return [torch.optim.AdamW(self.parameters(), lr=5 * rate, weight_decay=0.001)]

    def _run(self, steps: list[Step]) -> tuple[Tensor, Tensor]:
        width = max(max(len(str(step.first)), len(str(step.second))) for step in steps) + 1
        digits = np.full((len(steps), width, 2), BLANK, np.int64)
        for place, step in enumerate(steps):
            first, second = str(step.first)[::-1], str(step.second)[::-1]
            digits[place, : len(first), 0] = [int(digit) for digit in first]
            if step.operation == 2:
                digits[place, :, 1] = step.second
            else:
                digits[place, : len(second), 1] = [int(digit) for digit in second]
        inputs = self.digit(torch.from_numpy(digits).to(self.point.device)).flatten(2)
        operations = torch.tensor([step.operation for step in steps], device=self.point.device)
        hidden, last = self.recurrent(torch.cat([inputs, self.operation(operations)[:, None].expand(-1, width, -1)], dim=2))
        return self.result(hidden), self.minus(torch.cat([last[-2], last[-1]], dim=1))[:, 0]

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Tensor | None, trunk: nn.Module) -> Tensor:
        """Cross-entropy of the digits and the sign of every step; answers in words cannot be taught softly."""
        del soft_targets, trunk
        assert data.target is not None
        texts = data.texts["expression"]
        found = [lesson for row in rows for lesson in lessons(texts[row], str(data.target[row]))]
        if len(found) > TRAINING_STEPS:
            found = [found[place] for place in torch.randperm(len(found))[:TRAINING_STEPS].tolist()]
        if not found:
            return self.result.weight.sum() * 0.0
        found += practice(found)
        digits, minus = self._run([step for step, _ in found])
        wanted = np.zeros(digits.shape[:2], np.int64)
        for place, (_, value) in enumerate(found):
            shown = str(abs(value))[::-1][: wanted.shape[1]]
            wanted[place, : len(shown)] = [int(digit) for digit in shown]
        signs = torch.tensor([float(value < 0) for _, value in found], device=minus.device)
        loss = functional.cross_entropy(digits.flatten(0, 1), torch.from_numpy(wanted).to(digits.device).flatten())
        return loss + 0.3 * functional.binary_cross_entropy_with_logits(minus, signs)

    def predict(self, data: TaskData, rows: np.ndarray, trunk: nn.Module) -> Prediction:  # noqa: ARG002 - as all heads
        """Answers of these rows; all expressions advance together, one step of each a call."""
        texts = data.texts["expression"]
        trees = [parse(texts[row]) for row in rows]
        pending: dict[int, tuple[Work, Step]] = {}
        answers, confidence = [""] * len(rows), np.zeros(len(rows), np.float32)
        taken = np.zeros(len(rows), np.int64)
        for index, tree in enumerate(trees):
            if tree is not None:
                confidence[index] = 1.0
                self._advance(work(tree), None, index, pending, answers)
        while pending:
            order = list(pending)
            values, sure = self._answer([pending[index][1] for index in order])
            for index, value, probability in zip(order, values, sure, strict=True):
                solution, _ = pending.pop(index)
                taken[index] += 1
                confidence[index] *= probability
                if taken[index] < MOST_STEPS:
                    self._advance(solution, value, index, pending, answers)
        return Prediction(answers=answers, confidence=confidence)

    def _advance(self, solution: Work, value: int | None, index: int, pending: dict[int, tuple[Work, Step]], answers: list[str]) -> None:
        """Let one solution go on to its next step, or write down its answer."""
        try:
            step = next(solution) if value is None else solution.send(value)
        except StopIteration as done:
            answers[index] = written(done.value, point=bool(self.point.item()))
            return
        except ZeroDivisionError:
            return
        if max(len(str(step.first)), len(str(step.second))) <= 2 * MOST_DIGITS:
            pending[index] = (solution, step)

    def _answer(self, steps: list[Step]) -> tuple[list[int], np.ndarray]:
        with torch.no_grad():
            digits, minus = self._run(steps)
            best = functional.log_softmax(digits, dim=2).max(dim=2)
            negative = minus > 0
        weights = best.indices.cpu().numpy()
        values = [int("".join(str(digit) for digit in row[::-1])) for row in weights]
        signed = [-value if sign else value for value, sign in zip(values, negative.tolist(), strict=True)]
        return signed, np.exp(best.values.sum(dim=1).cpu().numpy())
