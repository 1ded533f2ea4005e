"""A task's answers on its test side in; what a person asks next out: what is mixed up, whether confidence can be believed, the worst mistakes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from unified_assets.core.contracts import TaskData
from unified_assets.pages.pictures import spectrogram, thumbnail

MATRIX_CLASSES = 12  # more than that is no matrix a person reads
CONFUSED = 12
WORST = 6
BINS = 10
SIDE = 96
TEXT = 300


def evaluate(data: TaskData, rows: np.ndarray, answered: pl.DataFrame) -> dict[str, Any]:
    """JSON-able. `answered`: the test predictions of these rows, in their order (`example_id`, `target`, `answer`, `correct`, `confidence`)."""
    if answered["correct"].null_count():
        return {"confused": [], "matrix": None, "calibration": None, "worst": []}
    return {"confused": _confused(answered), "matrix": _matrix(data, answered), "calibration": _calibration(answered), "worst": _worst(data, rows, answered)}


def _confused(answered: pl.DataFrame) -> list[dict[str, Any]]:
    """The most frequent mistakes, where answers are of few kinds."""
    wrong = answered.filter(~pl.col("correct")).group_by("target", "answer").len("count").sort(["count", "target", "answer"], descending=[True, False, False])
    return wrong.filter(pl.col("count") > 1).head(CONFUSED).to_dicts()


def _matrix(data: TaskData, answered: pl.DataFrame) -> dict[str, Any] | None:
    """counts[target][answer] of the classes that were asked for or answered; None of tasks without classes, or with very many."""
    names = {*answered["target"], *answered["answer"]}
    classes = [name for name in data.info.classes if name in names]
    if not classes or len(classes) > MATRIX_CLASSES or names - {*classes}:
        return None
    place = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    for target, answer in answered.select("target", "answer").iter_rows():
        counts[place[target], place[answer]] += 1
    return {"classes": classes, "counts": counts.tolist()}


def _calibration(answered: pl.DataFrame) -> dict[str, Any] | None:
    """Bins of confidence, and their expected calibration error: mean distance of confidence and share of right answers (Guo et al. 2017)."""
    confidence, right = answered["confidence"].to_numpy().astype(np.float64), answered["correct"].to_numpy().astype(np.float64)
    if not len(right) or not np.isfinite(confidence).all():
        return None
    place = np.clip((confidence * BINS).astype(np.int64), 0, BINS - 1)
    bins = [_bin(index, confidence[here], right[here]) for index in range(BINS) if (here := place == index).any()]
    error = sum(part["answers"] * abs(part["confidence"] - part["right"]) for part in bins) / len(right)
    return {"error": error, "bins": bins}


def _bin(index: int, confidence: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """Of the answers of one bin: how many, mean confidence, share right."""
    means = {"confidence": round(float(confidence.mean()), 4), "right": round(float(right.mean()), 4)}
    return {"from": index / BINS, "to": (index + 1) / BINS, "answers": len(right), **means}


def _worst(data: TaskData, rows: np.ndarray, answered: pl.DataFrame) -> list[dict[str, Any]]:
    """The wrong answers that were given with the most confidence, and what was seen."""
    row_of = dict(zip(answered["example_id"], rows.tolist(), strict=True))
    wrong = answered.filter(~pl.col("correct")).sort(["confidence", "example_id"], descending=[True, False]).head(WORST)
    told = ("example_id", "target", "answer", "confidence")
    return [{**{key: record[key] for key in told}, **_shown(data, row_of[record["example_id"]])} for record in wrong.to_dicts()]


def _shown(data: TaskData, row: int) -> dict[str, Any]:
    """The example as the model read it: its texts, and a picture of one of its media as a data URI."""
    texts = {role: values[row] for role, values in data.texts.items() if values[row]}
    if data.options is not None:
        texts |= {f"option {place}": option for place, option in enumerate(data.options[row])}
    text = " · ".join(f"{role}: {value}" if len(texts) > 1 else value for role, value in texts.items())
    pictures = (_picture(data.arrays[encoder], int(index[row])) for encoder, index in data.media.values())
    return {"text": text[:TEXT] + "…" * (len(text) > TEXT), "picture": next((found for found in pictures if found is not None), None)}


def _picture(arrays: Mapping[str, np.ndarray], item: int) -> str | None:
    """Pixels, the middle frame of several, or the log-mel levels of a sound; None of anything else."""
    if item < 0:
        return None
    for name, array in arrays.items():
        value = np.asarray(array[item])
        if value.dtype == np.uint8 and value.ndim in {3, 4} and value.shape[-1] == 3:
            return thumbnail(value if value.ndim == 3 else value[len(value) // 2], SIDE)
        if name == "mel" and value.ndim == 2:
            low, high = float(value.min()), float(value.max())
            return thumbnail(spectrogram(((value - low) / max(high - low, 1e-9)).T), SIDE)
    return None


def paired_interval(differences: Sequence[float] | np.ndarray, *, draws: int = 10_000) -> tuple[float, float] | None:
    """95 % bootstrap interval of the mean of differences on the same examples (Efron 1979); None without examples.

    Drawn as counts of equal values, which is the same thing and does not grow with the examples.
    """
    values, counts = np.unique(np.asarray(differences, np.float64), return_counts=True)
    total = int(counts.sum())
    if not total:
        return None
    means = np.random.default_rng(0).multinomial(total, counts / total, size=draws) @ values / total
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
