"""Tasks in; which task each step of an epoch learns from, and which of its rows, out."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

LEAST_CHECKED = 40  # validation rows from which a score says what a task still lacks
SETTLED = 0.1  # need of a task without an error: one half solved then gets about four times the steps of one nearly solved
UNKNOWN = 0.15  # ... and of one whose validation says nothing: too few rows, or not yet better than one constant answer


def steps_of_tasks(sizes: Mapping[str, int], steps: int, needs: Mapping[str, float] | None = None) -> dict[str, int]:
    """Share the steps by the root of the size: no large task drowns a small one; every task gets one step at least.

    `needs` (default 1 each) weighs a task besides. Where there are more tasks than steps, each gets one.
    """
    roots = {name: float(np.sqrt(size)) * (needs or {}).get(name, 1.0) for name, size in sizes.items()}
    total = sum(roots.values())
    exact = {name: max(1.0, steps * root / total) for name, root in roots.items()}
    shares = {name: int(value) for name, value in exact.items()}
    missing = steps - sum(shares.values())
    by_rest = sorted(exact, key=lambda name: (-(exact[name] - shares[name]), name))
    for name in by_rest[: max(0, missing)]:
        shares[name] += 1
    for _ in range(max(0, -missing)):
        largest = max(sorted(shares), key=lambda name: shares[name])
        shares[largest] = max(1, shares[largest] - 1)
    return shares


def need_of(score: float | None, rows: int, constant: float) -> float:
    """How much a task still gains by more steps, as far as validation tells: its error, once it is better than a constant answer.

    score: accuracy on `rows` validation rows; constant: that of the commonest answer there.
    """
    if score is None or rows < LEAST_CHECKED:
        return UNKNOWN
    error = max(0.0, 1.0 - score)
    noise = float(np.sqrt(max(constant * (1.0 - constant), 1e-9) / rows))
    return SETTLED + error if score > constant + 2 * noise else UNKNOWN


def order_of_steps(shares: Mapping[str, int], generator: np.random.Generator) -> list[str]:
    """The tasks of an epoch's steps, mixed."""
    names: Sequence[str] = [name for name in sorted(shares) for _ in range(shares[name])]
    return [names[place] for place in generator.permutation(len(names))]


def batches(rows: np.ndarray, size: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches; every row once before any comes again, the last of a pass filled up from the next."""
    waiting = np.empty(0, np.int64)
    while True:
        while len(waiting) < min(size, len(rows)):
            fresh = rows[generator.permutation(len(rows))]
            waiting = np.concatenate([waiting, fresh[~np.isin(fresh, waiting)], fresh[np.isin(fresh, waiting)]])
        batch, waiting = waiting[:size], waiting[size:]
        yield batch


def weighted_batches(rows: np.ndarray, weights: np.ndarray, size: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches drawn with replacement by weight. Yields places in `rows`, not rows."""
    share = weights / weights.sum()
    while True:
        yield generator.choice(len(rows), size=min(size, len(rows)), p=share)
