"""The class stands in the file name, at the same place in all files of a folder: `7_theo_12.wav`, `000487-num9.png`, `IR_DRONE_001.mp4`.

Where the front differs from folder to folder, it is counted from the end over all files below one (`6-8-3-t01-pass-a.pdf`). A few
files beside many that are named alike take their classes from those; of a few long sounds, windows are the examples.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from unified_assets.core.contracts import Adapter, Input, LakeView, Proposal, ProposedExample
from unified_assets.records.names import common_root, fields_of_name, parent, stem
from unified_assets.records.naming import MIN_FILES, Naming, from_end, from_front, known_classes
from unified_assets.records.places import MEDIA, ROLE_OF, Place, by_folder, places

NEIGHBOURS = 8  # clips with neighbouring numbers were cut from one recording
WINDOW_S, HOP_S = 1.0, 0.5
LONG_S = 4.0  # a sound this long holds many windows
MOST_WINDOWS = 60  # of one sound


@dataclass(frozen=True)
class _Pattern:
    """Files of one folder, and what the fields of their names say."""

    folder: str
    places: tuple[Place, ...]
    naming: Naming

    @property
    def labels(self) -> set[str]:
        return {self.naming.label_of(stem(place.path)) for place in self.places}


def propose(view: LakeView) -> Iterator[Proposal]:
    """One label space for each folder, or for folders side by side that use the same classes."""
    folders = {modality: by_folder(places(view.files, modality)) for modality in MEDIA}
    found = {modality: [pattern for folder, inside in sorted(inner.items()) if (pattern := _pattern(folder, inside))] for modality, inner in folders.items()}
    known: dict[str, set[str]] = defaultdict(set)
    for pattern in (pattern for patterns in found.values() for pattern in patterns):
        known[parent(pattern.folder)] |= pattern.labels
    seconds = _seconds(view.files)
    for modality, patterns in found.items():
        beside = [
            pattern for folder, inside in sorted(folders[modality].items()) if (pattern := _by_neighbours(folder, inside, known.get(parent(folder), set())))
        ]
        groups: dict[str, list[_Pattern]] = defaultdict(list)
        for pattern in (*patterns, *beside):
            groups[parent(pattern.folder)].append(pattern)
        for above, near in sorted(groups.items()):
            for root, joined in _joined(above, near):
                yield _proposal(root, joined, modality, seconds)
        done = {place.path for pattern in (*patterns, *beside) for place in pattern.places}
        rest = [place for inside in folders[modality].values() for place in inside if place.path not in done]
        for pattern in _below(rest):
            yield _proposal(pattern.folder, [pattern], modality, seconds)


def _pattern(folder: str, inside: list[Place]) -> _Pattern | None:
    naming = from_front([stem(place.path) for place in inside])
    return None if naming is None else _Pattern(folder, tuple(inside[place] for place in naming.members), naming)


def _by_neighbours(folder: str, inside: list[Place], known: set[str]) -> _Pattern | None:
    naming = known_classes([stem(place.path) for place in inside], known) if known and MIN_FILES > len(inside) >= 4 else None
    return None if naming is None else _Pattern(folder, tuple(inside), naming)


def _below(rest: list[Place]) -> Iterator[_Pattern]:
    """Patterns counted from the end over all files below a folder, from the outermost folder inwards."""
    waiting = [("", rest)]
    while waiting:
        folder, inside = waiting.pop()
        naming = from_end([stem(place.path) for place in inside])
        if naming is not None:
            members = tuple(inside[place] for place in naming.members)
            yield _Pattern(common_root([place.folder for place in members]), members, naming)
            continue
        inner: dict[str, list[Place]] = defaultdict(list)
        for place in inside:
            below = place.folder.removeprefix(folder).strip("/").partition("/")[0]
            if below:
                inner[f"{folder}/{below}" if folder else below].append(place)
        waiting += [(name, found) for name, found in sorted(inner.items(), reverse=True) if len(found) >= MIN_FILES]


def _joined(above: str, patterns: list[_Pattern]) -> Iterator[tuple[str, list[_Pattern]]]:
    """Patterns of sibling folders with mostly the same classes, as one."""
    left = list(patterns)
    while left:
        first = left.pop(0)
        same = [other for other in left if above and len(first.labels & other.labels) >= 0.5 * len(first.labels | other.labels)]
        left = [other for other in left if other not in same]
        yield (above if same else first.folder, [first, *same])


def _seconds(files: pl.DataFrame) -> Mapping[str, float]:
    """Path → length of a sound in seconds, where it is known."""
    if "duration_s" not in files.columns:
        return {}
    return dict(files.filter((pl.col("modality") == "audio") & pl.col("duration_s").is_not_null()).select("path", "duration_s").iter_rows())


def _proposal(root: str, patterns: list[_Pattern], modality: str, seconds: Mapping[str, float]) -> Proposal:
    spread = {name: name for pattern in patterns for name in pattern.labels}
    if patterns[0].naming.label < 0:
        spread = {name: name.lower() for name in spread}
    cut = _windowed(patterns, seconds) if modality == "audio" else False
    examples = tuple(
        example for pattern in patterns for place in pattern.places for example in _examples(pattern, place, modality, spread, seconds if cut else {})
    )
    label = patterns[0].naming.label
    position = "prefix" if label == 0 else f"field_{label + 1}" if label > 0 else f"field_{-label}_from_the_end"
    where = f"field {label + 1}" if label >= 0 else f"field {-label} from the end"
    grouped = any(pattern.naming.group is not None for pattern in patterns)
    files = sum(len(pattern.places) for pattern in patterns)
    return Proposal(
        root=root,
        form=f"file_names_{position}",
        subject=modality,
        kind="classification",
        roles=(ROLE_OF[modality],),
        examples=examples,
        adapter=ADAPTER.name,
        withheld=("file name: it is the label",),
        why=f"{files} names follow one pattern in which {where} has {len({e.target for e in examples})} values"
        + ("; another field names who or what must stay on one side" if grouped else "")
        + (f"; too few files: windows of {WINDOW_S:g} s, {HOP_S:g} s apart, are the examples, those of one file on one side" if cut else ""),
    )


def _windowed(patterns: list[_Pattern], seconds: Mapping[str, float]) -> bool:
    """Whether these are few sounds, all of them long."""
    paths = [place.path for pattern in patterns for place in pattern.places]
    return len(paths) < MIN_FILES and all(seconds.get(path, 0.0) >= LONG_S for path in paths)


def _examples(pattern: _Pattern, place: Place, modality: str, names: Mapping[str, str], seconds: Mapping[str, float]) -> Iterator[ProposedExample]:
    label = pattern.naming.label_of(stem(place.path))
    group = _group(pattern, place, label, modality)
    for locator in _locators(seconds.get(place.path)):
        yield ProposedExample(inputs=(Input(role=ROLE_OF[modality], path=place.path, locator=locator),), target=names[label], split=place.split, group=group)


def _group(pattern: _Pattern, place: Place, label: str, modality: str) -> str | None:
    parts, naming = fields_of_name(stem(place.path))[0], pattern.naming
    if naming.group is not None:
        return parts[naming.group]
    if naming.index is not None and modality == "video":
        return f"{pattern.folder}:{label}:{int(parts[naming.index]) // NEIGHBOURS}"
    return None


def _locators(seconds: float | None) -> list[str | None]:
    """The whole file, or its windows in seconds."""
    if seconds is None:
        return [None]
    count = min(MOST_WINDOWS, int((seconds - WINDOW_S) / HOP_S + 1e-6) + 1)
    return [f"time={number * HOP_S:g}-{number * HOP_S + WINDOW_S:g}" for number in range(count)]


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
