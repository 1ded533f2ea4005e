"""Names of files that lie together in; which field of them is the class, which one a group, which one a side, out.

Fields are runs of letters or of digits. They are counted from the front where the names follow one pattern (`7_theo_12`,
`000487-num9`), else from the end (`6-8-3-t01-pass-a`, `7.1-t03-fail-b`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from unified_assets.records.names import SPLIT_WORDS, STRUCTURAL_WORDS, fields_of_name, parent, stem, without_splits

MIN_FILES = 16  # that follow one pattern
MIN_PER_CLASS = 4
AGREEMENT = 0.8  # of the names share one pattern from the front
FROM_END = 0.95  # of the names have letters in the field counted from the end
DEPTH = 3  # fields from the end that are looked at
SEEN = 400  # names that are looked at first
MOST_CLASSES = 60
MAX_NUMERIC = 20  # more different numbers than this are an index, not classes
MIN_GROUPS = 4
PEOPLE = frozenset(  # before the number that says who it is
    ["speaker", "spk", "subject", "subj", "sub", "user", "actor", "person", "patient", "participant", "volunteer", "client", "voice", "session", "s", "p", "u"]
)
MIN_REPEATED = 0.6  # of the names have a code that others have too
CODE = range(2, 7)  # letters of a code after a number: `1017_RH`, `32cds`
_YEAR, _MONTH, _DAY, _TIME = range(1900, 2100), range(1, 13), range(1, 32), range(60)
_CLOCK = frozenset({"at", "um", "t", "z", "am", "pm", "utc"})
SIDED = 0.95  # of the names of a folder hold one word for a side
MIN_SIDED = 8


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Places of fields, negative from the end. `members`: which of the names follow it."""

    label: int
    group: int | None = None
    index: int | None = None
    members: tuple[int, ...] = ()

    def label_of(self, name: str) -> str:
        """The class that a name tells."""
        return fields_of_name(name)[0][self.label]


def from_front(names: Sequence[str]) -> Naming | None:
    """The class where most names follow one pattern: the first field with few, repeated values."""
    if len(names) < MIN_FILES:
        return None
    fields = [fields_of_name(name) for name in names]
    skeleton, count = Counter(skeleton for _, skeleton in fields).most_common(1)[0]
    if count < AGREEMENT * len(names):
        return None
    members = tuple(place for place, (_, own) in enumerate(fields) if own == skeleton)
    columns = [[fields[place][0][field] for place in members] for field in range(len(fields[members[0]][0]))]
    numeric = [column[0].isdigit() for column in columns]
    people = [place for place in range(1, len(columns)) if numeric[place] and {name.lower() for name in columns[place - 1]} <= PEOPLE]
    others = {*_dates(columns), *people}
    fits = [place for place, column in enumerate(columns) if place not in others and _is_class(column, numeric=numeric[place])]
    last_number = max((place for place in range(len(columns)) if numeric[place] and len(set(columns[place])) > 1), default=None)
    if len(fits) > 1 and last_number in fits:
        fits.remove(last_number)
    if not fits:
        return None
    label = _label_of(fits, columns)
    beside = (place for place in fits if place > label and not numeric[place] and len(set(columns[place])) >= MIN_GROUPS)
    group = next((place for place in people if len(set(columns[place])) > 1), next(beside, None))
    return Naming(label=label, group=group, index=last_number if last_number not in {label, group} else None, members=members)


def from_end(names: Sequence[str]) -> Naming | None:
    """The class where fronts differ: the last field but one or two in which nearly all names have one of a few words."""
    if len(names) < MIN_FILES:
        return None
    if len(names) > SEEN and not _worth_it([fields_of_name(name)[0] for name in names[:: len(names) // SEEN]]):
        return None
    fields = [fields_of_name(name)[0] for name in names]
    for place in range(-1, -DEPTH - 1, -1):
        members = tuple(number for number, parts in enumerate(fields) if len(parts) > -place and parts[place].isalpha() and len(parts[place]) > 1)
        column = [fields[number][place].lower() for number in members]
        if len(members) >= FROM_END * len(names) and _is_class(column, numeric=False):
            return Naming(label=place, members=members)
    return None


def _worth_it(fields: Sequence[tuple[str, ...]]) -> bool:
    """Whether a share of the names has letters in one of the last fields, and not as many words as names."""
    for place in range(-1, -DEPTH - 1, -1):
        column = [parts[place].lower() for parts in fields if len(parts) > -place and parts[place].isalpha()]
        if len(column) >= 0.9 * len(fields) and 2 <= len(set(column)) <= MOST_CLASSES:
            return True
    return False


def code_at_end(names: Sequence[str]) -> Naming | None:
    """The class where names end in a number and a short code, most of which are met more than once: `hr1017_RH`."""
    fields = [fields_of_name(name)[0] for name in names]
    members = tuple(
        number
        for number, parts in enumerate(fields)
        if len(parts) > 1 and parts[-1].isalpha() and parts[-1].isascii() and len(parts[-1]) in CODE and parts[-2].isdigit()
    )
    if len(names) < MIN_FILES or len(members) < FROM_END * len(names):
        return None
    counts = Counter(fields[number][-1].lower() for number in members)
    repeated = sum(count for count in counts.values() if count > 1)
    fits = len(counts) >= 2 and repeated >= MIN_REPEATED * len(members) and max(counts.values()) < 0.9 * len(members)
    return Naming(label=-1, members=members) if fits and not any(code in STRUCTURAL_WORDS for code in counts) else None


def known_classes(names: Sequence[str], classes: Iterable[str]) -> Naming | None:
    """The class of a few names, by the classes of files beside them: a field with at least two of those, and few others."""
    known = set(classes)
    fields = [fields_of_name(name) for name in names]
    if len({skeleton for _, skeleton in fields}) != 1:
        return None
    for place in range(len(fields[0][0])):
        column = Counter(parts[place] for parts, _ in fields)
        shared = column.keys() & known
        if len(shared) >= 2 and 2 * len(shared) > len(column) and min(column.values()) >= 2:
            return Naming(label=place, members=tuple(range(len(names))))
    return None


def named_sides(paths: Iterable[str]) -> dict[str, str]:
    """Path → the side that a word of its name declares, where nearly all files of a folder have such a word and they differ."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folders[without_splits(parent(path))].append(path)
    found: dict[str, str] = {}
    for inside in folders.values():
        sides = {path: side for path in inside if (side := _side(stem(path))) is not None} if len(inside) >= MIN_SIDED else {}
        if len(sides) >= SIDED * len(inside) and len(set(sides.values())) > 1:
            found |= sides
    return found


def _side(name: str) -> str | None:
    sides = set(_sides(fields_of_name(name)[0]))
    return sides.pop() if len(sides) == 1 else None


def _sides(parts: Iterable[str]) -> Iterator[str]:
    return (SPLIT_WORDS[part.lower()] for part in parts if part.lower() in SPLIT_WORDS)


def _is_class(column: Sequence[str], *, numeric: bool) -> bool:
    counts = Counter(column)
    if not 2 <= len(counts) <= min(MOST_CLASSES, len(column) // MIN_PER_CLASS):
        return False
    words = {value.lower() for value in counts}
    if words & STRUCTURAL_WORDS or words & SPLIT_WORDS.keys() or words <= _CLOCK:
        return False
    if numeric and (len(counts) > MAX_NUMERIC or (len(column[0]) >= 3 and column[0].startswith("0"))):
        return False
    return sum(count >= MIN_PER_CLASS for count in counts.values()) >= 0.8 * len(counts)


def _dates(columns: Sequence[Sequence[str]]) -> frozenset[int]:
    """Fields of a date and the time after it (`2021-03-05 at 10.11.12`): they say when, not what."""
    found: set[int] = set()
    for first in range(len(columns) - 2):
        orders = ((_YEAR, _MONTH, _DAY), (_DAY, _MONTH, _YEAR), (_MONTH, _DAY, _YEAR))
        if any(all(_within(columns[first + step], bounds) for step, bounds in enumerate(order)) for order in orders):
            found |= {first, first + 1, first + 2}
    last = max(found, default=len(columns))
    for place in range(last + 1, len(columns)):
        if not (_within(columns[place], _TIME) or set(map(str.lower, columns[place])) <= _CLOCK):
            break
        found.add(place)
    return frozenset(found)


def _within(column: Sequence[str], bounds: range) -> bool:
    return all(value.isdecimal() and int(value) in bounds for value in column)


def _label_of(fits: list[int], columns: list[list[str]]) -> int:
    """The first field that fits; a two-way mark before a field with twice as many values is a condition, not the class."""
    first = fits[0]
    richer = [place for place in fits[1:] if len(set(columns[place])) >= 2 * len(set(columns[first]))]
    return richer[0] if len(set(columns[first])) == 2 and richer else first
