"""One task of a media model in; the majority class and a classical scikit-learn reference, scored on the test part, out.

References see what the model sees: their few settings are chosen on the validation part (by cross-validation of the training part
where that is too small), and they are fitted on both, on one thread. They are bounded: at most a stated number of rows, so that
a big lake does not wait for its yardstick.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from unified_assets.core.contracts import BaselineScore, TaskData

MOST_ROWS = 2500  # training rows an SVM sees, and as many of validation
MOST_FEATURES = 400  # principal components kept before an RBF SVM
FOLDS = 3
TUNING_ROWS = 900  # rows used to choose among settings
SVM_COSTS = (3.0, 30.0)
LINEAR_COSTS = (0.003, 0.03, 0.3)

TREES = 300
LEAST_VALID = 60  # rows of a validation part that can choose between settings

Matrix = np.ndarray
Check = tuple[Matrix, np.ndarray]


def vision_baseline(data: TaskData) -> BaselineScore:
    """Pictures: HOG and colour histograms into an RBF SVM; pages and clips: their features into a logistic regression."""
    role = next(role for role in data.info.roles if role in data.media)
    if role == "image":
        small = float(np.median(data.gather(role, "size", np.arange(len(data))).max(axis=1))) <= 40
        name = "deskewed, HOG + pixels, RBF SVM" if small else "HOG at 2 scales + HSV histograms, mirrored, RBF SVM"
        return _reference(data, lambda rows: _picture_features(data, role, rows, small=small), _svm, name, mirrored=None if small else _mirror(data, role))
    if role == "page":
        return _reference(data, lambda rows: _page_features(data, role, rows), _linear, "ink profiles + HOG, logistic regression")
    return _reference(data, lambda rows: _clip_features(data, role, rows), _linear, "8 frames: light, motion, HOG, salient spot; logistic regression")


def audio_baseline(data: TaskData) -> BaselineScore:
    """MFCC means in 5 time parts, deviations and duration into an RBF SVM."""
    role = next(role for role in sorted(data.media) if "mfcc" in data.arrays[data.media[role][0]])
    return _reference(data, lambda rows: data.gather(role, "mfcc", rows), _svm, "MFCC in 5 time parts, RBF SVM")


def multimodal_baseline(data: TaskData) -> BaselineScore:
    """Sentences: their slots compared with the things of the picture, into trees; a single medium: as its own service does."""
    if not data.texts:
        return audio_baseline(data) if all("pixels" not in data.arrays[name] for name, _ in data.media.values()) else vision_baseline(data)
    role = next((role for role in sorted(data.media) if "things" in data.arrays[data.media[role][0]]), None)
    if role is None:
        return _reference(data, _sentence_features(data), _linear, "sentence tf-idf, logistic regression")
    return _reference(data, lambda rows: _slot_features(data, role, rows), _trees, "sentence slots × things found in the picture, random forest")


def _sentences(data: TaskData, rows: np.ndarray) -> list[str]:
    return ["\n".join(texts[int(row)] for texts in data.texts.values()) for row in rows]


def _slot_features(data: TaskData, role: str, rows: np.ndarray) -> Matrix:
    from unified_assets.learners.media_grounding import SIZE, grounding

    return grounding(_sentences(data, rows), data.gather(role, "things", rows)) if len(rows) else np.zeros((0, SIZE), np.float32)


def _sentence_features(data: TaskData) -> Callable[[np.ndarray], Matrix]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=2000, sublinear_tf=True)
    try:
        words.fit(_sentences(data, data.rows("train")))
    except ValueError:  # no word stands in two sentences
        return lambda rows: np.zeros((len(rows), 1), np.float32)
    return lambda rows: words.transform(_sentences(data, rows)).toarray().astype(np.float32)


def majority(data: TaskData) -> tuple[str | None, float | None]:
    """The commonest training class and its share of the test part."""
    target = _names(data)
    train, test = data.rows("train"), data.rows("test")
    if not len(train) or not len(test):
        return None, None
    counts = Counter(target[train].tolist())
    best = min(counts, key=lambda name: (-counts[name], name))
    return best, float((target[test] == best).mean())


def _names(data: TaskData) -> np.ndarray:
    return np.asarray([data.info.classes[index] for index in np.asarray(data.target)], dtype=object)


def _reference(
    data: TaskData, features: Callable[[np.ndarray], Matrix], fit: Callable[..., Any], method: str, *, mirrored: Callable[[np.ndarray], Matrix] | None = None
) -> BaselineScore:
    started = time.process_time()
    commonest, share = majority(data)
    train, valid, test = _bounded(data.rows("train")), _bounded(data.rows("valid")), data.rows("test")
    target = _names(data)
    if commonest is None or len(set(target[train])) < 2:
        answers = [commonest or ""] * len(test)
        return BaselineScore(majority=share, baseline=share, method="constant", cpu_s=time.process_time() - started, predictions=tuple(answers))
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):
        values = features(train)
        check = features(valid) if len(valid) else values[:0], target[valid]
        model = fit(values, target[train], mirrored(np.concatenate([train, valid])) if mirrored is not None else None, check)
        answers = [str(answer) for answer in model.predict(features(test))]
    score = float(np.mean([answer == wanted for answer, wanted in zip(answers, target[test], strict=True)]))
    return BaselineScore(
        majority=share, baseline=score, method=f"{method} (fitted on train and validation)", cpu_s=time.process_time() - started, predictions=tuple(answers)
    )


def _bounded(rows: np.ndarray) -> np.ndarray:
    return rows if len(rows) <= MOST_ROWS else np.sort(np.random.default_rng(0).permutation(rows)[:MOST_ROWS])


def _svm(features: Matrix, target: np.ndarray, extra: Matrix | None, check: Check) -> Any:
    """extra: more of the rows of both parts, to be fitted on alone."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    width = min(MOST_FEATURES, *features.shape)
    steps = [StandardScaler()]
    if width < features.shape[1]:
        steps.append(PCA(width, svd_solver="randomized" if width < min(features.shape) else "full", random_state=0))
    shrink = make_pipeline(*steps).fit(features)
    inner = shrink.transform(features)
    scale = 1 / (inner.shape[1] * inner.var())
    options = [{"C": cost, "gamma": scale * factor} for cost in SVM_COSTS for factor in (0.1, 0.3, 1.0)]
    through = _through(shrink, check)
    chosen = _best(lambda setting: SVC(**setting), options, inner, target, through)
    inner, target = _both(inner, target, through)
    if extra is not None:
        inner, target = np.concatenate([inner, shrink.transform(extra)]), np.concatenate([target, target])
    return make_pipeline(shrink, SVC(**chosen).fit(inner, target))


def _linear(features: Matrix, target: np.ndarray, _extra: Matrix | None, check: Check) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    inner = scaler.transform(features)

    def make(setting: dict[str, float]) -> Any:
        return LogisticRegression(max_iter=500, **setting)

    through = _through(scaler, check)
    chosen = _best(make, [{"C": cost} for cost in LINEAR_COSTS], inner, target, through)
    return make_pipeline(scaler, make(chosen).fit(*_both(inner, target, through)))


def _trees(features: Matrix, target: np.ndarray, _extra: Matrix | None, check: Check) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, min_samples_leaf=2, random_state=0).fit(*_both(features, target, check))


def _through(transform: Any, check: Check) -> Check:
    return (transform.transform(check[0]) if len(check[0]) else np.zeros((0, 0), np.float32)), check[1]


def _both(features: Matrix, target: np.ndarray, check: Check) -> Check:
    return (np.concatenate([features, check[0]]), np.concatenate([target, check[1]])) if len(check[0]) else (features, target)


def _best(make: Callable[[Any], Any], options: Sequence[dict[str, float]], features: Matrix, target: np.ndarray, check: Check) -> dict[str, float]:
    """The setting that is best on the validation part, else by cross-validation; the middle one where classes are too rare to fold."""
    if len(check[0]) >= LEAST_VALID:
        return options[int(np.argmax([(make(option).fit(features, target).predict(check[0]) == check[1]).mean() for option in options]))]
    from sklearn.model_selection import StratifiedKFold

    rows = np.random.default_rng(0).permutation(len(target))[:TUNING_ROWS]
    features, target = features[rows], target[rows]
    counts = Counter(target.tolist())
    kept = np.asarray([counts[name] >= FOLDS for name in target])
    features, target = features[kept], target[kept]
    if len(set(target)) < 2:
        return options[len(options) // 2]
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(features, target))
    scores = [np.mean([(make(option).fit(features[a], target[a]).predict(features[b]) == target[b]).mean() for a, b in folds]) for option in options]
    return options[int(np.argmax(scores))]


def _torch_features(rows: np.ndarray, batch: Callable[[np.ndarray], Any]) -> Matrix:
    import torch

    with torch.no_grad():
        parts = [batch(rows[start : start + 128]).numpy() for start in range(0, len(rows), 128)]
    return np.concatenate(parts).astype(np.float32)


def _picture_features(data: TaskData, role: str, rows: np.ndarray, *, small: bool, flip: bool = False) -> Matrix:
    import torch

    from unified_assets.learners import image_augment_torch as augment
    from unified_assets.learners import image_features_torch as fixed

    def batch(chosen: np.ndarray) -> Any:
        pictures = augment.to_float(torch.from_numpy(np.ascontiguousarray(data.gather(role, "pixels", chosen))))
        pictures = augment.plain(pictures, 48 if small else 96, flip=flip)
        pictures = fixed.upright(pictures) if small else pictures
        maps = fixed.orientation_maps(fixed.grey(pictures))
        return fixed.glyph_features(pictures, maps) if small else fixed.object_features(pictures, maps)

    return _torch_features(rows, batch)


def _mirror(data: TaskData, role: str) -> Callable[[np.ndarray], Matrix]:
    return lambda rows: _picture_features(data, role, rows, small=False, flip=True)


def _page_features(data: TaskData, role: str, rows: np.ndarray) -> Matrix:
    import torch

    from unified_assets.learners import image_augment_torch as augment
    from unified_assets.learners import image_features_torch as fixed

    def batch(chosen: np.ndarray) -> Any:
        pictures = augment.plain(augment.to_float(torch.from_numpy(np.ascontiguousarray(data.gather(role, "pixels", chosen)))), 96)
        return fixed.page_features(pictures, fixed.orientation_maps(fixed.grey(pictures)))

    return _torch_features(rows, batch)


def _clip_features(data: TaskData, role: str, rows: np.ndarray) -> Matrix:
    import torch

    from unified_assets.learners.video_features_torch import clip_features

    def batch(chosen: np.ndarray) -> Any:
        arrays = (torch.from_numpy(np.ascontiguousarray(data.gather(role, name, chosen))) for name in ("pixels", "crops", "spots"))
        return clip_features(*arrays)

    return _torch_features(rows, batch)
