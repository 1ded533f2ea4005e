"""A text task → how well classical methods do on its test side: the majority, and scikit-learn on n-grams or overlap features."""

import re
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from unified_assets.core.contracts import BaselineScore, TaskData
from unified_assets.learners.symbolic_equations import equations, parse_number, quantities, same, tokens, written
from unified_assets.learners.text_features import features, role
from unified_assets.learners.text_grams import fit_index, weigh
from unified_assets.learners.text_overlap import overlap
from unified_assets.learners.text_plan import method_of

MOST_ROWS = 12_000
MOST_BUCKETS = 120_000
MANY_CLASSES = 20


def score_baseline(data: TaskData) -> BaselineScore:
    """Learned on the train side, scored on the test side; None where a side is empty or no method applies."""
    started = time.process_time()
    train, test = _bounded(data.rows("train")), data.rows("test")
    if data.target is None or len(train) == 0 or len(test) == 0:
        return BaselineScore(majority=None, baseline=None, method="no rows on one side", cpu_s=time.process_time() - started)
    wanted = [_answer(data, row) for row in test]
    common = Counter(_answer(data, row) for row in train).most_common(1)[0][0]
    majority = float(np.mean([answer == common for answer in wanted]))
    method, solve = SOLVERS[method_of(data)]
    if method_of(data) not in {"choice", "word_problem", "arithmetic"} and len({_answer(data, row) for row in train}) < 2:
        return BaselineScore(majority=majority, baseline=majority, method="one class", cpu_s=time.process_time() - started, predictions=(common,) * len(test))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit cut at its iteration bound is still a baseline
        found = solve(data, train, test)
    score = float(np.mean([_equal(one, two) for one, two in zip(found, wanted, strict=True)]))
    return BaselineScore(majority=majority, baseline=score, method=method, cpu_s=time.process_time() - started, predictions=tuple(found))


def _bounded(rows: np.ndarray) -> np.ndarray:
    """At most MOST_ROWS rows, evenly spread."""
    return rows if len(rows) <= MOST_ROWS else rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.int64)]


def _answer(data: TaskData, row: int) -> str:
    assert data.target is not None
    value = data.target[row]
    return str(value) if data.info.kind in {"generation", "choice"} else data.info.classes[int(value)]


def _equal(one: str, two: str) -> bool:
    return one == two


def _sparse(data: TaskData, method: str, train: np.ndarray) -> Any:
    """(rows, buckets) scipy matrix of tf-idf n-grams, fitted on the train rows."""
    from scipy.sparse import csr_matrix

    found = features(data, method)
    weighed = weigh(found.sparse, *(index := fit_index(found.sparse, train, limit=MOST_BUCKETS)))
    return csr_matrix((weighed.values, weighed.ids, weighed.offsets), shape=(len(found.sparse), max(len(index[0]), 1)))


def _ngrams(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    matrix = _sparse(data, "sentence", train)
    few = len(data.info.classes) <= 2
    model = LogisticRegression(C=4.0, max_iter=300) if few else LinearSVC(C=0.3, max_iter=300, random_state=0)
    model.fit(matrix[train], np.asarray(data.target)[train])
    return [data.info.classes[place] for place in model.predict(matrix[test])]


def _pairs(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    one, two = role(data, "premise", "context", "text"), role(data, "hypothesis", "question")
    dense = np.stack([overlap(first, second) for first, second in zip(one, two, strict=True)])
    dense = StandardScaler().fit(dense[train]).transform(dense) * 0.3
    matrix = hstack([_sparse(data, "pair", train), csr_matrix(dense)]).tocsr()
    model = LogisticRegression(C=2.0, max_iter=300).fit(matrix[train], np.asarray(data.target)[train])
    return [data.info.classes[place] for place in model.predict(matrix[test])]


def _formulas(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = data.texts["formula"]
    model = make_pipeline(TfidfVectorizer(tokenizer=re.compile(r"\w+|[^\w\s]+").findall, ngram_range=(1, 3)), LogisticRegression(max_iter=300))
    model.fit([texts[row] for row in train], np.asarray(data.target)[train])
    return [data.info.classes[place] for place in model.predict([texts[row] for row in test])]


def _columns(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    dense = features(data, "columns").dense
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(dense[train], np.asarray(data.target)[train])
    return [data.info.classes[place] for place in model.predict(dense[test])]


def _choices(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    assert data.options is not None
    assert data.target is not None
    stems = role(data, "premise", "context", "question", "text")
    rows: dict[int, np.ndarray] = {}
    for row in (*train.tolist(), *test.tolist()):
        found = np.stack([overlap(stems[row], option) for option in data.options[row]])
        rows[row] = np.concatenate([found, found - found.mean(axis=0)], axis=1)
    right = np.concatenate([np.arange(len(rows[row])) == int(data.target[row]) for row in train.tolist()])
    stacked = np.concatenate([rows[row] for row in train.tolist()])
    if right.all() or not right.any():
        return ["0"] * len(test)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(stacked, right)
    return [str(int(model.decision_function(rows[row]).argmax())) for row in test.tolist()]


def _word_problems(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    """A linear classifier picks an equation template, which is then filled with the numbers of the text."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    assert data.target is not None
    texts = role(data, "context", "question", "text", "premise")
    candidates = {row: {(e.shape, e.arguments): e.value for e in equations(quantities(tokens(texts[row])))} for row in (*train.tolist(), *test.tolist())}
    known, names = [], []
    for row in train.tolist():
        answer = parse_number(str(data.target[row]))
        template = next((key for key, value in candidates[row].items() if answer is not None and same(value, answer)), None)
        if template is not None:
            known.append(row)
            names.append(f"{template[0]} {template[1]}")
    point = sum(str(data.target[row]).endswith(".0") for row in train) * 2 > len(train)
    frequent = [name for name, _ in Counter(names).most_common(60)]
    chosen = [place for place, name in enumerate(names) if name in set(frequent)]
    if len({names[place] for place in chosen}) < 2:
        return [Counter(_answer(data, row) for row in train).most_common(1)[0][0]] * len(test)
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=200))
    model.fit([texts[known[place]] for place in chosen], [names[place] for place in chosen])
    scores = model.decision_function([texts[row] for row in test])
    scores = scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1)
    return [
        _filled(candidates[row], [str(model.classes_[place]) for place in (-scores[index]).argsort()], point=point) for index, row in enumerate(test.tolist())
    ]


def _filled(candidates: dict[tuple[str, tuple[int, ...]], float], ranked: list[str], *, point: bool) -> str:
    values = {f"{shape} {arguments}": value for (shape, arguments), value in candidates.items()}
    return next((written(values[name], point=point) for name in ranked if name in values), "")


def _nearest(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = data.texts["expression"]
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 4))
    known = vectors.fit_transform([texts[row] for row in train])
    return [
        _answer(data, int(train[place]))
        for begin in range(0, len(test), 256)
        for place in (vectors.transform([texts[row] for row in test[begin : begin + 256]]) @ known.T).toarray().argmax(axis=1)
    ]


Solver = Callable[[TaskData, np.ndarray, np.ndarray], list[str]]
SOLVERS: dict[str, tuple[str, Solver]] = {
    "sentence": ("tf-idf of words and characters, linear SVM (logistic regression for two classes)", _ngrams),
    "pair": ("tf-idf of words and edits with overlap features, logistic regression", _pairs),
    "question": ("tf-idf of words with overlap features, logistic regression", _pairs),
    "formula": ("tf-idf of symbols, logistic regression", _formulas),
    "columns": ("asymmetry features, logistic regression", _columns),
    "choice": ("overlap features of each option, logistic regression", _choices),
    "word_problem": ("equation template by tf-idf and logistic regression", _word_problems),
    "arithmetic": ("answer of the nearest training expression by character n-grams", _nearest),
}
