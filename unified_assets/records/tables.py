"""Record files in; those that are parts of one table (`x_train.csv`, `x_test.csv`) together out."""

import re
from collections import defaultdict
from collections.abc import Iterable

from unified_assets.core.contracts import Records
from unified_assets.records.names import SPLIT_WORDS, parent, without_splits


def splitless(path: str) -> str:
    """A file's name without split words: `folio-train.jsonl` → `folio.jsonl`; a name of nothing else keeps it."""
    name = path.rpartition("/")[2]
    base, dot, extension = name.rpartition(".")
    left = [part for part in re.split(r"[-_. ]+", base) if part.lower() not in SPLIT_WORDS]
    return "_".join(left) + dot + extension if left else f"table.{extension}" if dot else name


def joined(tables: Iterable[Records]) -> list[list[Records]]:
    """Tables by folder, splitless name and fields, in path order."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Records]] = defaultdict(list)
    for records in sorted(tables, key=lambda item: item.path):
        groups[without_splits(parent(records.path)), splitless(records.path), tuple(sorted(records.fields))].append(records)
    return list(groups.values())
