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
from unified_assets.learners.text_edits import edits
from unified_assets.learners.text_features import EDITED, HITS, NUMERIC, REACHED_COLUMNS, features, role
from unified_assets.learners.text_grams import RowBuilder, SparseRows, fit_index, weigh, word_grams, words
from unified_assets.learners.text_overlap import overlap
from unified_assets.learners.text_plan import method_of

MOST_ROWS = 12_000
MOST_PROBLEMS = 1500
MOST_BUCKETS = 120_000


def score_baseline(data: TaskData) -> BaselineScore:
    """Learned on the train and validation sides, scored on the test side; None where one is empty or no method applies."""
    started = time.process_time()
    train, test = _bounded(data.rows("train", "valid")), data.rows("test")
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
    method = f"{method} (fitted on train and validation)"
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
    return _weighed(features(data, method).sparse, train)


def _weighed(sparse: SparseRows, train: np.ndarray) -> Any:
    from scipy.sparse import csr_matrix

    weighed = weigh(sparse, *(index := fit_index(sparse, train, limit=MOST_BUCKETS)))
    return csr_matrix((weighed.values, weighed.ids, weighed.offsets), shape=(len(sparse), max(len(index[0]), 1)))


def _ngrams(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    matrix = _sparse(data, "sentence", train)
    few = len(data.info.classes) <= 2
    model = LogisticRegression(C=4.0, max_iter=300) if few else LinearSVC(C=0.3, max_iter=300, random_state=0)
    model.fit(matrix[train], np.asarray(data.target)[train])
    return [data.info.classes[place] for place in model.predict(matrix[test])]


def _pairs(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    """Short pairs by what changed between them and what stands to its left; long ones by words and overlap."""
    one, two = role(data, "premise", "context", "text"), role(data, "hypothesis", "question")
    if np.median([len(words(one[row])) / max(len(words(two[row])), 1) for row in train]) <= EDITED:
        changed = RowBuilder()
        for first, second in zip(one, two, strict=True):
            changed.add(edits(words(first), words(second)))
        return _logistic(data, _weighed(changed.rows(), train), None, train, test, cost=8.0)
    dense = np.stack([overlap(first, second) for first, second in zip(one, two, strict=True)])
    return _logistic(data, _sparse(data, "pair", train), dense, train, test, cost=2.0)


def _questions(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    """Words, parsed percentages with what formulas say, and a rule parser's verdict."""
    return _logistic(data, _sparse(data, "question", train), features(data, "question").dense, train, test, cost=2.0)


def _logistic(data: TaskData, sparse: Any, dense: np.ndarray | None, train: np.ndarray, test: np.ndarray, *, cost: float) -> list[str]:
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    if dense is not None:
        sparse = hstack([sparse, csr_matrix(StandardScaler().fit(dense[train]).transform(dense) * 0.3)]).tocsr()
    model = LogisticRegression(C=cost, max_iter=300).fit(sparse[train], np.asarray(data.target)[train])
    return [data.info.classes[place] for place in model.predict(sparse[test])]


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
    """Overlap features of each option; where the options are numbers, the one that most equations over the text's numbers reach."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    assert data.target is not None
    found = features(data, "choice")
    spans = {row: slice(int(found.starts[row]), int(found.starts[row + 1])) for row in (*train.tolist(), *test.tolist())}
    numeric = found.dense[:, REACHED_COLUMNS]
    if np.mean([numeric[spans[row], NUMERIC].any() for row in train.tolist()]) > 0.5:
        return [str(int(numeric[spans[row], HITS].argmax())) for row in test.tolist()]
    right = np.concatenate([np.arange(spans[row].stop - spans[row].start) == int(data.target[row]) for row in train.tolist()])
    stacked = np.concatenate([found.dense[spans[row]] for row in train.tolist()])
    if right.all() or not right.any():
        return ["0"] * len(test)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(stacked, right)
    return [str(int(model.decision_function(found.dense[spans[row]]).argmax())) for row in test.tolist()]


def _word_problems(data: TaskData, train: np.ndarray, test: np.ndarray) -> list[str]:
    """Logistic regression says of each equation over the numbers of a text whether it is the one asked for."""
    from scipy.sparse import vstack
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.linear_model import LogisticRegression

    assert data.target is not None
    hasher, texts = FeatureHasher(1 << 18, input_type="string", alternate_sign=False), role(data, "context", "question", "text", "premise")
    chosen = train[:MOST_PROBLEMS] if len(train) > MOST_PROBLEMS else train
    rows, right = [], []
    for row in chosen.tolist():
        candidates, answer = _ranked(texts[row]), parse_number(str(data.target[row]))
        fits = [answer is not None and same(value, answer) for value, _ in candidates]
        if any(fits):
            rows.append(hasher.transform([grams for _, grams in candidates]))
            right += fits
    if not rows:
        return [Counter(_answer(data, row) for row in train).most_common(1)[0][0]] * len(test)
    point = sum(str(data.target[row]).endswith(".0") for row in train) * 2 > len(train)
    model = LogisticRegression(C=1.0, max_iter=100).fit(vstack(rows), right) if not all(right) else None
    out = []
    for row in test.tolist():
        candidates = _ranked(texts[row])
        scores = (
            model.decision_function(hasher.transform([grams for _, grams in candidates])) if model is not None and candidates else np.zeros(len(candidates))
        )
        out.append(written(candidates[int(np.argmax(scores))][0], point=point) if candidates else "")
    return out


def _ranked(text: str) -> list[tuple[float, list[str]]]:
    """Each equation's value, and its operation joined with the question's words, the words beside its numbers, their order, and what is asked for."""
    parts = tokens(text)
    numbers = quantities(parts)
    known = {number.value for number in numbers}
    stops = [place for place, part in enumerate(parts[:-1]) if part in {".", "?"}]
    asked = [part for part in parts[stops[-1] + 1 if stops else 0 :] if not part[0].isdigit()]
    out = []
    for equation in equations(numbers):
        shape = equation.shape
        grams = [shape, f"{shape}{equation.arguments}{len(numbers)}", *(f"{shape}|{gram}" for gram in word_grams(asked))]
        for letter, place in zip("abc", equation.arguments, strict=False):
            spot = numbers[place].place
            grams += [f"{shape}{letter}|{part}" for part in parts[max(spot - 4, 0) : spot + 5] if not part[0].isdigit()]
            grams.append(f"{shape}{letter}|asked {len(_counted(parts, spot) & set(asked))}")
        first, second = (*equation.arguments, *equation.arguments)[:2]
        alike = bool(_counted(parts, numbers[first].place) & _counted(parts, numbers[second].place))
        grams += [f"{shape}|alike {alike}", f"{shape}|falls {numbers[first].value > numbers[second].value}"]
        grams += [f"{shape}|whole {float(equation.value).is_integer()}", f"{shape}|known {equation.value in known}"]
        out.append((equation.value, grams))
    return out


def _counted(parts: list[str], place: int) -> set[str]:
    """The words after a number, which say what it counts."""
    return {part for part in parts[place + 1 : place + 4] if not part[0].isdigit()}


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
    "pair": ("edits with the words to their left (long premises: words and overlap), logistic regression", _pairs),
    "question": ("tf-idf of words, parsed percentages and rules, logistic regression", _questions),
    "formula": ("tf-idf of symbols, logistic regression", _formulas),
    "columns": ("asymmetry features, logistic regression", _columns),
    "choice": ("overlap and parser features of each option, logistic regression; numbers: the option most equations reach", _choices),
    "word_problem": ("logistic regression over operations on the numbers of the text", _word_problems),
    "arithmetic": ("answer of the nearest training expression by character n-grams", _nearest),
}
