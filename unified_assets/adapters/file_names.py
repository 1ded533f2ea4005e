"""The class stands in the file name, at the same place in all files of a folder: `7_theo_12.wav`, `000487-num9.png`, `IR_DRONE_001.mp4`."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.names import STRUCTURAL_WORDS, fields_of_name, parent, stem
from unified_assets.records.places import MEDIA, ROLE_OF, Place, by_folder, places

MIN_FILES = 16  # of one folder
MIN_PER_CLASS = 4
AGREEMENT = 0.8  # of a folder's files share one pattern
MAX_NUMERIC = 20  # more different numbers than this are an index, not classes
MIN_GROUPS = 4
NEIGHBOURS = 8  # clips with neighbouring numbers were cut from one recording


@dataclass(frozen=True)
class _Pattern:
    """Which field of the names is the class, which one a group, which one counts."""

    folder: str
    places: tuple[Place, ...]
    label: int
    group: int | None
    index: int | None

    @property
    def labels(self) -> set[str]:
        return {fields_of_name(stem(place.path))[0][self.label] for place in self.places}


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each folder, or for folders side by side that use the same classes."""
    for modality in MEDIA:
        patterns: dict[str, list[_Pattern]] = defaultdict(list)
        for folder, found in sorted(by_folder(places(view.files, modality)).items()):
            pattern = _pattern(folder, found)
            if pattern is not None:
                patterns[parent(folder)].append(pattern)
        for above, found_patterns in sorted(patterns.items()):
            for root, joined in _joined(above, found_patterns):
                yield _proposal(root, joined, modality)


def _joined(above: str, patterns: list[_Pattern]) -> Iterator[tuple[str, list[_Pattern]]]:
    """Patterns of sibling folders with mostly the same classes, as one."""
    left = list(patterns)
    while left:
        first = left.pop(0)
        same = [other for other in left if above and len(first.labels & other.labels) >= 0.5 * len(first.labels | other.labels)]
        left = [other for other in left if other not in same]
        yield (above if same else first.folder, [first, *same])


def _pattern(folder: str, found: list[Place]) -> _Pattern | None:
    if len(found) < MIN_FILES:
        return None
    names = [(fields_of_name(stem(place.path)), place) for place in found]
    skeleton, count = Counter(skeleton for (_, skeleton), _ in names).most_common(1)[0]
    if count < AGREEMENT * len(found):
        return None
    rows = [(parts, place) for (parts, own), place in names if own == skeleton]
    columns = [[parts[place] for parts, _ in rows] for place in range(len(rows[0][0]))]
    numeric = [column[0].isdigit() for column in columns]
    fits = [place for place, column in enumerate(columns) if _is_class(column, numeric=numeric[place])]
    last_number = max((place for place in range(len(columns)) if numeric[place] and len(set(columns[place])) > 1), default=None)
    if len(fits) > 1 and last_number in fits:
        fits.remove(last_number)
    if not fits:
        return None
    label = _label_of(fits, columns)
    group = next((place for place in fits if place > label and not numeric[place] and len(set(columns[place])) >= MIN_GROUPS), None)
    index = last_number if last_number not in {label, group} else None
    return _Pattern(folder, tuple(place for _, place in rows), label, group, index)


def _is_class(column: list[str], *, numeric: bool) -> bool:
    counts = Counter(column)
    if not 2 <= len(counts) <= min(60, len(column) // MIN_PER_CLASS) or any(value.lower() in STRUCTURAL_WORDS for value in counts):
        return False
    if numeric and (len(counts) > MAX_NUMERIC or (len(column[0]) >= 3 and column[0].startswith("0"))):
        return False
    return sum(count >= MIN_PER_CLASS for count in counts.values()) >= 0.8 * len(counts)


def _label_of(fits: list[int], columns: list[list[str]]) -> int:
    """The first field that fits; a two-way mark before a field with twice as many values is a condition, not the class."""
    first = fits[0]
    richer = [place for place in fits[1:] if len(set(columns[place])) >= 2 * len(set(columns[first]))]
    return richer[0] if len(set(columns[first])) == 2 and richer else first


def _proposal(root: str, patterns: list[_Pattern], modality: str) -> Proposal:
    examples = tuple(_example(pattern, place, modality) for pattern in patterns for place in pattern.places)
    position = "prefix" if patterns[0].label == 0 else f"field_{patterns[0].label + 1}"
    grouped = any(pattern.group is not None for pattern in patterns)
    return Proposal(
        root=root,
        form=f"file_names_{position}",
        subject=modality,
        kind="classification",
        roles=(ROLE_OF[modality],),
        examples=examples,
        adapter=ADAPTER.name,
        withheld=("file name: it is the label",),
        why=f"{len(examples)} names follow one pattern in which field {patterns[0].label + 1} has {len({e.target for e in examples})} values"
        + ("; another field names who or what must stay on one side" if grouped else ""),
    )


def _example(pattern: _Pattern, place: Place, modality: str) -> ProposedExample:
    parts = fields_of_name(stem(place.path))[0]
    label = parts[pattern.label]
    group = None
    if pattern.group is not None:
        group = parts[pattern.group]
    elif pattern.index is not None and modality == "video":
        group = f"{pattern.folder}:{label}:{int(parts[pattern.index]) // NEIGHBOURS}"
    return ProposedExample(inputs=(Input(role=ROLE_OF[modality], path=place.path),), target=label, split=place.split, group=group)


def _write_example(folder: Path) -> None:
    from PIL import Image

    (folder / "marks").mkdir(parents=True, exist_ok=True)
    for label in (3, 8):
        for number in range(8):
            Image.new("RGB", (16, 16), (label * 20, number * 30, 90)).save(folder / "marks" / f"{number * 7:06d}-num{label}.png")


ADAPTER = Adapter(
    name="file_names",
    description="A field of the file names is the class.",
    propose=propose,
    example=_write_example,
    expected={"marks/000000-num3.png": "3", "marks/000049-num8.png": "8"},
)
