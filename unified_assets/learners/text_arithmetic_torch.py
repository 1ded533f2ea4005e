"""Written arithmetic → its answer, column by column from the lowest digit, by a small network that carries.

The network learns single columns: an operation, two digits and what is carried in → the digit to write and what is carried
out. Columns are all it ever sees, so operands of any length are worked out alike. × and ÷ are worked out in scratch steps
(partial products, running sums, repeated differences), each one a pass of the same network over its columns.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from unified_assets.core.contracts import Prediction, TaskData, TaskInfo
from unified_assets.learners.symbolic_arithmetic import ADD, MOST_DIGITS, SUBTRACT, TIMES_DIGIT, Number, Step, Work, exact, parse, solve_exactly, work, written
from unified_assets.learners.symbolic_equations import parse_number

RANDOM_PRACTICE = 64  # further steps of each operation in a batch, of random operands
LONGEST_PRACTICE = 8  # digits of those
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
    if len(steps) == 1 and tree[0] in "+-" and answer.is_integer() and not found.places and abs(answer) < 10**15:
        swapped = found.digits != steps[0][1]  # the sign was taken outside
        return ((steps[0][0], int(-answer if swapped else answer)),)
    return tuple(steps) if abs(float(found.fraction()) - answer) <= 1e-4 * max(1.0, abs(answer)) else ()


def practice(found: list[Lesson]) -> list[Lesson]:
    """Steps of the same operations on other operands, worked out exactly; none where the data's answers are no arithmetic."""
    if any(exact(step) != value for step, value in found):
        return []
    out: list[Lesson] = []
    for operation in range(3):
        steps = [step for step, _ in found if step.operation == operation]
        if not steps:
            continue
        order = torch.randperm(len(steps)).tolist()
        mixed = [Step(operation, step.first, other.second) for step, other in zip(steps, (steps[place] for place in order), strict=True)]
        digits = torch.randint(0, 10, (RANDOM_PRACTICE, 2, LONGEST_PRACTICE)).tolist()
        drawn = [(int("".join(map(str, one))), int("".join(map(str, two)))) for one, two in digits]
        mixed += [Step(operation, one, two % 10 if operation == TIMES_DIGIT else two) for one, two in drawn]
        out += [(step, exact(step)) for step in mixed]
    return out


def swapped(step: Step) -> Step:
    """The step with its operands the other way round."""
    return Step(step.operation, step.second, step.first)


def columns(steps: list[Step]) -> tuple[np.ndarray, np.ndarray]:
    """(steps, places, 2) digits of both operands, lowest first, one place more than the longest has; and the operations (steps,)."""
    width = max(max(len(str(step.first)), len(str(step.second))) for step in steps) + 1
    digits = np.zeros((len(steps), width, 2), np.int64)
    for place, step in enumerate(steps):
        for side, value in enumerate((step.first, step.second)):
            shown = str(value)[::-1]
            digits[place, : len(shown), side] = [int(digit) for digit in shown]
        if step.operation == TIMES_DIGIT:
            digits[place, :, 1] = step.second
    return digits, np.asarray([step.operation for step in steps], np.int64)


def carries(digits: np.ndarray, operations: np.ndarray) -> np.ndarray:
    """(steps, places + 1): what long addition, subtraction and multiplication carry (or borrow) into each place, and out of the last."""
    out = np.zeros((len(digits), digits.shape[1] + 1), np.int64)
    for place in range(digits.shape[1]):
        first, second, carried = digits[:, place, 0], digits[:, place, 1], out[:, place]
        borrowed = (first - second - carried < 0).astype(np.int64)
        out[:, place + 1] = np.where(operations == SUBTRACT, borrowed, np.where(operations == ADD, first + second + carried, first * second + carried) // 10)
    return out


class ArithmeticHead(nn.Module):
    """`column`: (k,) operations, digits and carries → (k, 10) logits of the digit to write and (k, 10) of the carry."""

    point: Tensor

    def __init__(self, entry: Mapping[str, Any]) -> None:
        super().__init__()
        self.info = TaskInfo.from_dict(entry["info"])
        self.register_buffer("point", torch.zeros(1))
        self.digits, self.carried = nn.Embedding(300, 64), nn.Embedding(30, 64)  # two digits, and a carry, by operation
        self.layers = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 20))

    def column(self, operations: Tensor, first: Tensor, second: Tensor, carried: Tensor) -> tuple[Tensor, Tensor]:
        """One column of every step, all arguments of the same shape."""
        known = self.digits(100 * operations + 10 * first + second), self.carried(10 * operations + carried)
        logits = self.layers(torch.cat(known, dim=-1))
        return logits[..., :10], logits[..., 10:]

    def fit_statistics(self, data: TaskData, trunk: Any) -> None:  # noqa: ARG002 - as of any head
        """How answers are written in this data."""
        answers = [str(data.target[row]) for row in data.rows("train")] if data.target is not None else []
        self.point.fill_(float(sum(answer.endswith(".0") for answer in answers) > 0.5 * len(answers)))

    def optimizers(self, rate: float) -> list[torch.optim.Optimizer]:
        """One Adam."""
        return [torch.optim.AdamW(self.parameters(), lr=5 * rate, weight_decay=0.001)]

    def loss(self, data: TaskData, rows: np.ndarray, soft_targets: Tensor | None, trunk: nn.Module) -> Tensor:
        """Cross-entropy of every column's digit and carry; answers in words cannot be taught softly."""
        del soft_targets, trunk
        assert data.target is not None
        texts = data.texts["expression"]
        found = [lesson for row in rows for lesson in lessons(texts[row], str(data.target[row]))]
        if len(found) > TRAINING_STEPS:
            found = [found[place] for place in torch.randperm(len(found))[:TRAINING_STEPS].tolist()]
        if not found:
            return self.digits.weight.sum() * 0.0
        found += practice(found)
        steps = [swapped(step) if value < 0 else step for step, value in found]  # a negative difference is the other one with a sign
        digits, operations = columns(steps)
        carried = carries(digits, operations)
        wanted: np.ndarray = np.zeros((len(found), digits.shape[1]), np.int64)
        for place, (_, value) in enumerate(found):
            shown = str(abs(value))[::-1][: digits.shape[1]]
            wanted[place, : len(shown)] = [int(digit) for digit in shown]
        device = self.point.device
        spread = np.broadcast_to(operations[:, None], wanted.shape)
        inputs = (spread, digits[:, :, 0], digits[:, :, 1], carried[:, :-1])
        written_down, handed_on = self.column(*(torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in inputs))
        loss = functional.cross_entropy(written_down.flatten(0, 1), torch.from_numpy(wanted).to(device).flatten())
        return loss + functional.cross_entropy(handed_on.flatten(0, 1), torch.from_numpy(np.ascontiguousarray(carried[:, 1:])).to(device).flatten())

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
        values, sure, borrowed = self._columns(steps)
        again = [place for place, step in enumerate(steps) if step.operation == SUBTRACT and borrowed[place]]
        if again:  # a borrow is left over: the difference is negative
            others, surely, _ = self._columns([swapped(steps[place]) for place in again])
            for place, value, probability in zip(again, others, surely, strict=True):
                values[place] = -value
                sure[place] *= probability
        return values, sure

    def _columns(self, steps: list[Step]) -> tuple[list[int], np.ndarray, np.ndarray]:
        """(values, confidence, what the last column carries out) of all steps, worked out from the lowest digit."""
        digits, operations = (torch.from_numpy(part).to(self.point.device) for part in columns(steps))
        carried, sure = torch.zeros_like(operations), torch.zeros(len(steps), device=self.point.device)
        shown = []
        with torch.no_grad():
            for place in range(digits.shape[1]):
                logits, handed_on = self.column(operations, digits[:, place, 0], digits[:, place, 1], carried)
                best = functional.log_softmax(logits, dim=1).max(dim=1)
                carried = handed_on.argmax(dim=1)
                sure = sure + best.values
                shown.append(best.indices)
        rows = torch.stack(shown, dim=1).cpu().numpy()
        values = [int("".join(str(digit) for digit in row[::-1])) for row in rows]
        return values, np.exp(sure.cpu().numpy()), carried.cpu().numpy()
