"""Two numeric columns written as text → asymmetry features that say which of them is more likely the cause."""

import warnings

import numpy as np

MOST_ROWS = 3000
WIDTH = 11


def parse_table(text: str) -> np.ndarray | None:
    """(rows, columns) float64 of a table with one row a line, or None."""
    rows: list[list[float]] = []
    for line in text.replace(",", " ").replace("\t", " ").splitlines():
        parts = line.split()
        if not parts:
            continue
        try:
            rows.append([float(part) for part in parts])
        except ValueError:
            if rows:
                return None  # a header may stand above the numbers, not among them
        if len(rows) >= MOST_ROWS:
            break
    if len(rows) < 8 or len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
        return None
    table = np.asarray(rows, np.float64)
    return table if bool(np.isfinite(table).all()) else None


def direction(text: str) -> np.ndarray:
    """(WIDTH,) float32: each value changes its sign when the columns are swapped; zeros where the text is no table.

    Regression error (RECI, Bloebaum et al. 2018), slope-based IGCI (Janzing et al. 2012) with both reference measures,
    dependence of residuals on the input (ANM, Hoyer et al. 2009), entropy, skewness and distinct values.
    """
    table = parse_table(text)
    if table is None:
        return np.zeros(WIDTH, np.float32)
    x, y = table[:, 0], table[:, 1]
    if x.std() < 1e-12 or y.std() < 1e-12:
        return np.zeros(WIDTH, np.float32)
    forward, backward = _one_way(x, y), _one_way(y, x)
    difference: np.ndarray = np.clip(np.asarray(forward) - np.asarray(backward), -10, 10).astype(np.float32)
    return difference


def _one_way(x: np.ndarray, y: np.ndarray) -> list[float]:
    unit_x, unit_y = (x - x.min()) / np.ptp(x), (y - y.min()) / np.ptp(y)
    normal_x, normal_y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    errors, dependence = [], []
    for degree in (1, 3):
        residual = normal_y - _fitted(normal_x, normal_y, degree)
        errors.append(float(np.log(residual.var() + 1e-6)))
        sizes = np.abs(residual), np.abs(normal_x)
        dependence.append(float(abs(np.corrcoef(*sizes)[0, 1])) if min(size.std() for size in sizes) > 1e-9 else 0.0)
    unit_residual = unit_y - _fitted(unit_x, unit_y, 3)
    return [
        *errors,
        *dependence,
        float(np.log(unit_residual.var() + 1e-6)),
        _slope(unit_x, unit_y),
        _slope(normal_x, normal_y),
        _entropy(unit_x),
        float(np.mean(normal_x**3)),
        float(np.log(len(np.unique(x)))),
        float(np.mean(normal_x**4)) ** 0.5,
    ]


def _fitted(x: np.ndarray, y: np.ndarray, degree: int) -> np.ndarray:
    """The polynomial of least squares at x; where few distinct values leave some coefficients open, that of least norm, which fits as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.RankWarning)
        return np.asarray(np.polyval(np.polyfit(x, y, degree), x))


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    order = np.lexsort((y, x))
    step_x, step_y = np.diff(x[order]), np.diff(y[order])
    used = (step_x > 0) & (step_y != 0)
    return float(np.mean(np.log(np.abs(step_y[used]) / step_x[used]))) if used.any() else 0.0


def _entropy(values: np.ndarray) -> float:
    gaps = np.diff(np.sort(values))
    gaps = gaps[gaps > 0]
    return float(np.mean(np.log(gaps * len(values)))) if len(gaps) else 0.0
