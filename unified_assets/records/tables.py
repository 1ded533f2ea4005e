"""Record files in; those that are parts of one table (`x_train.csv`, `x_test.csv`) together out."""

import re
from collections import defaultdict
from collections.abc import Iterable

from unified_assets.core.contracts import Records
from unified_assets.records.names import SPLIT_WORDS, parent, without_splits

_SYNONYMS = (("unknown", "uncertain", "undetermined"),)


def same_classes(names: set[str]) -> dict[str, str]:
    """Class → the other name of it that is met too: parts of one table may call the third truth value differently."""
    found: dict[str, str] = {}
    for group in _SYNONYMS:
        met = sorted((name for name in names if name.lower() in group), key=lambda name: (group.index(name.lower()), name))
        found.update(dict.fromkeys(met[1:], met[0]) if len(met) > 1 else {})
    return found


def splitless(path: str) -> str:
    """A file's name without split words: `folio-train.jsonl` → `folio.jsonl`; a name of nothing else becomes `table`."""
    name = path.rpartition("/")[2]
    base, dot, extension = name.rpartition(".")
    if not dot:
        base, extension = name, ""
    left = [part for part in re.split(r"[-_. ]+", base) if part.lower() not in SPLIT_WORDS]
    return ("_".join(left) if left else "table") + dot + extension


def joined(tables: Iterable[Records]) -> list[list[Records]]:
    """Tables by folder and splitless name, in path order; parts share most of the first part's fields."""
    groups: dict[tuple[str, str], list[list[Records]]] = defaultdict(list)
    for records in sorted(tables, key=lambda item: item.path):
        same = groups[without_splits(parent(records.path)), splitless(records.path)]
        fields = set(records.fields)
        group = next((parts for parts in same if len(fields & set(parts[0].fields)) >= 0.6 * len(fields | set(parts[0].fields))), None)
        if group is None:
            same.append([records])
        else:
            group.append(records)
    return [parts for same in groups.values() for parts in same]
