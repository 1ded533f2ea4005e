"""Answers and targets in; a score out. A score that was not measured is None, never zero."""

from collections.abc import Sequence

import numpy as np

from unified_assets.core.contracts import TaskData

LOWER_IS_BETTER = frozenset({"mean_absolute_error"})
SHARES = frozenset({"accuracy", "exact_match"})  # metrics that are shares of right answers


def target_texts(data: TaskData, rows: np.ndarray) -> list[str]:
    """The targets of these rows as answers are written: class names, option indices, texts, numbers."""
    assert data.target is not None
    if data.info.classes and data.info.kind not in {"choice", "generation", "tagging"}:
        return [data.info.classes[int(data.target[row])] for row in rows]
    if data.info.kind == "regression":
        return [repr(float(data.target[row])) for row in rows]
    return [str(data.target[row]) for row in rows]


def is_correct(data: TaskData, answers: Sequence[str], targets: Sequence[str]) -> list[bool | None]:
    """Whether each answer is right as a whole; None for numbers that have no right and wrong."""
    if data.info.kind == "regression":
        return [None] * len(targets)
    return [str(answer).strip() == target.strip() for answer, target in zip(answers, targets, strict=True)]


def score(data: TaskData, answers: Sequence[str], rows: np.ndarray) -> float | None:
    """The task's metric on these rows; None without rows, or where an answer is not a finite number and has to be."""
    if not len(rows):
        return None
    targets = target_texts(data, rows)
    if data.info.kind == "regression":
        errors = [abs(_number(answer) - float(target)) for answer, target in zip(answers, targets, strict=True)]
        return float(np.mean(errors)) if np.isfinite(errors).all() else None
    if data.info.kind == "tagging":
        return float(np.mean([_tags_right(str(answer), target) for answer, target in zip(answers, targets, strict=True)]))
    return float(np.mean([bool(right) for right in is_correct(data, answers, targets)]))


def constant_score(data: TaskData) -> float:
    """Accuracy of the commonest answer on the validation side; 0 where there are no classes or no rows."""
    rows = data.rows("valid")
    if data.info.kind == "regression" or not len(rows):
        return 0.0
    return float(np.unique(target_texts(data, rows), return_counts=True)[1].max() / len(rows))


def goodness(data: TaskData, value: float | None) -> float | None:
    """A score as something that grows with quality and can be averaged over tasks: an error becomes the share it removes."""
    if value is None or data.info.metric not in LOWER_IS_BETTER:
        return value
    train = np.asarray(data.target, np.float64)[data.rows("train")]
    spread = float(np.mean(np.abs(train - np.median(train)))) if len(train) else 0.0
    return max(-1.0, 1.0 - value / spread) if spread > 0 else -value


def at_least(metric: str, value: float | None, reference: float | None) -> bool | None:
    """Whether a score is not worse than a reference; None where one of them is missing."""
    if value is None or reference is None:
        return None
    return value <= reference + 1e-9 if metric in LOWER_IS_BETTER else value >= reference - 1e-9


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _tags_right(answer: str, target: str) -> float:
    found, wanted = answer.split(), target.split()
    return sum(a == b for a, b in zip(found, wanted, strict=False)) / max(1, len(wanted))


def over_tasks(values: Sequence[float | None], examples: Sequence[int]) -> float | None:
    """The mean of what was measured, each task by the root of its examples; None where nothing was.

    Thirteen rows that swing by forty points must not choose the weights of a task with two hundred.
    """
    known = [(value, count**0.5) for value, count in zip(values, examples, strict=True) if value is not None and count]
    return float(np.average([value for value, _ in known], weights=[weight for _, weight in known])) if known else None
