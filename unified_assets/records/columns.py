"""The values of one field in; what kind of field it is out."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from unified_assets.core.contracts import Records

NUMBER = re.compile(r"^[-+]?[$£€]?\s*(\d{1,3}(,\d{3})+|\d+)(\.\d+)?(e[-+]?\d+)?\s*%?$", re.IGNORECASE)
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
SAMPLE = 4000


@dataclass(frozen=True)
class Column:
    """One field: its values over all rows, "" where a row lacks it."""

    name: str
    values: tuple[str, ...]

    @cached_property
    def filled(self) -> tuple[str, ...]:
        """Values that are not empty."""
        return tuple(value for value in self.values if value.strip())

    @cached_property
    def share(self) -> float:
        """Share of rows with a value."""
        return len(self.filled) / max(1, len(self.values))

    @cached_property
    def distinct(self) -> int:
        """How many different values."""
        return len(set(self.filled))

    @cached_property
    def numeric(self) -> float:
        """Share of values that are one number."""
        head = self.filled[:SAMPLE]
        return sum(bool(NUMBER.match(value.strip())) for value in head) / max(1, len(head))

    @cached_property
    def mean_length(self) -> float:
        """Mean number of characters."""
        return sum(map(len, self.filled)) / max(1, len(self.filled))

    @cached_property
    def mean_words(self) -> float:
        """Mean number of words."""
        head = self.filled[:SAMPLE]
        return sum(word_count(value) for value in head) / max(1, len(head))

    @cached_property
    def prose(self) -> bool:
        """Whether the values are mostly of several words of letters."""
        head = self.filled[:SAMPLE]
        return sum(
            sum(any(map(str.isalpha, word)) for word in value.split()[:6]) >= 3 or word_count(value) >= 3 + value.count(" ") for value in head
        ) > 0.5 * len(head)

    @cached_property
    def listed(self) -> float:
        """Share of values that are a list of texts."""
        head = self.filled[:200]
        return sum(len(as_list(value)) >= 2 for value in head) / max(1, len(head))

    @property
    def classes(self) -> bool:
        """Whether the values look like class names: short, few, repeated."""
        return 2 <= self.distinct <= max(2, min(500, len(self.filled) // 2)) and self.mean_length <= 60 and self.mean_words <= 8


def word_count(value: str) -> int:
    """Words between spaces; of scripts without spaces, two characters count as one."""
    return max(len(value.split()), len(_UNSPACED.findall(value)) // 2)


def columns(records: Records) -> dict[str, Column]:
    """Every field of the records."""
    return {name: Column(name, tuple(row.get(name, "") for row in records.rows)) for name in records.fields}


def as_list(value: str) -> Sequence[str]:
    """The texts of a list written as JSON or as a Python literal; empty where it is none."""
    value = value.strip()
    if not (value.startswith(("[", "{")) and value.endswith(("]", "}"))):
        return ()
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return tuple(single or double for single, double in _QUOTED.findall(value)) if value.startswith("[") else ()
    if isinstance(found, dict):
        found = list(found.values())
    return tuple(str(item) for item in found) if all(isinstance(item, str | int | float) for item in found) else ()
