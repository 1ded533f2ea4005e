"""Features of a task's train side → weights that its wide branch starts from: a regularised linear classifier, in seconds.

A few hundred steps cannot bring a hundred classes over tens of thousands of buckets to where a linear solver is at once; what
the network learns beside it is what the n-grams alone do not tell.
"""

import warnings

import numpy as np

from unified_assets.learners.text_grams import WeighedRows

MOST_ROWS = 20_000
DENSE_SCALE = 0.3  # standardised features beside n-grams of unit length
MARGIN_SCALE = 4.0  # an SVM's margins as differences of logits
SVM_COST, LOGISTIC_COST = 0.3, 2.0
UNSEEN = -8.0  # bias of a class without examples
FEW_CLASSES = 3


def linear_start(
    weighed: WeighedRows, dense: np.ndarray, target: np.ndarray, rows: np.ndarray, sizes: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(bucket weights (buckets, classes), dense weights (classes, width), bias (classes,)); `dense` is standardised, sizes = (buckets, classes)."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    buckets, classes = sizes
    rows = rows if len(rows) <= MOST_ROWS else rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.int64)]
    table, side, bias = np.zeros((buckets, classes), np.float32), np.zeros((classes, dense.shape[1]), np.float32), np.full(classes, UNSEEN, np.float32)
    present = np.unique(target[rows])
    if len(present) < 2:
        bias[present] = 0.0
        return table, side, bias
    grams = csr_matrix((weighed.values, weighed.ids, weighed.offsets), shape=(len(weighed.offsets) - 1, buckets))
    matrix = hstack([grams[rows], csr_matrix(dense[rows] * DENSE_SCALE)]).tocsr()
    few = classes <= FEW_CLASSES
    model = LogisticRegression(C=LOGISTIC_COST, max_iter=200) if few else LinearSVC(C=SVM_COST, max_iter=300, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit cut at its iteration bound is still a start
        model.fit(matrix, target[rows])
    weights: np.ndarray = np.asarray(model.coef_, np.float32)
    offset: np.ndarray = np.asarray(model.intercept_, np.float32)
    if len(weights) == 1:
        weights, offset = np.concatenate([-weights, weights]) / 2, np.concatenate([-offset, offset]) / 2
    scale = 1.0 if few else MARGIN_SCALE
    table[:, present], bias[present] = scale * weights[:, :buckets].T, scale * offset
    side[present] = scale * weights[:, buckets:] * DENSE_SCALE
    return table, side, bias


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
