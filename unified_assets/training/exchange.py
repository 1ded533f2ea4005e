"""Own and peers' answers on unlabelled pairs in; soft targets to learn from out. Nothing where the peers cannot be trusted.

Files that occur together show the same thing to two models (co-training: Blum and Mitchell 1998). The targets are the
product of both models' predictions, weighted by the root of their agreement beyond chance (Cohen's kappa), classes balanced.
A peer whose agreement is no better than chance teaches nothing, and one without labels only above kappa .6: wrong pairs
cost 20 points without this gate and none with it. A model without labels has nothing to compare with: it takes what peers with
labels say as it is, until it agrees with them itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unified_assets.core.contracts import TaskData
from unified_assets.training.knowledge import Answers, pair_rows, read

KAPPA_UNLABELLED = 0.6
KAPPA_LEAST = 0.1
STANDARD_ERRORS = 3.0
LEAST_PAIRS = 20
SHARED_CLASSES = 0.8
FLOOR = float(np.log(1e-4))


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What one task is taught on pairs. rows: (k,) of the pairs; targets: (k, classes) float32; balance: (k,) draw weights."""

    task: str
    peers: tuple[str, ...]
    kappa: float
    weight: float
    rows: np.ndarray
    targets: np.ndarray
    balance: np.ndarray


def lessons(own: Path | None, peers: Mapping[str, Path], tasks: Sequence[TaskData], pairs: TaskData | None) -> list[Lesson]:
    """The lessons of a round, in task order. `own` and `peers`: knowledge folders of the round before."""
    if own is None or pairs is None or not peers:
        return []
    place_of = {pairs.example_ids[int(row)]: int(row) for row in pair_rows(pairs)}
    mine = {answers.task: answers for answers in read(own)}
    theirs = [answers for peer in sorted(peers) for answers in read(peers[peer])]
    found = []
    for data in tasks:
        answers = mine.get(data.info.task)
        lesson = None if answers is None or answers.classes != data.info.classes else _lesson(answers, theirs, place_of)
        if lesson is not None:
            found.append(lesson)
    return found


def cohen_kappa(first: np.ndarray, second: np.ndarray, classes: int) -> tuple[float, float]:
    """Agreement beyond chance of two answers (k,) to the same rows, and its standard error if there were none."""
    if not len(first):
        return 0.0, float("inf")
    share_first, share_second = (np.bincount(answers, minlength=classes) / len(first) for answers in (first, second))
    by_chance = float(share_first @ share_second)
    if by_chance >= 1.0:  # both always say the same one thing: that proves nothing
        return 0.0, float("inf")
    kappa = (float(np.mean(first == second)) - by_chance) / (1.0 - by_chance)
    return kappa, float(np.sqrt(by_chance / (len(first) * (1.0 - by_chance))))


def is_trusted(kappa: float, error: float, *, train: int) -> bool:
    """Whether a peer may teach: it agrees beyond chance, and one that learned from no label agrees well."""
    least = KAPPA_LEAST if train else KAPPA_UNLABELLED
    return kappa > max(least, STANDARD_ERRORS * error)


def in_classes(answers: Answers, classes: Sequence[str]) -> np.ndarray | None:
    """A peer's log probabilities over my classes, matched by name (case and space aside): (k, len(classes)), or None if too few match."""
    place_of = {normal(name): place for place, name in enumerate(answers.classes)}
    matched = [(mine, place_of[normal(name)]) for mine, name in enumerate(classes) if normal(name) in place_of]
    if len(matched) < 2 or len(matched) < SHARED_CLASSES * len(classes):
        return None
    out = np.full((len(answers.log_probs), len(classes)), FLOOR, np.float32)
    for mine, place in matched:
        out[:, mine] = np.maximum(answers.log_probs[:, place], FLOOR)
    mapped: np.ndarray = out - _log_sum(out)
    return mapped


def normal(name: str) -> str:
    """A class name as it is compared."""
    return name.strip().casefold()


def _lesson(mine: Answers, theirs: Sequence[Answers], place_of: Mapping[str, int]) -> Lesson | None:
    """Combine the best answers of each trusted peer with one's own."""
    best: dict[str, tuple[float, Answers, np.ndarray]] = {}
    for answers in theirs:
        mapped = in_classes(answers, mine.classes)
        common = [] if mapped is None else _common(mine, answers, place_of)
        if mapped is None or len(common) < LEAST_PAIRS:
            continue
        own_rows, peer_rows = (np.asarray(rows, np.int64) for rows in zip(*common, strict=True))
        kappa, error = cohen_kappa(mine.log_probs[own_rows].argmax(1), mapped[peer_rows].argmax(1), len(mine.classes))
        trusted = is_trusted(kappa, error, train=answers.train) or (not mine.train and answers.train > 0)
        if trusted and (answers.model not in best or kappa > best[answers.model][0]):
            best[answers.model] = (kappa, answers, mapped)
    if not best:
        return None
    ids = sorted(set(mine.ids) & set(place_of) & {name for _kappa, answers, _mapped in best.values() for name in answers.ids})
    kappa = float(np.mean([entry[0] for entry in best.values()]))
    own = np.maximum(mine.log_probs[_places(mine, ids)], FLOOR)
    total = own if mine.train or kappa > KAPPA_UNLABELLED else np.zeros_like(own)
    for peer in sorted(best):
        _kappa, answers, mapped = best[peer]
        there = set(answers.ids)
        known = np.asarray([name in there for name in ids])
        total[known] += mapped[_places(answers, [name for name in ids if name in there])]
    targets = np.exp(total - _log_sum(total)).astype(np.float32)
    counts = np.bincount(targets.argmax(1), minlength=targets.shape[1])
    return Lesson(
        task=mine.task,
        peers=tuple(sorted(best)),
        kappa=kappa,
        weight=float(np.sqrt(kappa)) if mine.train else 1.0,
        rows=np.asarray([place_of[name] for name in ids], np.int64),
        targets=targets,
        balance=1.0 / counts[targets.argmax(1)],
    )


def _common(mine: Answers, theirs: Answers, place_of: Mapping[str, int]) -> list[tuple[int, int]]:
    places = {name: place for place, name in enumerate(theirs.ids)}
    return [(place, places[name]) for place, name in enumerate(mine.ids) if name in places and name in place_of]


def _places(answers: Answers, ids: Sequence[str]) -> np.ndarray:
    places = {name: place for place, name in enumerate(answers.ids)}
    return np.asarray([places[name] for name in ids], np.int64)


def _log_sum(values: np.ndarray) -> np.ndarray:
    """(k, classes) -> (k, 1) log of the sum of exponentials."""
    top = values.max(axis=1, keepdims=True)
    out: np.ndarray = top + np.log(np.exp(values - top).sum(axis=1, keepdims=True))
    return out
