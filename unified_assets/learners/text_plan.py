"""Tasks → the JSON blueprint of a text model: which method serves each task, and the sizes of its parts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unified_assets.core.contracts import TaskData
from unified_assets.learners.text_features import role
from unified_assets.learners.text_grams import fit_index, words
from unified_assets.learners.text_memory import remembered
from unified_assets.learners.text_pretrained import columns, features, tuned_plan
from unified_assets.learners.text_vectors import vocabulary

MOST_BUCKETS = 120_000
FEW_CLASSES = 30  # a convolution over words helps a sentence with few classes; many classes want n-grams
SHORT = 15  # words up to which the mean of a text's word vectors says what it is about
FEW_ROWS = 1000  # below, deep branches over words only learn the rows by heart
MOST_WEIGHTS = 12_000_000  # buckets x classes of one wide branch


def method_of(data: TaskData) -> str:
    """The name of the method for a task, by its kind and roles."""
    roles = set(data.info.roles) | set(data.texts)
    if data.info.kind == "generation":
        return "arithmetic" if "expression" in roles else "word_problem"
    if data.info.kind == "choice":
        return "choice"
    if "formula" in roles:
        return "formula"
    if "table" in roles:
        return "columns"
    if roles & {"premise", "context"} and roles & {"hypothesis"}:
        return "pair"
    return "question" if roles & {"context", "premise"} and "question" in roles else "sentence"


def plan(tasks: Sequence[TaskData]) -> Mapping[str, Any]:
    """The blueprint: one entry for each task, in the given order."""
    entries = [plan_task(data) for data in tasks]
    built = {"vocabulary": len(vocabulary(shared(tasks))) if any(map(_reads_words, entries)) else 0, "tasks": entries}
    tuned = next((data.sentence_vectors for data, entry in zip(tasks, entries, strict=True) if "tuned" in entry), None)
    return built if tuned is None else {**built, "tuned": tuned_plan(tuned)}


def _reads_words(entry: Mapping[str, Any]) -> bool:
    """Whether a branch of this task's head looks words up."""
    return "encoder" in entry or "means" in entry or (entry["method"] == "choice" and "small" not in entry)


def shared(tasks: Sequence[TaskData]) -> list[TaskData]:
    """The tasks whose words stand in the shared vocabulary."""
    return [data for data in tasks if method_of(data) in {"sentence", "pair", "question", "choice"}]


def plan_task(data: TaskData) -> Mapping[str, Any]:
    """One task's entry; `buckets` and `dense` are the sizes of the buffers that fit_statistics fills."""
    method = method_of(data)
    entry: dict[str, Any] = {"info": data.info.as_dict(), "method": method}
    if method in {"arithmetic", "formula"}:
        return entry
    found = features(data, method)
    hashes, _ = index_of(data, method)
    entry |= {"buckets": len(hashes), "dense": int(found.dense.shape[1])}
    if found.vectors:
        entry["vectors"] = found.vectors
    if data.sentence_vectors is not None and (tuned := columns(data.sentence_vectors, method)):
        entry["tuned"] = tuned
    if len(data.rows("train")) < FEW_ROWS:
        entry["small"] = True
    if method == "sentence" and len(data.info.classes) <= FEW_CLASSES:
        entry["encoder"] = "sentence"
    if method == "sentence" and _is_short(data):
        entry["means"] = True
    if method == "choice" and "small" not in entry:
        entry["memory"] = len(remembered(data)[0])
        entry["by_words"] = entry["memory"] > 0  # where no option is met again, neither are the words that told them apart
    return entry


def _is_short(data: TaskData) -> bool:
    lengths = [len(words(text)) for text in np.asarray(role(data, *data.texts), object)[data.rows("train")]]
    return bool(lengths) and float(np.median(lengths)) <= SHORT


def bucket_limit(data: TaskData) -> int:
    """Most buckets of a task: fewer where there are many classes."""
    return min(MOST_BUCKETS, MOST_WEIGHTS // max(len(data.info.classes), 1))


def index_of(data: TaskData, method: str, *sides: str) -> tuple[np.ndarray, np.ndarray]:
    """(hashes, idf): the buckets of the train and validation sides, weighed by the given sides (default: train); 0 for those these lack."""
    sparse = features(data, method).sparse
    hashes, idf = fit_index(sparse, feature_rows(data, method, "train", "valid"), limit=bucket_limit(data))
    if set(sides) == {"train", "valid"}:
        return hashes, idf
    known, weights = fit_index(sparse, feature_rows(data, method, *sides), limit=len(sparse.hashes))
    weighed = np.zeros(len(hashes), np.float32)
    _, places, sources = np.intersect1d(hashes, known, assume_unique=True, return_indices=True)
    weighed[places] = weights[sources]
    return hashes, weighed


def feature_rows(data: TaskData, method: str, *sides: str) -> Any:
    """The feature rows (candidates count one each) of these sides (default: train)."""
    starts = features(data, method).starts
    spans = [np.arange(starts[row], starts[row + 1]) for row in data.rows(*(sides or ("train",)))]
    return np.concatenate(spans) if spans else np.zeros(0, np.int64)
