"""Pairs that nothing learned from, and a learner with one space for what they show, in; how often each finds its partner out.

Recall at k, as of image retrieval by caption (Hodosh et al. 2013): the share of queries whose own partner is among the k nearest by
cosine, of all held-out pairs that have both roles. Equal similarities count as their expectation over all orders.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from unified_assets.core.contracts import TaskData

MOST = 500  # candidates: the first by example id
LEAST = 10
AT = (1, 5)
STANDARD_ERRORS = 3.0

Side = tuple[str, str]  # role, kind of input


def retrieval(learner: Any, pairs: TaskData | None) -> list[dict[str, Any]]:
    """A row for each ordered couple of roles: `query`, `answer`, `candidates`, and `recall_at_1`, `chance_at_1` and so on.

    Empty where the learner has no common space, or where fewer than LEAST held-out pairs have both roles.
    """
    found = []
    for first, second, _, similarity in similarities(learner, pairs):
        for query, answer, table in ((first[0], second[0], similarity), (second[0], first[0], similarity.T)):
            shares = {f"recall_at_{k}": recall(table, k) for k in AT} | {f"chance_at_{k}": min(1.0, k / len(table)) for k in AT}
            found.append({"query": query, "answer": answer, "candidates": len(table), **shares})
    return found


def similarities(learner: Any, pairs: TaskData | None) -> Iterator[tuple[Side, Side, list[str], np.ndarray]]:
    """For every two sides that enough held-out pairs have: the example ids of these, and (n, n) cosines of the first to the second."""
    if pairs is None or not hasattr(learner, "embed_side"):
        return
    for first, second in combinations(learner.sides_of(pairs), 2):
        rows = held_out(pairs, learner.has_side(pairs, first) & learner.has_side(pairs, second))
        if len(rows) >= LEAST:
            one, other = (np.asarray(learner.embed_side(pairs, side, rows), np.float64) for side in (first, second))
            yield first, second, [pairs.example_ids[row] for row in rows], one @ other.T


def held_out(pairs: TaskData, both: np.ndarray) -> np.ndarray:
    """(k,) rows of the test side on which `both` (n,) holds, at most MOST of them, in order of example id."""
    rows = [int(row) for row in pairs.rows("test") if both[row]]
    return np.asarray(sorted(rows, key=lambda row: pairs.example_ids[row])[:MOST], np.int64)


def recall(similarity: np.ndarray, k: int) -> float:
    """similarity: (n, n) of queries to candidates, partners on the diagonal → share of queries that find theirs among the k nearest."""
    own = np.diagonal(similarity)[:, None]
    nearer, equal = (similarity > own).sum(axis=1), (similarity == own).sum(axis=1)
    return float(np.clip((k - nearer) / equal, 0.0, 1.0).mean())


def flat(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The recalls as metrics by name."""
    return {f"retrieval/{row['query']}_to_{row['answer']}/recall_at_{k}": float(row[f"recall_at_{k}"]) for row in rows for k in AT}


def aligned_kinds(learner: Any, pairs: TaskData | None, *, least: float = 0.0) -> set[str]:
    """The kinds of input whose held-out files find their partners beyond chance, by three standard errors, and with a mean rank of `least` or more."""
    found = set()
    for first, second, _, similarity in similarities(learner, pairs):
        if is_beyond_chance(similarity) and mean_rank(similarity) >= least:
            found |= {first[1], second[1]}
    return found


def is_beyond_chance(similarity: np.ndarray) -> bool:
    """similarity: (n, n), partners on the diagonal. Whether partners rank higher than at random, in both directions (a rank-sum test)."""
    count = len(similarity)
    error = float(np.sqrt((count + 1) / (count - 1) / 12 / count))  # of the mean of count uniform ranks, as shares of 0 … 1
    return mean_rank(similarity) > 0.5 + STANDARD_ERRORS * error


def mean_rank(similarity: np.ndarray) -> float:
    """similarity: (n, n), partners on the diagonal → the mean share of candidates that are farther than the partner, of the worse direction."""
    own = np.diagonal(similarity)[:, None]
    tables = (similarity, similarity.T)
    return min(float((((table < own).sum(axis=1) + ((table == own).sum(axis=1) - 1) / 2) / (len(table) - 1)).mean()) for table in tables)
