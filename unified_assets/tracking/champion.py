"""Two sets of test predictions in; may the challenger take the champion's place? out.

Only if, on the same test examples, no task is significantly worse than the champion or than the best version ever (exact sign
test on the examples where they differ, McNemar 1947), and the mean over tasks is at least the champion's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ALPHA = 0.05

LOWER_IS_BETTER = frozenset({"mean_absolute_error"})
Values = Mapping[str, float]  # example_id -> 1 or 0, or minus the error of a number


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Challenger against a reference on the examples both answered."""

    task: str
    reference: str  # `champion (version 2)`, `best (version 1)`
    examples: int
    won: int
    lost: int
    p_value: float
    challenger: float | None
    champion: float | None

    @property
    def worse(self) -> bool:
        """Whether the challenger is significantly worse."""
        return self.lost > self.won and self.p_value < ALPHA


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether the challenger becomes champion, and the sentence that says why."""

    champion: bool
    reason: str
    comparisons: tuple[Comparison, ...] = ()


def sign_test(won: int, lost: int) -> float:
    """Two-sided p-value of a fair coin showing a split at least this uneven."""
    flips = won + lost
    if not flips:
        return 1.0
    tail = sum(math.comb(flips, count) for count in range(min(won, lost) + 1))
    return min(1.0, float(2 * tail / 2**flips))


def compare(task: str, reference: str, challenger: Values, champion: Values) -> Comparison:
    """Pair the two on the examples they share."""
    shared = sorted(challenger.keys() & champion.keys())
    won = sum(challenger[example] > champion[example] for example in shared)
    lost = sum(challenger[example] < champion[example] for example in shared)
    return Comparison(
        task=task,
        reference=reference,
        examples=len(shared),
        won=won,
        lost=lost,
        p_value=sign_test(won, lost),
        challenger=_mean([challenger[example] for example in shared]),
        champion=_mean([champion[example] for example in shared]),
    )


def decide(against_champion: Sequence[Comparison], against_best: Sequence[Comparison] = ()) -> Decision:
    """Apply the rule. Tasks the champion does not know are scored apart: they neither help nor hinder."""
    comparisons = (*against_champion, *against_best)
    for comparison in comparisons:
        if comparison.worse:
            reason = (
                f"{comparison.task} is significantly worse than {comparison.reference}: "
                f"{comparison.lost} examples lost, {comparison.won} won (p = {comparison.p_value:.2g})"
            )
            return Decision(champion=False, reason=reason, comparisons=comparisons)
    measured = [one for one in against_champion if one.challenger is not None and one.champion is not None]
    if not measured:
        return Decision(champion=True, reason="shares no test example with the champion: its tasks are new", comparisons=comparisons)
    challenger, champion = (sum(values) / len(measured) for values in ([one.challenger or 0.0 for one in measured], [one.champion or 0.0 for one in measured]))
    if challenger < champion - 1e-12:
        return Decision(champion=False, reason=f"the mean over tasks falls from {champion:.4f} to {challenger:.4f}", comparisons=comparisons)
    return Decision(
        champion=True, reason=f"no task is significantly worse, and the mean over tasks goes from {champion:.4f} to {challenger:.4f}", comparisons=comparisons
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def best_ever(mirror: Mapping[str, Any]) -> dict[str, int]:
    """Task → the version that scored best in it: what a challenger must not be significantly worse than."""
    best: dict[str, tuple[float, int]] = {}
    for entry in mirror.get("versions", []):
        for task in entry["tasks"]:
            if task.get("score") is not None:
                value = -task["score"] if task.get("metric") in LOWER_IS_BETTER else task["score"]
                if task["task"] not in best or value > best[task["task"]][0]:
                    best[task["task"]] = (value, entry["version"])
    return {task: version for task, (_, version) in best.items()}


def mean_score(tasks: Sequence[Mapping[str, Any]]) -> float | None:
    """The mean over the tasks of an entry; errors, which have other units, are left out. None where no score was measured."""
    scores = [task["score"] for task in tasks if task.get("score") is not None and task.get("metric") not in LOWER_IS_BETTER]
    return sum(scores) / len(scores) if scores else None
