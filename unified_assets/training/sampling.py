"""Tasks in; which task each step of an epoch learns from, and which of its rows, out."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np


def steps_of_tasks(sizes: Mapping[str, int], steps: int) -> dict[str, int]:
    """Share the steps by the root of the size: no large task drowns a small one; every task gets one step at least.

    Where there are more tasks than steps, each gets one.
    """
    roots = {name: float(np.sqrt(size)) for name, size in sizes.items()}
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
