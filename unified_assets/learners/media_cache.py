"""Features of rows that never change, computed once in a process: a pure function of the data, no state of the model."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np

MOST_ROWS = 20_000


class RowCache:
    """Rows of an array → their features. Copying a model does not copy it."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[np.ndarray, dict[int, Any]]] = {}

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self

    def get(self, array: np.ndarray, rows: np.ndarray, compute: Callable[[np.ndarray], Any]) -> list[Any]:
        """Features of these rows of an array, in order; `compute(missing positions)` gives those not known yet, one each."""
        owner, known = self._known.setdefault(id(array), (array, {}))  # holding the array keeps its id from being given again
        assert owner is array
        missing = np.asarray([place for place, row in enumerate(rows) if int(row) not in known], np.int64)
        if not len(missing):
            return [known[int(row)] for row in rows]
        fresh = dict(zip((int(rows[place]) for place in missing), compute(missing), strict=True))
        found = [fresh[int(row)] if int(row) in fresh else known[int(row)] for row in rows]
        if len(known) + len(fresh) <= MOST_ROWS:
            known.update(fresh)
        return found
