"""Features of a task's train side → weights that its wide branch starts from: a regularised linear classifier, in seconds.

A few hundred steps cannot bring a hundred classes over tens of thousands of buckets to where a linear solver is at once; what
the network learns beside it is what the n-grams alone do not tell.
"""

import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unified_assets.learners.text_grams import WeighedRows

MOST_ROWS = 20_000
DENSE_SCALE = 0.3  # standardised features beside n-grams of unit length
MARGIN_SCALE = 4.0  # an SVM's margins as differences of logits
SVM_COST, LOGISTIC_COST = 0.3, 2.0
UNSEEN = -8.0  # bias of a class without examples
FEW_CLASSES = 3


@dataclass(frozen=True)
class Setting:
    """How a linear start is fitted: cost of the margin, weight of the dense features beside the n-grams, and whether n-grams count."""

    cost: float
    dense: float = DENSE_SCALE
    grams: float = 1.0


LENGTHS = (2.0, 4.0, 8.0, 1.0)  # of an encoder's columns together, among standardised features; the first ones preferred
LEAST_LEFT_OUT = 50
SETTINGS = tuple(Setting(cost, dense, grams) for cost in (0.3, 2.0, 8.0) for dense, grams in ((DENSE_SCALE, 1.0), (1.0, 1.0), (1.0, 0.0)))
FOLDS = 4


def linear_start(
    weighed: WeighedRows,
    dense: np.ndarray,
    target: np.ndarray,
    rows: np.ndarray,
    sizes: tuple[int, int],
    *,
    groups: Sequence[str] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(bucket weights (buckets, classes), dense weights (classes, width), bias (classes,)); `dense` is standardised, sizes = (buckets, classes).

    With the `groups` of all rows, the setting is chosen by cross-validation over these rows, no group on two sides.
    """
    from scipy.sparse import csr_matrix

    buckets, classes = sizes
    rows = rows if len(rows) <= MOST_ROWS else rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.int64)]
    table, side, bias = np.zeros((buckets, classes), np.float32), np.zeros((classes, dense.shape[1]), np.float32), np.full(classes, UNSEEN, np.float32)
    present = np.unique(target[rows])
    if len(present) < 2:
        bias[present] = 0.0
        return table, side, bias
    grams = csr_matrix((weighed.values, weighed.ids, weighed.offsets), shape=(len(weighed.offsets) - 1, buckets))
    few = classes <= FEW_CLASSES
    setting = Setting(LOGISTIC_COST if few else SVM_COST)
    if groups is not None and few:
        setting = _best_setting(grams, dense, target, rows, groups) or setting
    model = _fitted(_matrix(grams, dense, rows, setting), target[rows], setting, few=few)
    weights: np.ndarray = np.asarray(model.coef_, np.float32)
    offset: np.ndarray = np.asarray(model.intercept_, np.float32)
    if len(weights) == 1:
        weights, offset = np.concatenate([-weights, weights]) / 2, np.concatenate([-offset, offset]) / 2
    scale = 1.0 if few else MARGIN_SCALE
    table[:, present], bias[present] = scale * weights[:, :buckets].T * setting.grams, scale * offset
    side[present] = scale * weights[:, buckets:] * setting.dense
    return table, side, bias


def vector_length(
    weighed: WeighedRows, dense: np.ndarray, target: np.ndarray, rows: np.ndarray, sizes: tuple[int, int], *, vectors: slice, groups: Sequence[str]
) -> float:
    """Which of LENGTHS an encoder's columns get: the one whose linear classifier has most right answers on a fold of these rows, left out by groups.

    dense: standardised, its columns `vectors` together of length 1; sizes = (buckets, classes). Few rows tell nothing: the first length.
    """
    from scipy.sparse import csr_matrix

    rows = rows if len(rows) <= MOST_ROWS else rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.int64)]
    fold = np.asarray([zlib.crc32(groups[row].encode("utf-8", "surrogatepass")) % FOLDS for row in rows])
    rest, there = rows[fold != 0], rows[fold == 0]
    if len(there) < LEAST_LEFT_OUT or len(np.unique(target[rest])) < 2:
        return LENGTHS[0]
    grams = csr_matrix((weighed.values, weighed.ids, weighed.offsets), shape=(len(weighed.offsets) - 1, sizes[0]))
    few = sizes[1] <= FEW_CLASSES
    setting, right = Setting(LOGISTIC_COST if few else SVM_COST), []
    for length in LENGTHS:
        scaled = dense.copy()
        scaled[:, vectors] *= length
        model = _fitted(_matrix(grams, scaled, rest, setting), target[rest], setting, few=few)
        right.append(int((model.predict(_matrix(grams, scaled, there, setting)) == target[there]).sum()))
    return LENGTHS[int(np.argmax(right))]


def _matrix(grams: Any, dense: np.ndarray, rows: np.ndarray, setting: Setting) -> Any:
    from scipy.sparse import csr_matrix, hstack

    return hstack([grams[rows] * setting.grams, csr_matrix(dense[rows] * setting.dense)]).tocsr()


def _fitted(matrix: Any, target: np.ndarray, setting: Setting, *, few: bool) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    model = LogisticRegression(C=setting.cost, max_iter=200) if few else LinearSVC(C=setting.cost, max_iter=300, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit cut at its iteration bound is still a start
        return model.fit(matrix, target)


def _best_setting(grams: Any, dense: np.ndarray, target: np.ndarray, rows: np.ndarray, groups: Sequence[str]) -> Setting | None:
    """The setting with most right answers on the folds left out; None where a fold lacks a class."""
    fold = np.asarray([zlib.crc32(groups[row].encode()) % FOLDS for row in rows])
    parts = [(rows[fold != place], rows[fold == place]) for place in range(FOLDS)]
    classes = len(np.unique(target[rows]))
    if any(len(there) == 0 or len(np.unique(target[rest])) < classes for rest, there in parts):
        return None
    right = dict.fromkeys(SETTINGS, 0)
    for dense_scale, grams_scale in dict.fromkeys((setting.dense, setting.grams) for setting in SETTINGS):
        matrix = _matrix(grams, dense, rows, Setting(0.0, dense_scale, grams_scale))
        products = (matrix @ matrix.T).toarray()
        for place in range(FOLDS):
            rest, there = np.flatnonzero(fold != place), np.flatnonzero(fold == place)
            learned, asked = _rotated(products[np.ix_(rest, rest)], products[np.ix_(there, rest)])
            for setting in SETTINGS:
                if (setting.dense, setting.grams) == (dense_scale, grams_scale):
                    model = _fitted(learned, target[rows[rest]], setting, few=True)
                    right[setting] += int((model.predict(asked) == target[rows[there]]).sum())
    return max(SETTINGS, key=right.__getitem__)


def _rotated(products: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inner products of rows, and of other rows with them → both in the coordinates of the span of the rows.

    What is fitted there with a penalty on the length of the weights is what is fitted to the features themselves (the representer
    theorem: Schölkopf, Herbrich and Smola 2001), in a few hundred columns instead of tens of thousands.
    """
    values, vectors = np.linalg.eigh(products)
    kept = values > values[-1] * 1e-9
    values, vectors = np.sqrt(values[kept]), vectors[:, kept]
    return vectors * values, others @ (vectors / values)


def choice_start(dense: np.ndarray, right: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(width,) weights that tell right options from wrong ones by their standardised dense features alone."""
    from sklearn.linear_model import LogisticRegression

    if right[rows].all() or not right[rows].any():
        return np.zeros(dense.shape[1], np.float32)
    model = LogisticRegression(C=0.1, max_iter=200, fit_intercept=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit cut at its iteration bound is still a start
        model.fit(dense[rows], right[rows])
    return np.asarray(model.coef_[0], np.float32)
