"""Texts → rows of token numbers of fixed length, with prefix and suffix codes and distances to two marked spans."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unified_assets.learners.text_grams import words

LONGEST = 64  # words of one text that a convolution sees
FAR = 15  # distances beyond are one
AFFIXES = 2048
MARKER = re.compile(r"(</?e[12]>)")


@dataclass(frozen=True, eq=False)
class Tokens:
    """All (n, longest) int64. `words`: 1 + place in the vocabulary, 0 for unknown; `length`: (n,) number of words.

    `near`: (n, longest, 2) distances to the two marked spans, 0 where there is none; `spans`: (n, 2, 2) their first and last word.
    """

    words: np.ndarray
    prefix: np.ndarray
    suffix: np.ndarray
    near: np.ndarray
    spans: np.ndarray
    length: np.ndarray


def code(word: str) -> int:
    """The number a word is known by in a saved vocabulary."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def number(texts: Sequence[Sequence[str]], codes: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """((n, longest) places in a sorted list of codes, plus one, 0 for unknown; (n,) lengths)."""
    place = {int(value): position + 1 for position, value in enumerate(codes)}
    known: dict[str, int] = {}
    out, lengths = np.zeros((len(texts), longest), np.int64), np.zeros(len(texts), np.int64)
    for row, text in enumerate(texts):
        cut = text[:longest]
        lengths[row] = len(cut)
        for column, word in enumerate(cut):
            if word not in known:
                known[word] = place.get(code(word), 0)
            out[row, column] = known[word]
    return out, lengths


def tokenize(texts: Sequence[str], codes: np.ndarray) -> Tokens:
    """The arrays of a convolutional encoder."""
    split = [_marked(text) for text in texts]
    numbers, lengths = number([parts for parts, _ in split], codes, LONGEST)
    shape = numbers.shape
    prefix, suffix = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    near, spans = np.zeros((*shape, 2), np.int64), np.zeros((len(texts), 2, 2), np.int64)
    affix: dict[str, tuple[int, int]] = {}
    for row, (parts, marks) in enumerate(split):
        for column, word in enumerate(parts[:LONGEST]):
            if word not in affix:
                affix[word] = (1 + code(f"^{word[:3]}") % (AFFIXES - 1), 1 + code(f"{word[-3:]}$") % (AFFIXES - 1))
            prefix[row, column], suffix[row, column] = affix[word]
        if marks is not None:
            spans[row] = marks
            positions = np.arange(LONGEST)
            for place, (first, last) in enumerate(marks):
                distance = np.where(positions < first, positions - first, np.where(positions > last, positions - last, 0))
                near[row, :, place] = np.clip(distance, -FAR, FAR) + FAR + 1
    return Tokens(numbers, prefix, suffix, near, spans, lengths)


def _marked(text: str) -> tuple[list[str], list[tuple[int, int]] | None]:
    """The words of a text and, where <e1> and <e2> are marked, the first and last word of each."""
    if "<e1>" not in text or "<e2>" not in text:
        return words(text), None
    parts: list[str] = []
    opened: dict[str, int] = {}
    spans: dict[str, tuple[int, int]] = {}
    for piece in MARKER.split(text[:8000]):
        if piece in {"<e1>", "<e2>"}:
            opened[piece[-2]] = len(parts)
        elif piece in {"</e1>", "</e2>"}:
            first = opened.get(piece[-2], len(parts))
            spans[piece[-2]] = (min(first, LONGEST - 1), min(max(len(parts) - 1, first), LONGEST - 1))
        else:
            parts += words(piece)
    return parts, [spans["1"], spans["2"]] if len(spans) == 2 else None
