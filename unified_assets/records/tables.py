"""Record files in; those that are parts of one table (`x_train.csv`, `x_test.csv`) together out."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from unified_assets.core.contracts import Records
from unified_assets.records.names import SPLIT_WORDS, declared_split, parent, side_of_folder, without_splits

ALIKE = 0.6  # of the fields of two tables are shared by parts of one
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
    """Tables that are parts of one, in path order; parts share most of the first part's fields.

    Parts lie at the same place with split levels aside: under the same name with split words aside, else, where only one table
    of such fields is left over on each declared side, under any name in that folder, else anywhere in that source folder.
    """
    groups: list[list[Records]] = []
    named: dict[tuple[str, str], list[list[Records]]] = defaultdict(list)
    for records in sorted(tables, key=lambda item: item.path):
        same = named[without_splits(parent(records.path)), splitless(records.path)]
        group = next((parts for parts in same if _alike(parts[0], records)), None)
        if group is None:
            same.append([records])
            groups.append(same[-1])
        else:
            group.append(records)
    for place in (lambda path: without_splits(parent(path)), _source):
        groups = _counterparts(groups, place)
    return groups


def whole(parts: Sequence[Records]) -> Records:
    """The rows of all parts as one table, to read the roles of its fields from."""
    if len(parts) == 1:
        return parts[0]
    return Records(
        path=parts[0].path,
        rows=tuple(row for part in parts for row in part.rows),
        fields=tuple(dict.fromkeys(field for part in parts for field in part.fields)),
        format=parts[0].format,
        splits=tuple(split for part in parts for split in part.splits),
        cut=any(part.cut for part in parts),
    )


def _alike(one: Records, other: Records) -> bool:
    mine, theirs = set(one.fields), set(other.fields)
    return len(mine & theirs) >= ALIKE * len(mine | theirs)


def _counterparts(groups: list[list[Records]], place: Callable[[str], str]) -> list[list[Records]]:
    """Join groups that each lie on one outermost side, where each side has exactly one of these fields at that place."""
    near: dict[tuple[str, str], list[list[Records]]] = defaultdict(list)
    for group in groups:
        if len(of_parts := {_side(part) for part in group}) == 1 and None not in of_parts:
            near[place(group[0].path), group[0].format].append(group)
    gone: set[int] = set()
    for found in near.values():
        for group in found:
            alike = [other for other in found if id(other) not in gone and _alike(group[0], other[0])]
            sides = [_side(other[0]) for other in alike]
            if id(group) not in gone and len(alike) > 1 and len(set(sides)) == len(sides):
                parts = sorted((part for other in alike for part in other), key=lambda part: (_side(part) != "train", part.path))
                gone.update(id(other) for other in alike if other is not group)
                group[:] = parts
    return [group for group in groups if id(group) not in gone]


def _side(records: Records) -> str | None:
    """The outermost side that the folders of a table declare."""
    return (declared_split(records.path) or "").partition("/")[0] or None


def _source(path: str) -> str:
    """What lies around the outermost split level, and the first folder below it: `lake/train/a/b/c.csv` → `lake/a`."""
    parts = path.split("/")
    level = next((place for place, name in enumerate(parts[:-1]) if side_of_folder(name)), 0)
    return "/".join((*parts[:level], parts[level + 1]))
