"""Two texts → a fixed row of numbers that say how much, and in what way, they speak of the same thing."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise

import numpy as np

from unified_assets.learners.text_grams import word_char_grams, words

NEGATIONS = frozenset({"not", "no", "never", "n't", "none", "nobody", "nothing", "neither", "nor", "without", "cannot"})
PRONOUNS = frozenset({"he", "she", "it", "they", "him", "her", "them", "his", "its", "their", "i", "we", "you"})
STOP = frozenset(
    {
        "a", "an", "the", "of", "to", "in", "on", "at", "for", "and", "or", "is", "are", "was", "were", "be", "been", "has", "have", "had", "do",
        "does", "did", "will", "would", "that", "this", "it", "he", "she", "they", "i", "you", "we", "his", "her", "their", "its", "as", "by",
        "with", "from", "not", "no", "so", "but", "if", "then", "than", "there", ".", ",", "!", "?", "'", '"', ";", ":",
    }
)  # fmt: skip
NAMES = (
    "shared_words", "shared_of_second", "shared_of_first", "char_cosine", "shared_content", "content_of_second", "stem_shared",
    "negation_first", "negation_second", "negation_differs", "pronouns_second", "length_first", "length_second", "length_ratio",
    "second_in_first", "number_shared", "bigrams_shared", "same_start", "capitals_shared", "longest_run",
)  # fmt: skip
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def overlap(first: str, second: str) -> np.ndarray:
    """(len(NAMES),) float32 features of an ordered pair of texts."""
    left, right = words(first), words(second)
    one, two = set(left), set(right)
    content_one, content_two = one - STOP, two - STOP
    shared, shared_content = one & two, content_one & content_two
    stems_one, stems_two = {word[:5] for word in content_one}, {word[:5] for word in content_two}
    negated_one, negated_two = bool(one & NEGATIONS), bool(two & NEGATIONS)
    numbers_two = set(NUMBER.findall(second[:2000]))
    bigrams_one, bigrams_two = set(pairwise(left)), set(pairwise(right))
    capitals = set(re.findall(r"\b[A-Z]\w+", second[:2000]))
    values = (
        share(len(shared), len(one | two)),
        share(len(shared), len(two)),
        share(len(shared), len(one)),
        cosine(_counted(first[:2000]), _counted(second[:2000])),
        share(len(shared_content), len(content_one | content_two)),
        share(len(shared_content), len(content_two)),
        share(len(stems_one & stems_two), len(stems_two)),
        float(negated_one),
        float(negated_two),
        float(negated_one != negated_two),
        share(sum(word in PRONOUNS for word in right), len(right)),
        math.log1p(len(left)),
        math.log1p(len(right)),
        share(len(right), len(left) + len(right)),
        float(two <= one),
        share(len(numbers_two & set(NUMBER.findall(first[:4000]))), len(numbers_two)),
        share(len(bigrams_one & bigrams_two), len(bigrams_two)),
        float(left[:1] == right[:1]),
        share(sum(name in first for name in capitals), len(capitals)),
        math.log1p(longest_run(left[:300], right[:100])),
    )
    return np.asarray(values, np.float32)


@lru_cache(maxsize=64)
def _counted(text: str) -> Counter[str]:
    """Character n-grams of a text, which is compared with several others in a row."""
    return Counter(chain.from_iterable(map(_of_word, text.lower().split())))


@lru_cache(maxsize=1 << 13)
def _of_word(word: str) -> tuple[str, ...]:
    return tuple(word_char_grams(word, 3, 4))


def share(part: float, whole: float) -> float:
    """Part of a whole; nothing of nothing is 0."""
    return part / whole if whole else 0.0


def cosine(one: Mapping[str, int], two: Mapping[str, int]) -> float:
    """Cosine of two count vectors."""
    product = sum(count * two[key] for key, count in one.items() if key in two)
    norm = math.sqrt(sum(count * count for count in one.values()) * sum(count * count for count in two.values()))
    return share(product, norm)


def longest_run(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest run of words that both share."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(left):
        places.setdefault(word, []).append(place)
    best, previous = 0, dict[int, int]()
    for word in right:
        previous = {place: previous.get(place - 1, 0) + 1 for place in places.get(word, ())}
        best = max(best, max(previous.values(), default=0))
    return best
